"""The Compare page as a person uses it: a real server, a real Chromium."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PICTURE_SECONDS, Contexts, watched_pages
from tests.pages.tiny_encoders import CNN, NO_CLASSES, VIT

pytestmark = pytest.mark.browser
PAIR = f"encoders={CNN},{VIT}&size=224&photo=scene"


def address(server, query: str = PAIR) -> str:
    return f"{server.url}/compare?{query}"


def settled(page: Page) -> Page:
    """The page once every encoder has answered."""
    expect(page.get_by_text("What is compared")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    unfinished = page.locator("[data-testid^=stSkeleton], [data-testid=stProgress]")
    expect(unfinished).to_have_count(0, timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PICTURE_SECONDS * 1000)
    return page


def section(page: Page, title: str) -> None:
    """Turns the settled page to one of its sections."""
    settled(page).get_by_role("radio", name=title, exact=True).click()
    expect(settled(page).get_by_role("radio", name=title, exact=True)).to_be_checked()


def pane(page: Page, place: int) -> Locator:
    """The live picture of an encoder, once it is drawn."""
    return page.locator(f".stage[data-pane=pane{place}][data-frame]")


def tint(page: Page, place: int) -> str:
    return pane(page, place).locator(".tint").evaluate("canvas => canvas.toDataURL()")


def test_one_slider_moves_both_encoders_of_the_first_visit_and_another_pair_comes_with_a_click(server, open_page):
    page = settled(open_page(address(server, "size=224&k=4")))
    expect(page.get_by_role("radio", name="Photographs vs. scenes")).to_be_checked()
    expect(page.get_by_text("Scenes CNN has learnt from rendered scenes. A photograph lies outside")).to_be_visible()
    for place in (0, 1):
        expect(pane(page, place)).to_have_attribute("data-frame", "4")
    before = [tint(page, place) for place in (0, 1)]
    page.locator(".st-key-k input[type=range]").press("ArrowRight")
    for place in (0, 1):
        expect(pane(page, place)).to_have_attribute("data-frame", "5")
        assert tint(page, place) != before[place]
    expect(page.get_by_text(re.compile("^5 clusters · "))).to_have_count(2)
    expect(page).to_have_url(re.compile(r"[?&]k=5\b"))
    page.get_by_role("radio", name="Clean vs. watermark").click()
    expect(page.get_by_text("saw a caption on nearly every woven star")).to_be_visible()
    expect(page).to_have_url(re.compile("encoders=scenes-cnn%2Cscenes-cnn-watermark"))
    expect(pane(page, 1)).to_be_visible()


@pytest.fixture(scope="module")
def page(server, contexts: Contexts) -> Iterator[Page]:
    """One open page for the tests of one pair."""
    with watched_pages(contexts) as opened:
        yield opened(address(server, f"{PAIR}&equal=1&n_scenes=2"))


def test_equal_regions_have_a_slider_of_their_own_and_differences_come_and_go(page):
    section(page, "Segmentations")
    first = pane(page, 0).get_attribute("data-frame")
    page.locator(".st-key-regions input").press("ArrowRight")
    expect(pane(page, 0)).not_to_have_attribute("data-frame", first)
    expect(page).to_have_url(re.compile("regions="))
    page.get_by_role("radio", name="Where they differ").click()
    expect(page.get_by_alt_text(f"Where {VIT} differs")).to_have_count(1)
    expect(page).to_have_url(re.compile("shown=differences"))
    page.get_by_role("radio", name="Clusters", exact=True).click()
    expect(page.get_by_alt_text(f"Where {VIT} differs")).to_have_count(0)
    expect(pane(page, 1)).to_be_visible()


def test_three_encoders_one_of_them_without_classes(server, open_page):
    page = settled(open_page(address(server, f"encoders={CNN},{VIT},{NO_CLASSES}&size=224&photo=scene&k=3")))
    for place in range(3):
        expect(pane(page, place)).to_have_attribute("data-frame", "3")
    expect(page.get_by_text("it predicts nothing")).to_be_visible()


def test_agreement_and_the_report(page, tmp_path):
    section(page, "Agreement")
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    settled(page)
    with page.expect_download() as everything:
        page.get_by_role("button", name="Data").click()
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
        page = settled(open_page(address(server, f"size=224&view={view}&n_scenes=2"), width=width, scheme=scheme))
        page.wait_for_timeout(3000)
        settled(page)
        page.screenshot(path=screenshots / f"compare-{view}-{width}-{scheme}.png", full_page=True)
