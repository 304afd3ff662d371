"""The Concepts page as a person uses it: a real server with a library of its own, a real Chromium."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PICTURE_SECONDS, Contexts, watched_pages
from tests.browser.test_explore import take_whole
from tests.pages.tiny_encoders import CNN, VIT

pytestmark = pytest.mark.browser

WAIT_MS = PICTURE_SECONDS * 1000


@pytest.fixture(scope="module")
def shared_page(server, contexts: Contexts) -> Iterator[Page]:
    with watched_pages(contexts) as opened:
        yield opened(f"{server.url}/concepts?encoder={VIT}")


@pytest.fixture
def page(shared_page) -> Page:
    """One open page for the tests that leave the library as it was; "striped" is looked at."""
    shared_page.keyboard.press("Escape")  # a form that the test before has left open
    return choose(shared_page, "striped")


def choose(page: Page, concept: str) -> Page:
    """The page with that concept."""
    settled(page)
    pill = page.get_by_role("radiogroup", name="Concepts").get_by_role("radio", name=concept, exact=True)
    pill.click()
    expect(pill).to_be_checked()
    expect(page.get_by_role("group", name=f"Images of {concept}")).to_be_visible()
    return settled(page)


def settled(page: Page) -> Page:
    """The page once everything is checked and nothing runs any more."""
    page.locator(".st-key-similarity .js-plotly-plot").last.wait_for(timeout=WAIT_MS)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=WAIT_MS)
    return page


def tiles(page: Page) -> Locator:
    return page.get_by_role("group", name=re.compile("^Images of")).get_by_role("button")


def concept_pills(page: Page) -> Locator:
    return page.get_by_role("radiogroup", name="Concepts").get_by_role("radio")


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 120, (40, 40, 3)) + np.array([20, 120, 20])
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def file(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def choose_files(page: Page, key: str, files: list[dict] | Path) -> None:
    """Returns once they are uploaded: a script can press a button before the browser has even begun."""
    uploader = page.locator(f"[class*='st-key-{key}']")
    uploader.locator("input[type=file]").set_input_files(files)
    uploader.get_by_test_id("stFileChip").first.wait_for()
    expect(uploader.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)


def make_concept(page: Page, name: str, files: list[dict]) -> None:
    page.get_by_role("button", name="New set").click()
    page.get_by_label("Name", exact=True).fill(name)
    choose_files(page, "new-files", files)
    page.get_by_role("button", name="Create").click()


def test_a_first_visit_shows_a_concept_and_its_health_without_a_click(server, open_page):
    expect_a_concept(open_page(f"{server.url}/concepts"), server.url)


def expect_a_concept(page: Page, url: str) -> None:
    """The starter that comes first, while the others are still being checked."""
    expect(page.get_by_text("efficientnet-lite0 sees “striped” best at depth")).to_be_visible(timeout=WAIT_MS)
    expect(tiles(page)).to_have_count(48)
    expect(page.locator(".st-key-health .js-plotly-plot")).to_be_visible()
    expect(page).to_have_url(f"{url}/concepts?encoder=efficientnet-lite0")


def test_a_link_brings_back_encoder_concept_and_depth(server, open_page):
    page = open_page(f"{server.url}/concepts?encoder={CNN}&concept=red&depth=1")  # similarities of all are not waited for
    expect(page.get_by_text(re.compile(f"{CNN} .*“red”"))).to_be_visible(timeout=WAIT_MS)
    expect(concept_pills(page).and_(page.get_by_role("radio", checked=True))).to_have_text("red")
    expect(page.get_by_role("radiogroup", name="Depth").get_by_role("radio", checked=True)).to_have_text("1")


def test_a_concept_is_uploaded_gets_a_verdict_and_is_undone(page):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for seed in range(6):
            archive.writestr(f"leaf-{seed}.png", picture(seed))
    files = [file(f"{i}.png", picture(100 + i)) for i in range(6)]
    make_concept(page, "leafy", [*files, file("leaves.zip", packed.getvalue()), file("page.png", b"<html>no picture</html>")])
    expect(page.get_by_text("'leafy' was created with 12 images.")).to_be_visible()
    expect(page.get_by_test_id("stAlert").filter(has_text="page.png")).to_be_visible()
    expect(tiles(settled(page))).to_have_count(12)
    expect(page.get_by_text(re.compile(f"{VIT} .*“leafy”"))).to_be_visible(timeout=WAIT_MS)
    expect(page).to_have_url(re.compile("concept=leafy"))
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("'leafy' was removed again.")).to_be_visible()
    expect(concept_pills(page).filter(has_text="leafy")).to_have_count(0)


def test_selected_images_are_removed_and_come_back(page):
    expect(tiles(choose(page, "dotted"))).to_have_count(48)
    tiles(page).nth(0).click()
    tiles(page).nth(2).press("Enter")
    page.get_by_role("button", name="Remove 2 selected").click()
    expect(page.get_by_text("2 images were removed from 'dotted'.")).to_be_visible()
    expect(tiles(page)).to_have_count(46)
    page.get_by_role("button", name="Undo").click()
    expect(tiles(page)).to_have_count(48)


def test_a_set_of_several_pages_keeps_its_selection_over_them(page):
    page.get_by_text("scenes · 120").click()
    expect(page.get_by_role("group", name="Images of scenes")).to_be_visible()
    expect(tiles(page)).to_have_count(60)
    first = tiles(page).first.get_attribute("data-id")
    tiles(page).first.click()
    expect(page.get_by_role("button", name="Remove 1 selected")).to_be_visible()
    page.get_by_test_id("stPagination").get_by_text("2", exact=True).click()
    expect(tiles(page).first).not_to_have_attribute("data-id", first)
    tiles(page).first.click()
    expect(page.get_by_role("button", name="Remove 2 selected")).to_be_visible()
    page.get_by_text("striped · 48").click()
    expect(tiles(page)).to_have_count(48)


def test_a_bad_archive_is_one_sentence_and_the_page_goes_on(page):
    make_concept(page, "broken", [file("broken.zip", b"this is no archive")])
    expect(page.get_by_test_id("stAlert").filter(has_text="not a readable .zip archive")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(tiles(page)).to_have_count(48)


def test_a_pack_goes_out_and_comes_back_under_the_same_name(page, tmp_path):
    choose(page, "red")
    page.get_by_role("button", name="Packs").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export pack").click()
    pack = tmp_path / download.value.suggested_filename
    download.value.save_as(pack)
    assert sum(name.startswith("images/") for name in zipfile.ZipFile(pack).namelist()) == 48
    choose_files(page, "pack", pack)
    page.get_by_role("button", name="Import pack").click()
    expect(page.get_by_text("is in the library already")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(server, open_page, screenshots, width, scheme):
    page = settled(open_page(f"{server.url}/concepts", width, 1000, scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out to the right
    take_whole(page, width, screenshots / f"concepts-{width}-{scheme}.png")
