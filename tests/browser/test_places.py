"""Similar places and activations as colours on Explore, in a real Chromium."""

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import FAST, PICTURE_SECONDS, Contexts, watched_pages
from tests.browser.test_explore import Line, downloaded, in_common_size, typical_difference

pytestmark = pytest.mark.browser
COVERED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length / (canvas.width * canvas.height);
}"""
ONE_DEPTH = f"{FAST}&depths=2"


def stages(page: Page) -> Locator:
    """The live pictures, once one is drawn."""
    drawn = page.locator(".stage[data-mode]")
    drawn.first.wait_for(timeout=PICTURE_SECONDS * 1000)
    return drawn


def tint(stage: Locator) -> str:
    return stage.locator(".tint").evaluate("canvas => canvas.toDataURL()")


def point(page: Page, stage: Locator, x: float, y: float) -> None:
    box = stage.bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def quiet(page: Page) -> Page:
    stages(page)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    return page


@pytest.fixture(scope="module")
def page_on_line(server, contexts: Contexts) -> Iterator[tuple[Page, Line]]:
    """A page of one photo with clusters of one depth, and its line to the server."""
    with watched_pages(contexts) as opened:
        page = opened("about:blank")
        line = Line(page)
        page.goto(server.link(ONE_DEPTH))
        yield page, line


@pytest.fixture
def page(page_on_line) -> Page:
    """One open page for the tests of one photo: similar places, with nothing pinned."""
    page, _ = page_on_line
    page.locator(".stage[data-frame], .stage[data-mode]").wait_for(timeout=PICTURE_SECONDS * 1000)
    page.get_by_role("radio", name="Similar places").click()
    stage = stages(quiet(page)).first
    page.mouse.move(5, 5)
    if stage.get_attribute("data-pinned") == "true":
        stage.press("Escape")
        expect(page).not_to_have_url(re.compile("at="))
    stage.press("Escape")
    return quiet(page)


def pin(page: Page, x: float, y: float) -> None:
    """Pins a place of the photo."""
    stage = stages(page).first
    point(page, stage, x, y)
    page.mouse.down()
    page.mouse.up()
    expect(stage).to_have_attribute("data-pinned", "true")
    expect(page).to_have_url(re.compile("at="))


def test_pointing_draws_without_the_server_and_a_click_pins(page, page_on_line):
    _, line = page_on_line
    stage = stages(page).first
    expect(page.get_by_text("Point at the picture")).to_be_visible()
    nothing, n_sent = tint(stage), len(line.sent)
    point(page, stage, 0.3, 0.6)
    expect(stage).to_have_attribute("data-place", re.compile(r"0\.(3|29)"))
    here = tint(stage)
    point(page, stage, 0.7, 0.2)
    assert len({nothing, here, tint(stage)}) == 3
    expect(page.get_by_text("Point at the picture")).to_be_hidden()
    expect(
        page.get_by_text(re.compile(r"% of the photo is at least 0.40 similar to the place 70 % across, 20 % down"))
    ).to_be_visible()
    assert len(line.sent) == n_sent
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"show=similar.*at=0\.7"))
    expect(stage).to_have_attribute("data-pinned", "true")
    pinned = tint(stage)
    point(page, stage, 0.2, 0.8)
    expect(stage.locator(".tip.seen")).to_have_text(re.compile(r"^-?[01]\.\d\d similar to the pinned place$"))
    assert tint(stage) == pinned
    page.reload()
    assert tint(stages(quiet(page)).first) == pinned
    expect(page).to_have_title(re.compile("similar places"))


def test_the_keyboard_moves_the_place_pins_it_and_takes_the_pin_away(page):
    stage = stages(page).first
    stage.press("ArrowRight")
    expect(stage).to_have_attribute("data-place", "0.5,0.5")
    stage.press("ArrowRight")
    expect(stage).to_have_attribute("data-place", re.compile(r"^0\.5[1-9]"))
    expect(page.locator(".spoken")).to_have_text(re.compile("similar to the place 5. % across"))
    stage.press("Enter")
    expect(page).to_have_url(re.compile(r"at=0\.5[1-9]"))
    stage.press("Escape")
    expect(page).not_to_have_url(re.compile("at="))
    expect(stage).to_have_attribute("data-pinned", "false")


def test_the_threshold_acts_while_its_slider_moves_and_the_pinned_region_becomes_a_concept(page):
    pin(page, 0.3, 0.4)
    stage = stages(page).first
    before = covered(stage)
    page.locator(".st-key-alike input").press("End")
    expect(page).to_have_url(re.compile("alike=95"))
    assert 0 < covered(stage) < before
    page.get_by_role("button", name="Make this a concept").click()
    page.get_by_label("Name", exact=True).fill("a pinned roof")
    page.get_by_label("Name", exact=True).press("Tab")
    page.get_by_role("button", name="Create concept").click()
    page.get_by_role("link", name="Explain with it").click()
    expect(page.get_by_role("heading", name="Explain", level=1)).to_be_visible()
    expect(page.get_by_test_id("stMultiSelect").filter(has_text="a pinned roof")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/explain\?.*concepts=a\+pinned\+roof"))
    page.get_by_role("link", name="Explore").click()
    page.get_by_role("button", name="Undo").click()  # others use this library too
    expect(page.get_by_text("'a pinned roof' was removed again.")).to_be_visible()


def covered(stage: Locator) -> float:
    """The share of the picture that is drawn over the photo."""
    return stage.locator(".tint").evaluate(COVERED)


@pytest.mark.parametrize("mode", ["similar", "colours"])
def test_the_picture_that_is_downloaded_is_the_one_that_is_seen(page, tmp_path, mode):
    if mode == "similar":
        page.locator(".st-key-alike input").press("Home")  # so that much is covered
        expect(page).to_have_url(re.compile("alike=0"))
        pin(page, 0.3, 0.4)
    else:
        page.get_by_role("radio", name="Activations as colours").click()
        expect(stages(page).first).to_have_attribute("data-mode", "colours")
    stage = stages(quiet(page)).first
    page.mouse.move(5, 5)
    seen = in_common_size(Image.open(io.BytesIO(stage.screenshot())))
    with Image.open(downloaded(page, "Picture", tmp_path)) as png:
        drawn = in_common_size(png.crop((0, 0, 640, 427)))
    assert typical_difference(seen, drawn) < 4
    assert np.ptp(drawn) > 100


def test_a_place_is_compared_with_all_photos_of_a_set(server, open_page):
    page = quiet(open_page(server.link(f"{FAST}&photos=set&n_scenes=4&show=similar")))
    expect(stages(page)).to_have_count(4)
    before = [tint(stages(page).nth(n)) for n in range(4)]
    point(page, stages(page).nth(1), 0.5, 0.5)
    for n in range(4):
        expect(stages(page).nth(n)).to_have_attribute("data-place", re.compile("0.5"))
    after = [tint(stages(page).nth(n)) for n in range(4)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    marks = page.locator(".stage[data-mode] .mark")
    assert [marks.nth(n).evaluate(COVERED) > 0 for n in range(4)] == [False, True, False, False]
