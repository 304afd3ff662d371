"""The Compare page as a person uses it: a real server, a real Chromium."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PICTURE_SECONDS
from tests.pages.tiny_encoders import CNN, NO_CLASSES, VIT

pytestmark = pytest.mark.browser
PAIR = f"encoders={CNN},{VIT}&size=224&photo=scene"


def address(server, query: str = PAIR) -> str:
    return f"{server.url}/compare?{query}"


def settled(page: Page) -> Page:
    """The page once every encoder has answered."""
    expect(page.get_by_text("What is compared")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PICTURE_SECONDS * 1000)
    return page


def pane(page: Page, encoder: str, about: str = "") -> Locator:
    return page.get_by_alt_text(re.compile(f"^{encoder}, {about}"))


def test_one_slider_moves_both(server, open_page):
    page = settled(open_page(address(server, f"{PAIR}&k=4")))
    before = [pane(page, name).get_attribute("src") for name in (CNN, VIT)]
    page.locator(".st-key-k input[type=range]").press("ArrowRight")
    for name, picture in zip((CNN, VIT), before, strict=True):
        expect(pane(page, name, "5 clusters")).to_have_count(1)
        assert pane(page, name).get_attribute("src") != picture
    expect(page).to_have_url(re.compile(r"[?&]k=5\b"))


def test_where_they_differ_and_back(server, open_page):
    page = settled(open_page(address(server)))
    page.get_by_role("radio", name="Where they differ").click()
    expect(page.get_by_text("apart from the first on average")).to_be_visible()
    expect(page).to_have_url(re.compile("shown=differences"))
    page.get_by_role("radio", name="Clusters", exact=True).click()
    expect(page.get_by_text("apart from the first on average")).to_have_count(0)


def test_a_third_encoder_appears_and_the_others_stay(server, open_page):
    page = settled(open_page(address(server, f"encoders={CNN},{VIT},{NO_CLASSES}&size=224&photo=scene&k=3")))
    for name in (CNN, VIT, NO_CLASSES):
        expect(pane(page, name, "3 clusters")).to_have_count(1)
    expect(page.get_by_text("it predicts nothing")).to_be_visible()


def test_agreement_and_the_report(server, open_page, tmp_path):
    page = settled(open_page(address(server, f"{PAIR}&view=agreement&n_scenes=2")))
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    settled(page)
    with page.expect_download() as everything:
        page.get_by_role("button", name="Everything").click()
    record = json.loads(Path(everything.value.path()).read_text())
    assert {row["measure"] for row in record["figures"]["agreement"]} == {"Adjusted Rand index", "Adjusted mutual information"}
    with page.expect_download() as report:
        page.get_by_role("button", name="Report").click()
    offline = tmp_path / "report.html"
    offline.write_bytes(Path(report.value.path()).read_bytes())
    assert "Agreement" in offline.read_text() and CNN in offline.read_text()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_for_the_eye(server, open_page, screenshots, width, scheme):
    for view in ("maps", "agreement", "depths", "cost"):
        page = settled(open_page(address(server, f"{PAIR}&view={view}&n_scenes=2"), width=width, scheme=scheme))
        page.screenshot(path=screenshots / f"compare-{view}-{width}-{scheme}.png", full_page=True)
