"""Several panes driven by one slider, on a page of their own (panes_app.py)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import ROOT, Contexts, Server, running_server, watched_pages
from tests.browser.test_explore import wait_until

pytestmark = pytest.mark.browser
WATCH_SELECTION = """stage => {
  const seen = (window.selections = [stage.dataset.only]);
  const note = () => stage.dataset.only !== seen.at(-1) && seen.push(stage.dataset.only);
  new MutationObserver(note).observe(stage, { attributeFilter: ["data-only"] });
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, encoders) -> Iterator[Server]:
    script = ROOT / "tests/browser/panes_app.py"
    with running_server(tmp_path_factory.mktemp("panes"), encoders, hurried=True, script=str(script)) as running:
        yield running


@pytest.fixture(scope="module")
def shared_page(server, contexts: Contexts) -> Iterator[Page]:
    with watched_pages(contexts) as opened:
        yield opened(server.url)


@pytest.fixture
def page(shared_page) -> Page:
    """One open page for all tests, brought back to where it began: first frame, nothing pointed at, nothing selected."""
    shared_page.mouse.move(5, 5)
    slider(ready(shared_page)).press("Home")
    expect(pane(shared_page, "upright")).to_have_attribute("data-frame", "10")
    for name in ("upright", "flat"):
        if pane(shared_page, name).get_attribute("data-only") != "all":
            pane(shared_page, name).click(position={"x": 20, "y": 20})
        expect(pane(shared_page, name)).to_have_attribute("data-only", "all")
    return shared_page


def ready(page: Page) -> Page:
    pane(page, "upright").wait_for()
    return page


def pane(page: Page, name: str) -> Locator:
    return page.locator(f".stage[data-pane={name}]")


def slider(page: Page) -> Locator:
    return page.locator(".st-key-regions input")


def colour(page: Page, name: str, x: float, y: float) -> list[int]:
    """Red, green, blue and opacity of what lies over the photo, at a share of the pane's width and height."""
    read = "(c, [x, y]) => [...c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data]"
    return pane(page, name).locator(".tint").evaluate(read, [x, y])


def hover(page: Page, name: str, x: float, y: float) -> None:
    box = pane(page, name).bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def test_one_slider_moves_every_pane(page):
    assert [pane(page, name).get_attribute("data-frame") for name in ("upright", "flat")] == ["10", "10"]
    expect(page.get_by_text("2 clusters · 2 regions")).to_have_count(2)
    slider(page).press("ArrowRight")
    expect(page.get_by_text("4 clusters · 4 regions")).to_have_count(2)
    slider(page).press("ArrowRight")  # a frame is no number of clusters: one pane has a map of its own here, one keeps its map
    expect(page.get_by_text("8 clusters · 8 regions")).to_have_count(1)
    expect(page.get_by_text("4 clusters · 4 regions")).to_have_count(1)


def test_colours_are_those_that_were_asked_for(page):
    near = pytest.approx
    assert colour(page, "upright", 0.1, 0.5) == near([0xE6, 0x9F, 0x00, 140], abs=2)  # cluster 0 in its own colour
    assert colour(page, "flat", 0.5, 0.1) == near([0x00, 0x72, 0xB2, 140], abs=2)  # cluster 0 in the colour of 1
    slider(page).press("End")
    expect(pane(page, "flat")).to_have_attribute("data-frame", "40")
    assert colour(page, "flat", 0.5, 0.1) == near([0x00, 0x9E, 0x73, 140], abs=2)  # and here in the colour of 3


def test_a_cluster_shows_in_the_other_pane_what_overlaps_it(page):
    slider(page).press("ArrowRight")
    expect(pane(page, "upright")).to_have_attribute("data-frame", "15")
    before, within = colour(page, "flat", 0.5, 0.1), colour(page, "flat", 0.1, 0.1)
    hover(page, "upright", 0.1, 0.5)
    overlap = page.locator("figure", has=pane(page, "flat")).locator(".overlap")
    expect(overlap).to_have_text(re.compile("25 % in cluster 0.*25 % in cluster 1.*25 % in cluster 2"))
    veiled = colour(page, "flat", 0.5, 0.1)
    assert veiled[3] > before[3] and veiled[:3] != before[:3]  # a quarter of it overlaps, so the rest of it is paler
    assert colour(page, "flat", 0.1, 0.1) == within  # what overlaps is as it was
    hover(page, "flat", 0.5, 0.1)
    expect(overlap).to_have_text("")
    assert colour(page, "flat", 0.5, 0.1) == before  # the pane under the pointer is not veiled itself
    page.mouse.move(5, 5)
    assert colour(page, "upright", 0.1, 0.5) == pytest.approx([0xE6, 0x9F, 0x00, 140], abs=2)


