"""The Explain page as a person uses it: a real server, a real Chromium."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PICTURE_SECONDS, Contexts, running_server, watched_pages
from tests.browser.test_explore import take_whole
from tests.pages.tiny_encoders import CNN, NO_CLASSES

pytestmark = pytest.mark.browser

SPARING = f"encoder={CNN}&concepts=striped,red&depths=2,3&steps=10&null=20&replicates=5"


def address(server, query: str = SPARING) -> str:
    return f"{server.url}/explain?{query}"


def settled(page: Page) -> Page:
    """The page once an explanation is there and nothing runs any more."""
    download(page, "Report").first.wait_for(timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    return page


def download(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stDownloadButton").get_by_role("button", name=label)


def downloaded(page: Page, label: str, folder: Path) -> Path:
    with page.expect_download() as file:
        download(page, label).first.click()
    path = folder / file.value.suggested_filename
    file.value.save_as(path)
    return path


def concept_maps(page: Page, name: str) -> Locator:
    return page.get_by_alt_text(re.compile(rf"^{name} at depth \d$"))


def click_dot(page: Page) -> None:
    """Plotly listens on a layer above its dots, so the click goes to the place and not to the element."""
    box = page.locator(".js-plotly-plot .scatterlayer .trace .points path").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)


def archive_of_images(n: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for seed in range(n):
            image = io.BytesIO()
            Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 40, 3), np.uint8)).save(image, "PNG")
            archive.writestr(f"{seed}.png", image.getvalue())
        archive.writestr("notes.txt", b"not a picture")
    return packed.getvalue()


def test_a_deep_link_as_the_first_request_after_start_shows_the_whole_app(server, encoders, contexts, tmp_path):
    fresh = running_server(tmp_path, encoders, hurried=True) if contexts.n_taken else nullcontext(server)
    with fresh as unasked, watched_pages(contexts) as open_page:
        page = settled(open_page(address(unasked, f"{SPARING}&depth=2&heat_opacity=30")))
        expect(page.get_by_role("link", name="Explore")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)  # such as "Page not found"
        expect(concept_maps(page, "striped")).to_have_attribute("alt", "striped at depth 2")
        expect(page).to_have_url(re.compile(r"depth=2.*heat_opacity=30"))


@pytest.fixture(scope="module")
def shared_page(server, contexts: Contexts) -> Iterator[Page]:
    with watched_pages(contexts) as opened:
        yield opened(address(server, f"{SPARING}&photo=china&take=red&take_depth=2&strength=1.0"))


@pytest.fixture
def page(shared_page) -> Page:
    """One open page for the tests of one photo; concept maps of one depth."""
    settled(shared_page)
    shared_page.get_by_role("radiogroup", name="Depth shown").get_by_role("radio", name="3", exact=True).click()
    expect(shared_page).not_to_have_url(re.compile("depth=all"))
    return settled(shared_page)


def test_classes_follow_the_strength_without_a_round_trip_and_maps_of_all_depths_come_with_a_click(page):
    slider, first = page.get_by_label("Strength of “red”"), page.locator(".taken .row").first
    expect(first.locator(".share")).not_to_contain_text("(")  # unchanged
    before = first.locator(".fill").get_attribute("style")  # random weights: a change in the last digits
    slider.evaluate("input => { input.value = 0; input.dispatchEvent(new Event('input')); }")  # as while it is dragged
    assert first.locator(".fill").get_attribute("style") != before
    expect(page.locator(".taken output")).to_have_text("removed")
    expect(page).to_have_url(re.compile(r"strength=1.0"))  # nothing was sent yet
    slider.evaluate("input => input.dispatchEvent(new Event('change'))")
    expect(page).not_to_have_url(re.compile(r"strength=1.0"))  # removed is the default
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"strength=0.25"))
    expect(concept_maps(page, "red")).to_have_count(1)
    page.get_by_role("radiogroup", name="Depth shown").get_by_role("radio", name="All", exact=True).click()
    expect(concept_maps(page, "red")).to_have_count(2)
    expect(page).to_have_url(re.compile("depth=all"))


def test_pages_turn_without_losing_what_was_chosen(page):
    page.get_by_role("link", name="Explore").click()
    expect(page.get_by_text("china · 640 × 427 px")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    page.get_by_role("link", name="Explain").click()
    settled(page)
    expect(concept_maps(page, "striped")).to_have_count(1)
    expect(concept_maps(page, "zigzag")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"photo=china"))


def test_the_report_opens_without_a_network(page, browser: Browser, tmp_path):
    path = downloaded(page, "Report", tmp_path)
    assert json.loads(downloaded(page, "Data", tmp_path).read_text())["encoder"]["name"] == CNN
    assert len(downloaded(page, "Table", tmp_path).read_text().splitlines()) == 1 + 3 * 2 * (2 + 1)  # two depths, and all
    context = browser.new_context(offline=True)
    asked: list[str] = []
    report = context.new_page()
    report.on("request", lambda request: asked.append(request.url))
    report.goto(path.as_uri())
    expect(report.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(report.locator("figure img")).to_have_count(2 * 3)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def test_a_class_from_an_archive_and_a_click_on_an_image(server, open_page):
    page = open_page(address(server, f"{SPARING}&tab=class&class=1"))
    expect(page.get_by_text("Upload images of the class in the sidebar")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
        {"name": "things.zip", "mimeType": "application/zip", "buffer": archive_of_images(3)}
    )
    settled(page)
    expect(page.get_by_test_id("stAlert")).to_contain_text("notes.txt")
    expect(page.get_by_text("over 3 images")).to_be_visible()
    click_dot(page)
    expect(page.get_by_role("button", name="Close this image")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    expect(concept_maps(page, "striped")).to_have_count(2)  # as the class is shown: over both depths
    page.get_by_role("button", name="Close this image").click()
    expect(concept_maps(page, "striped")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_an_encoder_without_classes_says_what_to_do(server, open_page):
    page = open_page(address(server, f"encoder={NO_CLASSES}"))
    expect(page.get_by_text("there is no class to attribute to")).to_be_visible(timeout=PICTURE_SECONDS * 1000)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["photo", "class"])
def test_screenshots(server, open_page, screenshots, tab, width, scheme):
    query = "concepts=striped,red&null=20&replicates=5&steps=10&depths=3,4&n=4&class=1"
    page = settled(open_page(address(server, f"{query}&tab={tab}"), width, 1000, scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out to the right
    take_whole(page, width, screenshots / f"explain-{tab}-{width}-{scheme}.png")
