"""How long a first visitor waits: a server that has just started, a library that is empty, a browser that has seen nothing.

seconds are counted from the navigation. first    the first content that says something: a picture, images, a chart
                                         answer   what the page is about, whole
                                         idle     nothing runs any more
The files are on a warm disk (a server was started before); every page gets a server of its own.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM, running_server

WAIT_MS = 600_000


@dataclass(frozen=True)
class Visit:
    """A page, and what on it counts as its first content and as its answer, as CSS selectors."""

    page: str
    path: str
    first: str
    answer: str


VISITS = (
    Visit("Explore", "", ".stage[data-frame]", ".st-key-probabilities .js-plotly-plot"),
    Visit("Concepts", "concepts", ".tile img, [role=group] img", ".st-key-health .js-plotly-plot"),
    Visit(
        "Explain",
        "explain",
        ":is([class*='st-key-so-far-'], [class*='st-key-bars-']) .js-plotly-plot",  # of the first depth, or of all
        ".st-key-over-depths .js-plotly-plot",
    ),
    Visit("Compare", "compare", ".stage[data-frame]", ".st-key-probabilities-1 .js-plotly-plot"),
)


def first_visit_table() -> list[dict]:
    """Seconds per page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], headless=True)
        seconds_of(browser, VISITS[0])  # warms the disk
        rows = [seconds_of(browser, visit) for visit in VISITS]
        browser.close()
    return rows


def seconds_of(browser: Browser, visit: Visit) -> dict:
    """One page on a server of its own."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), Path(folder), hurried=False) as server:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        page = context.new_page()
        started = time.monotonic()
        page.goto(f"{server.url}/{visit.path}")
        row: dict = {"page": visit.page}
        for what, selector in (("first_s", visit.first), ("answer_s", visit.answer)):
            page.locator(selector).first.wait_for(state="visible", timeout=WAIT_MS)
            row[what] = time.monotonic() - started
        page.locator("[data-testid=stStatusWidget]").wait_for(state="detached", timeout=WAIT_MS)
        row["idle_s"] = time.monotonic() - started
        context.close()
    return row
