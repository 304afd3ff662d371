"""The Explore page as a person uses it: a real server, a real Chromium."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import FAST, PICTURE_SECONDS, running_server, watched_pages
from tests.pages.tiny_encoders import NO_CLASSES

pytestmark = pytest.mark.browser


def picture(page: Page) -> Locator:
    """The live picture, once it is drawn."""
    canvas = page.locator("canvas[data-k]")
    canvas.wait_for(timeout=PICTURE_SECONDS * 1000)
    return canvas


def settled(page: Page) -> Page:
    """The page once nothing runs any more and every depth of the strip is drawn."""
    picture(page)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    return page


def pixels(canvas: Locator) -> str:
    return canvas.evaluate("canvas => canvas.toDataURL()")


def slider(page: Page) -> Locator:
    return page.locator(".st-key-k input[type=range]")


def n_clusters(page: Page) -> int:
    """What the live picture shows now."""
    return int(picture(page).get_attribute("data-k"))


def expect_link(page: Page, k: int) -> None:
    """The link asks for that granularity; the suggested one needs no asking."""
    expect(page).to_have_url(re.compile(rf"[?&]k={k}\b|^(?!.*[?&]k=)"))


def pills(page: Page) -> Locator:
    return page.get_by_role("radiogroup", name="One cluster alone").get_by_role("radio")


def checked_pills(page: Page) -> Locator:
    return page.get_by_role("radiogroup", name="One cluster alone").get_by_role("radio", checked=True)


def photo_file(width: int, height: int) -> bytes:
    rows, columns = np.mgrid[:height, :width]
    halves = np.where((columns < width / 2)[..., None], (200, 60, 40), (40, 90, 200)) + (rows % 7)[..., None]
    buffer = io.BytesIO()
    Image.fromarray(halves.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def upload(page: Page, name: str, content: bytes) -> None:
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def test_the_first_visit_shows_a_picture_without_a_click(server, open_page):
    page = open_page(server.url)
    canvas = picture(page)
    colours = canvas.evaluate("canvas => new Set(canvas.getContext('2d').getImageData(0, 0, 300, 300).data).size")
    assert colours > 20
    expect(page).to_have_title(re.compile("Encoderscope|Explore"))
    assert page.url.rstrip("/") == server.url


@pytest.fixture(scope="module")
def shared_page(server, browser) -> Iterator[Page]:
    with watched_pages(browser) as opened:
        yield opened(server.link(f"{FAST}&k=11"))


@pytest.fixture
def page(shared_page) -> Page:
    """One open page for the tests that only change the look; each starts from whatever the one before has left."""
    return settled(shared_page)


def test_the_picture_follows_the_keyboard(page):
    k, before = n_clusters(page), pixels(picture(page))
    slider(page).press("ArrowRight")
    expect(page.locator(f"canvas[data-k='{k + 1}']")).to_be_visible()
    assert pixels(picture(page)) != before
    expect(pills(page)).to_have_count(k + 1)
    expect(page.get_by_alt_text(f"Together, {k + 1} clusters")).to_be_visible()
    expect_link(page, k + 1)


def test_the_picture_follows_the_mouse_while_it_drags(page):
    before, address = pixels(picture(page)), page.url
    box = page.locator(".st-key-k").get_by_test_id("stSliderThumbValue").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y, steps=10)
    dragged_to = n_clusters(page)
    assert pixels(picture(page)) != before
    assert page.url == address  # nothing was sent yet
    page.mouse.up()
    expect(pills(page)).to_have_count(dragged_to)
    expect_link(page, dragged_to)


def test_a_click_on_the_picture_shows_one_cluster_and_a_second_click_all(page):
    before = pixels(picture(page))
    picture(page).click(position={"x": 200, "y": 150})
    expect(page).to_have_url(re.compile(r"only=\d"))
    expect(picture(page)).not_to_have_attribute("data-only", "all")
    assert pixels(picture(page)) != before
    expect(checked_pills(page)).to_have_count(1)
    picture(page).click(position={"x": 200, "y": 150})
    expect(page).not_to_have_url(re.compile("only"))
    expect(checked_pills(page)).to_have_count(0)
    expect(picture(page)).to_have_attribute("data-only", "all")
    assert pixels(picture(page)) == before


def test_a_cluster_can_be_picked_with_the_keyboard(page):
    before = pixels(picture(page))
    pills(page).nth(1).press("Space")
    expect(page).to_have_url(re.compile("only=1"))
    expect(picture(page)).to_have_attribute("data-only", "1")
    assert pixels(picture(page)) != before
    pills(page).nth(1).press("Space")
    expect(page).not_to_have_url(re.compile("only"))


def test_hovering_says_what_a_colour_is(page):
    picture(page).hover(position={"x": 200, "y": 150})
    expect(page.get_by_text(re.compile(r"cluster \d+, [\d.]+ % of the photo"))).to_be_visible()


def test_the_back_button_undoes(page):
    k = n_clusters(page)
    slider(page).press("ArrowLeft")
    expect(pills(page)).to_have_count(k - 1)
    page.go_back()
    expect(page.locator(f"canvas[data-k='{k}']")).to_be_visible()
    expect(slider(page)).to_have_value(str(k))


def test_the_downloads_hold_what_they_promise(page, tmp_path):
    files = {}
    for kind, label in {"PNG": "Picture", "NPZ": "Maps", "CSV": "Clusters", "JSON": "Settings"}.items():
        with page.expect_download() as download:
            page.get_by_test_id("stDownloadButton").get_by_role("button", name=label).click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    with Image.open(files["PNG"]) as png:
        assert (png.format, png.size) == ("PNG", (640, 427))  # the photo's own size
    with np.load(files["NPZ"]) as maps:
        assert maps["ks"].tolist() == list(range(2, 21))
        assert maps["labels"].dtype == np.uint8 and len(maps["labels"]) == 19
    k = n_clusters(page)
    assert len(files["CSV"].read_text().splitlines()) == 1 + k
    assert json.loads(files["JSON"].read_text())["look"]["n_clusters"] == k


def test_an_upload_appears_and_a_bad_one_is_refused_in_one_sentence(server, open_page):
    page = settled(open_page(server.link()))
    upload(page, "halves.png", photo_file(300, 200))
    expect(page.get_by_text("halves.png · 300 × 200 px")).to_be_visible(timeout=PICTURE_SECONDS * 1000)
    upload(page, "broken.png", b"<html>this is no picture</html>")
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("broken.png")
    expect(page.get_by_text("halves.png · 300 × 200 px")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_an_encoder_without_classes_says_so(server, open_page):
    page = settled(open_page(server.link(f"encoder={NO_CLASSES}&size=224")))
    expect(page.get_by_text("has no classifier")).to_be_visible()


def test_a_model_that_cannot_be_fetched_is_one_sentence(server, open_page):
    page = open_page(server.link("encoder=resnet50.a1_in1k"))
    expect(page.get_by_test_id("stAlert")).to_contain_text("offline")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_deep_link_is_reproduced_as_the_first_request_after_start(encoders, browser, tmp_path):
    query = f"photo=china&{FAST}&k=9&opacity=80&only=1"
    with running_server(tmp_path, encoders, hurried=False) as server, watched_pages(browser) as open_page:
        page = settled(open_page(server.link(query)))
        expect(page.locator("canvas[data-k='9']")).to_be_visible()
        expect(page.get_by_text("china · 640 × 427 px")).to_be_visible()
        assert sorted(page.url.split("?")[1].split("&")) == sorted(query.split("&"))
        again = settled(open_page(page.url))
        assert pixels(picture(again)) == pixels(picture(page))


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(server, open_page, screenshots, width, scheme):
    page = settled(open_page(server.link(f"photo=china&{FAST}&k=7"), width, 1000, scheme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out to the right
    take_whole(page, width, screenshots / f"explore-{width}-{scheme}.png")


def take_whole(page: Page, width: int, path: Path) -> None:
    """A screenshot of the page from top to bottom: Streamlit scrolls inside, so the window grows to the content."""
    height = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    page.set_viewport_size({"width": width, "height": height + 20})
    page.wait_for_timeout(500)
    page.screenshot(path=path)
