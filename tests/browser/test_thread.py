"""The thread through the pages: what one has brought along and chosen, from page to page and over a reload."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FAST, PICTURE_SECONDS
from tests.browser.test_explore import photo_file, settled, upload

pytestmark = pytest.mark.browser


def turn_to(page: Page, title: str) -> None:
    page.get_by_test_id("stTopNavLink").filter(has_text=title).click()


def expect_photo(page: Page) -> None:
    expect(page.get_by_text(re.compile("^halves.png seen by tiny-vit"))).to_be_visible(timeout=PICTURE_SECONDS * 1000)


def test_a_bad_file_is_refused_and_photo_and_encoder_follow_survive_reloads_and_stay_with_their_browser(server, open_page):
    page = settled(open_page(server.link(f"{FAST}&depths=2")))
    upload(page, "halves.png", photo_file(300, 200))
    expect_photo(page)
    upload(settled(page), "broken.png", b"<html>this is no picture</html>")
    expect(page.get_by_test_id("stAlert")).to_contain_text("broken.png")
    expect(page.get_by_test_id("stAlert")).to_have_count(1)
    expect(page.get_by_text("halves.png · 300 × 200 px")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    turn_to(page, "Encoders")
    expect(page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    turn_to(page, "Explore")
    expect_photo(page)
    page.reload()
    expect_photo(page)
    expect(page).to_have_url(re.compile("photo=own"))  # written when the picture is there
    stranger = open_page(page.url)
    expect(stranger.get_by_text("made with a private photo")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    expect(stranger.get_by_text("china seen by tiny-vit")).to_be_visible()
    expect(stranger.get_by_text("halves.png")).to_have_count(0)
