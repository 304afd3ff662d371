"""Dragging the granularity, and pointing at places, in Chromium: how long from an input event to its frame, and what is sent.

The real server, the real page, a photo at 448 px. With 19 maps the slider is dragged from end to end and back; with similar
places the pointer moves over the photo, or over the first of twelve photos. As fast as the browser takes events. Measured inside
the page, per event that changed the picture:

    event to frame  from the pointer event to the animation callback of the frame that has the new picture in it
    event to next   to the callback of the frame after: by then the picture has left the page's hands
    drawing         from the pointer event to the end of drawing
    elsewhere       of several photos, in the panes without the pointer: from the event to the end of drawing its place there
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, Server, running_server

BUNDLED = ("scenes-cnn",)
ENCODERS = (*BUNDLED, "deit_tiny_patch16_224")  # those that are not bundled are left out where their weights are missing
PHOTO = "china"
SIDE_PX = 448
PIXEL_RATIOS = (1, 2)
N_SET = 16  # photos of a set, of which twelve are seen at a time
START_MS = 300_000
WATCH = """
() => {
  const elements = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
  const [stage, ...others] = elements.flatMap((element) => [...element.shadowRoot.querySelectorAll(".stage[data-frame]")]);
  const seen = (window.seen = { drawing: [], frame: [], next: [], elsewhere: [], intervals: [] });
  const began = new Map(); // place -> when the pointer came there
  let event = null, last = null;
  addEventListener("pointermove", () => (event = performance.now()), true);
  new MutationObserver(() => {
    const from = event;
    began.set(stage.dataset.place, from);
    seen.drawing.push(performance.now() - from);
    requestAnimationFrame(() => {
      seen.frame.push(performance.now() - from);
      requestAnimationFrame(() => seen.next.push(performance.now() - from));
    });
  }).observe(stage, { attributeFilter: ["data-frame", "data-place"] });
  for (const other of others) {
    const note = () => began.has(other.dataset.place) && seen.elsewhere.push(performance.now() - began.get(other.dataset.place));
    new MutationObserver(note).observe(other, { attributeFilter: ["data-place"] });
  }
  (function tick(now) {
    if (last !== null) seen.intervals.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  })(performance.now());
}
"""
KEPT = "() => [...globalThis.encoderscopeBytes.values()].map((e) => ({ n: e.bytes.length, jpeg: e.bytes[0] === 0xff }))"


def live_table(encoders: Path) -> list[dict]:
    """One row per encoder and pixel ratio; ``encoders`` is the folder of networks that do not come with Encoderscope."""
    return _measured(encoders, [(_row, name, ratio) for name in ENCODERS for ratio in PIXEL_RATIOS])


def pointing_table(encoders: Path) -> list[dict]:
    """One row per encoder, number of photos and pixel ratio, while the pointer moves over a photo."""
    one = [(_pointing_row, name, ratio) for name in ENCODERS for ratio in PIXEL_RATIOS]
    return _measured(encoders, [*one, (_set_pointing_row, BUNDLED[0], 1)])


def _measured(encoders: Path, rows: Sequence[tuple[Callable[[Browser, Server, str, int], dict], str, int]]) -> list[dict]:
    options = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), encoders, hurried=False) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=options, headless=True) as browser,
    ):
        there = [row for row in rows if row[1] in BUNDLED or (encoders / row[1]).is_dir()]
        return [measure(browser, server, name, ratio) for measure, name, ratio in there]


def _pointing_row(browser: Browser, server: Server, encoder: str, pixel_ratio: int) -> dict:
    return _pointed(browser, server.link(f"photo={PHOTO}&encoder={encoder}&size={SIDE_PX}&show=similar"), encoder, pixel_ratio)


def _set_pointing_row(browser: Browser, server: Server, encoder: str, pixel_ratio: int) -> dict:
    link = server.link(f"photos=set&n_scenes={N_SET}&encoder={encoder}&size={SIDE_PX}&show=similar")
    return _pointed(browser, link, encoder, pixel_ratio)


def _pointed(browser: Browser, link: str, encoder: str, pixel_ratio: int) -> dict:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, device_scale_factor=pixel_ratio)
    page = context.new_page()
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(link)
    stages = page.locator(".stage[data-frame]")
    stages.first.wait_for(timeout=START_MS)
    _wait_until_quiet(page, sent)
    page.evaluate(WATCH)
    n_before, box = len(sent), stages.first.bounding_box()
    for n in range(4):  # to and fro over the first photo
        for x, y in ((0.05, 0.1 + n / 5), (0.95, 0.2 + n / 5)):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=40)
    seen, kept, n_photos = page.evaluate("window.seen"), page.evaluate(KEPT), stages.count()
    context.close()
    return {
        "encoder": encoder,
        "photos": n_photos,
        "pixel ratio": pixel_ratio,
        "codes, kB per photo": sum(entry["n"] for entry in kept if not entry["jpeg"]) / 1000 / n_photos,
        "changes": len(seen["frame"]),
        "drawing, p95 ms": _p95(seen["drawing"]),
        "event to frame, p95 ms": _p95(seen["frame"]),
        "event to next, p95 ms": _p95(seen["next"]),
        "elsewhere, p95 ms": _p95(seen["elsewhere"]) if seen["elsewhere"] else 0.0,
        "elsewhere, of all": len(seen["elsewhere"]) / len(seen["frame"]) / max(n_photos - 1, 1),
        "frame interval, median ms": float(np.median(seen["intervals"])),
        "messages": len(sent) - n_before,
    }


def _row(browser: Browser, server: Server, encoder: str, pixel_ratio: int) -> dict:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, device_scale_factor=pixel_ratio)
    page = context.new_page()
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(server.link(f"photo={PHOTO}&encoder={encoder}&size={SIDE_PX}&k=2"))
    page.locator(".stage[data-frame]").wait_for(timeout=START_MS)
    expect(page.locator("[data-testid^=stSkeleton]")).to_have_count(0, timeout=START_MS)
    _wait_until_quiet(page, sent)
    page.evaluate(WATCH)
    n_before = len(sent)
    _drag_there_and_back(page)
    n_messages = len(sent) - n_before
    page.mouse.up()
    seen, kept = page.evaluate("window.seen"), page.evaluate(KEPT)
    context.close()
    return {
        "encoder": encoder,
        "pixel ratio": pixel_ratio,
        "maps, kB": sum(entry["n"] for entry in kept if not entry["jpeg"]) / 1000,
        "changes": len(seen["frame"]),
        "drawing, p95 ms": _p95(seen["drawing"]),
        "event to frame, p95 ms": _p95(seen["frame"]),
        "event to next, p95 ms": _p95(seen["next"]),
        "frame interval, median ms": float(np.median(seen["intervals"])),
        "messages": n_messages,
    }


def _wait_until_quiet(page: Page, sent: list) -> None:
    """The page asks for its strip of depths twice a second until all of them are there."""
    n_before = -1
    while n_before != len(sent):
        n_before = len(sent)
        page.wait_for_timeout(3000)


def _drag_there_and_back(page: Page) -> None:
    """Leaves the button pressed."""
    thumb = page.locator(".st-key-k").get_by_test_id("stSliderThumbValue").bounding_box()
    track = page.locator(".st-key-k [role=group]").bounding_box()
    x, y = thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    for turn in (track["x"] + track["width"], track["x"]) * 2:
        page.mouse.move(turn, y, steps=80)


def _p95(milliseconds: list[float]) -> float:
    return float(np.percentile(milliseconds, 95))
