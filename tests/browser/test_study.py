"""The Study page as a person uses it: a study is run, goes on over a reload, and its result is there."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PICTURE_SECONDS
from tests.pages.tiny_encoders import VIT

pytestmark = pytest.mark.browser


def test_a_study_goes_on_over_a_reload_and_its_result_is_kept(server, open_page):
    page = open_page(f"{server.url}/study?study=suggested-k&of={VIT}&scenes=2&seeds=2&px=128")
    expect(page.get_by_text("has not been run on this server yet")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_text("What it does not show")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("has not been run on this server yet").or_(page.get_by_text("Results"))).to_be_visible()
    page.reload()
    expect(page.get_by_text("Covering at the k of every rule").first).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    expect(page).to_have_url(re.compile("study=suggested-k"))
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("was deleted")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The result is back.")).to_be_visible()