def test_of_several_photos_the_other_panes_show_the_same_cluster(page):
    said = page.locator(".overlap:not([hidden])")
    expect(said).not_to_have_count(0)
    page.get_by_text("Several photos").click()
    expect(said).to_have_count(0)
    same, other = colour(page, "flat", 0.9, 0.1), colour(page, "flat", 0.1, 0.9)
    hover(page, "upright", 0.1, 0.5)  # cluster 0: the upper half of the other pane
    expect(page.locator(".tip.seen")).to_have_count(1)
    assert colour(page, "flat", 0.9, 0.1) == same
    assert colour(page, "flat", 0.1, 0.9) != other  # although it lies where the marked one does
    page.get_by_text("Several photos").click()
    expect(said).not_to_have_count(0)


def test_each_pane_has_its_own_selection(page):
    pane(page, "upright").click(position={"x": 20, "y": 40})
    expect(page.get_by_text("selected: {'upright': (0,)}")).to_be_visible()
    expect(pane(page, "flat")).to_have_attribute("data-only", "all")
    pane(page, "flat").click(position={"x": 20, "y": 20})
    expect(page.get_by_text("selected: {'upright': (0,), 'flat': (0,)}")).to_be_visible()
    expect(pane(page, "upright")).to_have_attribute("data-only", "0")


class HeldAnswers:
    """The server's messages to a page, which can be kept back for a while."""

    def __init__(self, page: Page):
        self.are_kept, self._kept = False, []
        page.route_web_socket(re.compile("_stcore/stream"), self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.connect_to_server().on_message(self._pass_on)

    def _pass_on(self, message: str | bytes) -> None:
        if self.are_kept:
            self._kept.append(message)
        else:
            self._socket.send(message)

    def __len__(self) -> int:
        return len(self._kept)

    def let_go(self) -> None:
        """Passes on what was kept, and keeps nothing more."""
        self.are_kept = False
        for message in self._kept:
            self._socket.send(message)
        self._kept.clear()


def test_an_answer_that_was_on_its_way_does_not_take_back_a_click(server, open_page):
    page = open_page("about:blank")
    answers = HeldAnswers(page)
    page.goto(server.url)
    stage = pane(ready(page), "upright")
    stage.evaluate(WATCH_SELECTION)
    answers.are_kept = True
    slider(page).press("ArrowRight")
    expect(stage).to_have_attribute("data-frame", "15")
    while not len(answers):
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)  # the whole of it
    stage.click(position={"x": 20, "y": 40})
    answers.let_go()
    expect(page.get_by_text("selected: {'upright': (0,)}")).to_be_visible()
    assert page.evaluate("window.selections") == ["all", "0"]


def test_a_pane_that_is_not_there_yet_says_why(page):
    expect(page.get_by_text("Waits until the others are done.")).to_be_visible()
    expect(page.get_by_role("img", name="Late: Waits until the others are done.")).to_be_visible()
    assert pane(page, "late").get_attribute("tabindex") is None


def test_outlines_are_as_fine_as_the_screen(server, open_page):
    page = ready(open_page(server.url, device_scale_factor=2))
    stage, canvas = pane(page, "upright"), pane(page, "upright").locator(".lines")
    width = stage.evaluate("stage => stage.clientWidth")
    assert canvas.evaluate("canvas => canvas.width") == pytest.approx(2 * width, abs=2)
    photo = stage.locator(".photo").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert photo == [640, 427]  # all there is


def test_panes_stand_side_by_side_or_one_below_the_other(page):
    def tops() -> set[int]:
        return {round(pane(page, name).bounding_box()["y"]) for name in ("upright", "flat", "late")}

    assert len(tops()) == 1
    page.set_viewport_size({"width": 390, "height": 1000})
    wait_until(page, lambda: len(tops()) == 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 1000})
    wait_until(page, lambda: len(tops()) == 1)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(server, open_page, screenshots, width, scheme):
    page = ready(open_page(server.url, width, 1000, scheme))
    slider(page).press("ArrowRight")
    expect(pane(page, "upright")).to_have_attribute("data-frame", "15")
    hover(page, "upright", 0.3, 0.3)
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / f"panes-{width}-{scheme}.png")
