"""The Explore page as a person uses it: a real server, a real Chromium."""

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from scipy import ndimage

from tests.browser.conftest import FAST, PATIENCE_SECONDS, PICTURE_SECONDS, ROOT, watched_pages
from tests.pages.tiny_encoders import NO_CLASSES

pytestmark = pytest.mark.browser
KEEPER = (ROOT / "pages/common/live_view/live_bytes.js").read_bytes()[:60]


def picture(page: Page) -> Locator:
    """The live picture, once it is drawn."""
    stage = page.locator(".stage[data-frame]")
    stage.wait_for(timeout=PICTURE_SECONDS * 1000)
    return stage


def settled(page: Page) -> Page:
    """The page once nothing runs any more and every depth of the strip is drawn."""
    picture(page)
    expect(page.locator("[data-testid^=stSkeleton]")).to_have_count(0, timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    return page


def set_settled(page: Page) -> Page:
    """The same of a set of photos."""
    page.locator(".stage[data-frame]").first.wait_for(timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    return page


def pixels(stage: Locator) -> list[str]:
    """What is drawn over the photo: tints and outlines."""
    return stage.evaluate("stage => ['.tint', '.lines'].map((name) => stage.querySelector(name).toDataURL())")


def slider(page: Page) -> Locator:
    return page.locator(".st-key-k input[type=range]")


def n_clusters(page: Page) -> int:
    """What the live picture shows now."""
    return int(picture(page).get_attribute("data-frame"))


def expect_link(page: Page, k: int) -> None:
    """The link asks for that granularity; the suggested one needs no asking."""
    expect(page).to_have_url(re.compile(rf"[?&]k={k}\b|^(?!.*[?&]k=)"))


def pills(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Show only").get_by_role("button")


def pressed_pills(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Show only").get_by_role("button", pressed=True)


def photo_file(width: int, height: int) -> bytes:
    rows, columns = np.mgrid[:height, :width]
    halves = np.where((columns < width / 2)[..., None], (200, 60, 40), (40, 90, 200)) + (rows % 7)[..., None]
    buffer = io.BytesIO()
    Image.fromarray(halves.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def upload(page: Page, name: str, content: bytes) -> None:
    page.get_by_test_id("stSidebar").locator("[data-testid=stFileUploader] input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def test_the_first_visit_shows_a_picture_without_a_click(server, open_page):
    page = open_page(server.url)
    image = Image.open(io.BytesIO(picture(page).screenshot())).convert("RGB")
    assert len(np.unique(np.asarray(image.resize((60, 40))).reshape(-1, 3), axis=0)) > 100
    expect(page).to_have_title(re.compile("Encoderscope|Explore"))
    expect(page).to_have_url(f"{server.url}/?encoder=efficientnet-lite0")
    expect(page.locator(".st-key-pages_bar")).to_be_hidden()  # a wide screen has the pages above
    assert page.request.get(f"{server.url}/readyz").json()["status"] == "ready"
    assert 'requests_total{outcome="answered",verb="segmenting"}' in page.request.get(f"{server.url}/metrics").text()
    assert "frame-ancestors" in page.request.get(server.url).headers["content-security-policy"]
    assert page.request.get(server.url, headers={"Host": "stranger.example"}).status == 421


@pytest.fixture(scope="module")
def shared_page(server, contexts) -> Iterator[Page]:
    with watched_pages(contexts) as opened:
        yield opened(server.link(f"{FAST}&k=11"))


@pytest.fixture
def page(shared_page) -> Page:
    """One open page for the tests that only change the look; each starts from whatever the one before has left."""
    return settled(shared_page)


def test_the_picture_follows_the_keyboard(page):
    k, before = n_clusters(page), pixels(picture(page))
    slider(page).press("ArrowRight")
    expect(page.locator(f".stage[data-frame='{k + 1}']")).to_be_visible()
    assert pixels(picture(page)) != before
    expect(pills(page)).to_have_count(k + 1)
    expect(page.get_by_alt_text(f"Together, {k + 1} clusters")).to_be_visible()
    expect_link(page, k + 1)


class Line:
    """The line to the server: what is said on it in both directions, and a switch that cuts it."""

    def __init__(self, page: Page):
        self.sent, self.received, self.is_cut = [], [], False
        page.route_web_socket("**/_stcore/stream", self._pass_on)

    def _pass_on(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def heard(message: str | bytes) -> None:
            self.sent.append(message)
            if not self.is_cut:
                server.send(message)

        def answered(message: str | bytes) -> None:
            self.received.append(message)
            socket.send(message)

        socket.on_message(heard)
        server.on_message(answered)


@pytest.fixture(scope="module")
def shared_page_on_line(server, contexts) -> Iterator[tuple[Page, Line]]:
    with watched_pages(contexts) as opened:
        page = opened("about:blank")
        line = Line(page)
        page.goto(server.link(f"{FAST}&k=8&depths=2"))  # one depth: no strip that asks twice a second whether it is ready
        yield page, line


@pytest.fixture
def page_on_line(shared_page_on_line) -> Iterator[tuple[Page, Line]]:
    """A page at rest with all clusters shown, and its line to the server."""
    page, line = shared_page_on_line
    if "only=" in settled(page).url:
        settled(page.goto(re.sub(r"&only=\d+", "", page.url)) and page)
    wait_until(page, lambda: pills(page).count() == n_clusters(page))  # the picture may still follow the last test's slider
    yield page, line
    line.is_cut = False


def thumb(page: Page, key: str) -> tuple[float, float]:
    box = page.locator(f".st-key-{key}").get_by_test_id("stSliderThumbValue").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] + 10


def test_the_picture_follows_the_mouse_and_nothing_is_sent_before_release(page_on_line):
    page, line = page_on_line
    before, (x, y) = pixels(picture(page)), thumb(page, "k")
    page.mouse.move(x, y)
    page.mouse.down()
    n_sent, shown = len(line.sent), []
    for i in range(1, 26):
        page.mouse.move(x + 8 * i, y)
        shown.append(n_clusters(page))
    assert shown == sorted(shown) and len(set(shown)) >= 4  # the picture went along, step by step
    expect(slider(page)).to_have_value(str(shown[-1]))  # to where Streamlit's own slider went
    page.wait_for_timeout(300)
    assert n_clusters(page) == shown[-1] and pixels(picture(page)) != before
    assert len(line.sent) == n_sent
    page.mouse.up()
    expect(pills(page)).to_have_count(shown[-1])
    expect_link(page, shown[-1])
    assert len(line.sent) > n_sent


def test_maps_and_photo_come_once(page_on_line):
    page, line = page_on_line
    line.received.clear()
    settled(page.reload() and page)
    assert n_kept(line) == 2  # one photo, one set of maps
    line.received.clear()
    k = n_clusters(page)
    slider(page).press("ArrowLeft")
    expect(pills(page)).to_have_count(k - 1)
    settled(page)
    pills(page).nth(0).press("Space")
    expect(page).to_have_url(re.compile("only=0"))
    assert n_kept(line) == 0


def n_kept(line: Line) -> int:
    """How often the server sent something for the browser to keep; each time comes with the program that does it."""
    return sum(KEEPER in message for message in line.received)


def test_every_control_acts_without_the_server(page_on_line):
    page, line = page_on_line
    line.is_cut = True
    k, (tints, lines) = n_clusters(page), pixels(picture(page))
    slider(page).press("ArrowLeft")
    expect(page.locator(f".stage[data-frame='{k - 1}']")).to_be_visible()
    assert pixels(picture(page)) != [tints, lines]
    tints, lines = pixels(picture(page))
    page.get_by_role("switch", name="Outlines").press("Space")
    assert pixels(picture(page))[0] == tints and pixels(picture(page))[1] != lines
    page.locator(".st-key-opacity input").press("ArrowRight")
    lighter = pixels(picture(page))[0]
    assert lighter != tints
    page.get_by_role("switch", name="Clusters only").press("Space")
    assert pixels(picture(page))[0] not in (tints, lighter)
    picture(page).click(position={"x": 200, "y": 150})
    expect(picture(page)).not_to_have_attribute("data-only", "all")


def is_covered(page: Page) -> bool:
    """Whether clusters are to be seen on the photo."""
    style = "cover => { const s = getComputedStyle(cover); return s.visibility === 'visible' && s.opacity === '1'; }"
    return picture(page).locator(".cover").evaluate(style)


def test_blinking_shows_the_photo_and_its_clusters_in_turn(page):
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    switch = page.get_by_role("switch", name="Blink")
    switch.press("Space")
    for wanted in (False, True, False):
        wait_until(page, lambda wanted=wanted: is_covered(page) == wanted)
    switch.press("Space")
    expect(page.locator(".view.blinking")).to_have_count(0)
    assert is_covered(page)


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    for _ in range(20 * PATIENCE_SECONDS):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("It never came about.")


def test_nothing_blinks_for_those_who_want_no_motion(page):
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.get_by_role("switch", name="Blink").press("Space")
    expect(page.locator(".view.blinking")).to_have_count(1)
    cover = picture(page).locator(".cover")
    assert cover.evaluate("cover => [getComputedStyle(cover).animationName, getComputedStyle(cover).opacity]") == ["none", "0"]
    page.get_by_role("switch", name="Blink").press("Space")
    expect(page.locator(".view.blinking")).to_have_count(0)


def test_a_picture_held_pressed_shows_the_photo_and_selects_nothing(page):
    box = picture(page).bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    wait_until(page, lambda: not is_covered(page))
    page.mouse.up()
    assert is_covered(page)
    expect(picture(page)).to_have_attribute("data-only", "all")


def test_a_click_on_the_picture_shows_one_cluster_and_a_second_click_all(page):
    before = pixels(picture(page))
    picture(page).click(position={"x": 200, "y": 150})
    expect(page).to_have_url(re.compile(r"only=\d"))
    expect(picture(page)).not_to_have_attribute("data-only", "all")
    assert pixels(picture(page)) != before
    expect(pressed_pills(page)).to_have_count(1)
    picture(page).click(position={"x": 200, "y": 150})
    expect(page).not_to_have_url(re.compile("only"))
    expect(pressed_pills(page)).to_have_count(0)
    expect(picture(page)).to_have_attribute("data-only", "all")
    assert pixels(picture(page)) == before


def test_shift_and_click_select_several(page):
    spots = [{"x": 30, "y": 30}, {"x": 300, "y": 200}, {"x": 560, "y": 350}, {"x": 300, "y": 380}]
    picture(page).click(position=spots[0])
    for spot in spots[1:]:
        if len(selected(page)) < 2:
            picture(page).click(position=spot, modifiers=["Shift"])
    several = selected(page)
    assert len(several) >= 2
    expect(page).to_have_url(re.compile(f"only={several[0]}(,|%2C){several[1]}"))
    expect(pressed_pills(page)).to_have_count(len(several))
    picture(page).click(position=spots[0])  # without the key: that one alone
    expect(pressed_pills(page)).to_have_count(1)
    picture(page).click(position=spots[0])
    expect(page).not_to_have_url(re.compile("only"))


def selected(page: Page) -> list[str]:
    return sorted(picture(page).get_attribute("data-only").replace("all", "").split(","), key=lambda text: int(text or -1))


def test_a_cluster_can_be_picked_with_the_keyboard(page):
    before = pixels(picture(page))
    pills(page).nth(1).press("Space")
    expect(page).to_have_url(re.compile("only=1"))
    expect(picture(page)).to_have_attribute("data-only", "1")
    assert pixels(picture(page)) != before
    pills(page).nth(1).press("Space")
    expect(page).not_to_have_url(re.compile("only"))


NAMED = re.compile(r"cluster \d+:? ?[\d.]+ % of the photo, \d+ regions?, mostly depth \d \(\d+ ?%\)")


def test_hovering_says_what_a_colour_is(page):
    picture(page).hover(position={"x": 200, "y": 150})
    expect(picture(page).locator(".tip")).to_have_text(NAMED)
    expect(picture(page).locator(".tip")).to_have_css("opacity", "1")
    page.mouse.move(5, 5)
    expect(picture(page).locator(".tip")).to_have_css("opacity", "0")


def test_a_screen_reader_hears_what_is_shown_and_goes_through_it_with_keys(page):
    k = n_clusters(page)
    expect(page.get_by_role("img", name=re.compile(rf"seen by tiny-vit: {k} clusters · \d+ regions"))).to_be_visible()
    picture(page).press("ArrowDown")
    first = spoken(page)
    assert NAMED.match(first)
    picture(page).press("ArrowDown")
    expect(page.locator(".spoken")).not_to_have_text(first)
    picture(page).press("Enter")
    expect(page).to_have_url(re.compile(r"only=\d"))
    expect(pressed_pills(page)).to_have_count(1)
    picture(page).press("Enter")
    expect(page).not_to_have_url(re.compile("only"))


def test_what_is_said_of_a_cluster_is_what_the_table_says(page, tmp_path):
    lines = downloaded(page, "Clusters", tmp_path).read_text().splitlines()[1:]
    table = {int(idx): (float(area), int(n)) for idx, _, area, n, *_ in (line.split(",") for line in lines)}
    for _ in list(table):
        picture(page).press("ArrowDown")
        idx, percent, n = re.match(r"cluster (\d+): ([\d.]+) % of the photo, (\d+) regions?", spoken(page)).groups()
        area, n_regions = table.pop(int(idx))
        assert float(percent) == pytest.approx(100 * area, abs=0.51) and int(n) == n_regions
    assert table == {}


def spoken(page: Page) -> str:
    return page.locator(".spoken").text_content()


def test_arrows_on_the_picture_move_the_slider(page):
    k = n_clusters(page)
    picture(page).press("ArrowLeft")
    expect(slider(page)).to_have_value(str(k - 1))
    expect(pills(page)).to_have_count(k - 1)
    picture(page).press("ArrowRight")
    expect(pills(page)).to_have_count(k)


def test_the_tab_key_reaches_every_control_and_one_sees_where_it_is(page):
    slider(page).focus()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    names = [name for name, _ in reached]
    wanted = ["live picture", "Opacity", "Outlines", "Clusters only", "Blink"]
    assert [name for name in names if name in wanted] == wanted
    outline = dict(reached)["live picture"]
    assert "solid" in outline and "3px" in outline


FOCUSED = """() => {
  let element = document.activeElement;
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const name = element.getAttribute("aria-roledescription") ?? element.getAttribute("aria-label");
  return [name, getComputedStyle(element).outline];
}"""


def test_a_finger_selects_and_names(server, open_page):
    page = settled(open_page(server.link(f"{FAST}&k=8"), 390, 844, has_touch=True, is_mobile=True))
    picture(page).tap(position={"x": 100, "y": 100})
    expect(picture(page).locator(".tip")).to_have_css("opacity", "1")
    expect(picture(page).locator(".tip")).to_have_text(NAMED)
    expect(page).to_have_url(re.compile(r"only=\d"))
    picture(page).tap(position={"x": 100, "y": 100})
    expect(page).not_to_have_url(re.compile("only"))


def test_the_browser_draws_what_python_draws(page, tmp_path):
    """The download is Python's picture. Tints are equal; outlines, smooth in the browser only, run in the same places."""
    if "outlines=0" in page.url:  # a try before this one broke off
        page.get_by_role("switch", name="Outlines").press("Space")
        expect(page).not_to_have_url(re.compile("outlines"))
    outlined = as_seen(page), as_python_draws(page, tmp_path)
    page.get_by_role("switch", name="Outlines").press("Space")
    expect(page).to_have_url(re.compile("outlines=0"))
    tinted = as_seen(page), as_python_draws(page, tmp_path)
    assert typical_difference(*tinted) < 3
    lines = [np.abs(with_lines - without).max(axis=2) > 30 for with_lines, without in zip(outlined, tinted, strict=True)]
    for one, other in (lines, lines[::-1]):
        assert (ndimage.maximum_filter(other, 7) | ~one).mean() > 0.995 and one.mean() > 0.01
    pills(page).nth(0).press("Space")
    expect(page).to_have_url(re.compile("only=0"))
    assert typical_difference(as_seen(page), as_python_draws(page, tmp_path)) < 3
    pills(page).nth(0).press("Space")
    page.get_by_role("switch", name="Outlines").press("Space")
    expect(page).not_to_have_url(re.compile("only|outlines"))


def as_seen(page: Page) -> np.ndarray:
    """What the browser shows, without the round corners, in a size that does not depend on the window's."""
    page.mouse.move(5, 5)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")  # out from below the bar of pages
    return in_common_size(Image.open(io.BytesIO(picture(page).screenshot())))


def as_python_draws(page: Page, folder: Path) -> np.ndarray:
    with Image.open(downloaded(page, "Picture", folder)) as png:
        return in_common_size(png.crop((0, 0, 640, 427)))  # without the line below it


def in_common_size(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((640, 427), Image.Resampling.BILINEAR), np.int16)[20:-20, 20:-20]


def typical_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures, of 255, after blurring: two programs scale fine texture each in its way."""
    blurred = (ndimage.uniform_filter(pixels.astype(float), (9, 9, 0)) for pixels in (one, other))
    return np.abs(next(blurred) - next(blurred)).mean()


def downloaded(page: Page, label: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button", name=label).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_back_button_undoes(page):
    k = n_clusters(page)
    slider(page).press("ArrowLeft")
    expect(pills(page)).to_have_count(k - 1)
    page.go_back()
    expect(page.locator(f".stage[data-frame='{k}']")).to_be_visible()
    expect(slider(page)).to_have_value(str(k))


def test_back_leads_to_the_page_before_at_the_first_press(server, open_page):
    page = settled(open_page(server.link(f"{FAST}&k=7")))
    page.get_by_test_id("stTopNavLink").filter(has_text="Encoders").click()
    expect(page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    page.get_by_test_id("stTopNavLink").filter(has_text="Explore").click()
    settled(page)
    expect(page).to_have_url(re.compile("encoder="))
    page.go_back()
    expect(page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    page.go_back()
    expect(page.locator(".stage[data-frame='7']")).to_be_visible()


def test_the_tab_key_passes_by_what_only_explains(page):
    expect(page.locator("[data-testid=stTooltipIcon] button:not([tabindex='-1'])")).to_have_count(0)


def test_narrow_screens_show_the_pages_and_the_encoder(page):
    page.set_viewport_size({"width": 390, "height": 844})
    bar = page.locator(".st-key-pages_bar")
    for name in ("Explore", "Concepts", "Explain", "Compare", "Audit", "Study", "Encoders"):
        expect(bar.get_by_role("link", name=name)).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("china seen by tiny-vit")).to_be_in_viewport()
    expect(page).to_have_title("china · tiny-vit · Encoderscope")
    page.set_viewport_size({"width": 1440, "height": 1000})
    expect(bar).to_be_hidden()


def test_the_downloads_hold_what_they_promise(page, tmp_path):
    files = {}
    for kind, label in {"PNG": "Picture", "NPZ": "Maps", "CSV": "Clusters", "JSON": "Settings"}.items():
        files[kind] = downloaded(page, label, tmp_path)
    with Image.open(files["PNG"]) as png:
        assert (png.format, png.width) == ("PNG", 640) and png.height > 427  # the photo's own size, and a line below it
    with np.load(files["NPZ"]) as maps:
        assert maps["ks"].tolist() == list(range(2, 21))
        assert maps["labels"].dtype == np.uint8 and len(maps["labels"]) == 19
    k = n_clusters(page)
    assert len(files["CSV"].read_text().splitlines()) == 1 + k
    assert json.loads(files["JSON"].read_text())["look"]["n_clusters"] == k


def test_one_slider_drives_a_set_and_a_click_selects_in_all_of_it(server, open_page):
    page = set_settled(open_page(server.link(f"{FAST}&photos=set&n_scenes=4&k=5")))
    stages = page.locator(".stage[data-frame]")
    expect(stages).to_have_count(4)
    slider(page).press("ArrowRight")
    for n in range(4):
        expect(stages.nth(n)).to_have_attribute("data-frame", "6")
    stages.first.click(position={"x": 40, "y": 40})
    expect(page).to_have_url(re.compile("only="))
    expect(stages.first).not_to_have_attribute("data-only", "all")
    chosen = stages.first.get_attribute("data-only")
    for n in range(1, 4):
        expect(stages.nth(n)).to_have_attribute("data-only", chosen)
    page.set_viewport_size({"width": 1440, "height": 420})
    page.get_by_test_id("stDownloadButton").first.scroll_into_view_if_needed()
    expect(stages.first).not_to_be_in_viewport()
    expect(page.locator(".st-key-k")).to_be_in_viewport(ratio=1)
    expect(pills(page).first).to_be_in_viewport()


def test_a_model_that_cannot_be_fetched_is_one_sentence_and_one_without_classes_says_so(server, open_page):
    page = open_page(server.link("encoder=resnet50.a1_in1k&size=224"))
    expect(page.get_by_test_id("stAlert")).to_contain_text("offline")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    choose_encoder(page, NO_CLASSES)
    expect(settled(page).get_by_text("has no classifier")).to_be_visible()


def choose_encoder(page: Page, name: str) -> None:
    box = page.get_by_role("combobox", name="Encoder")
    box.click()
    page.get_by_role("option", name=name).click()


def test_a_link_is_reproduced(server, open_page):
    query = f"photo=coffee&{FAST}&k=9&opacity=80&only=1"
    page = settled(open_page(f"{server.url}/explore?{query}"))  # the first page, by its name
    expect(page.get_by_role("dialog")).to_have_count(0)  # such as "Page not found"
    expect(page.locator(".stage[data-frame='9']")).to_be_visible()
    expect(page.get_by_text("coffee · 600 × 400 px")).to_be_visible()
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
