"""Audit in Chromium: what only a browser can tell."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

LONELIEST = """() => {
  const chart = document.querySelector(".st-key-map-of-parts .js-plotly-plot"), { left, top } = chart.getBoundingClientRect();
  const { xaxis, yaxis } = chart._fullLayout;
  const dots = chart._fullData.flatMap(({ x, y, customdata }) => Array.from(customdata, ([part, place], n) => (
    { part, place, x: left + xaxis._offset + xaxis.d2p(x[n]), y: top + yaxis._offset + yaxis.d2p(y[n]) })));
  const far = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
  const room = (dot) => Math.min(...dots.filter((other) => other !== dot).map((other) => far(dot, other)));
  return dots.reduce((best, dot) => (room(dot) > room(best) ? dot : best));
}"""


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_dot_under_the_pointer_shows_its_region(server, index_on_server, open_page, width: int, scheme: str):
    page: Page = open_page(f"{server.url}/audit?map=1", width=width, scheme=scheme)
    page.locator(".st-key-map-of-parts .js-plotly-plot canvas").first.wait_for(state="attached")
    expect(page.get_by_text("How it was made")).to_be_visible()
    page.locator(".st-key-map-of-parts").scroll_into_view_if_needed()
    card, over = page.locator(".card"), page.locator(".over")
    expect(card).not_to_be_visible()
    dot = page.evaluate(LONELIEST)
    page.mouse.move(dot["x"] - 2, dot["y"])
    page.mouse.move(dot["x"], dot["y"])
    expect(card).to_be_visible()
    expect(over).to_have_attribute("data-place", str(dot["place"]))
    expect(card.locator(".part")).to_contain_text(f"Part {dot['part']},")
    box = card.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
    is_light = int(card.locator(".name").inner_text().split("/")[1].split(".")[0]) % 2  # write_pictures
    picture = np.asarray(Image.open(io.BytesIO(card.locator(".picture").screenshot())).convert("L"))
    assert (np.median(picture[16:80, 16:80]) > 215) == is_light  # dark pictures are faded to less
    page.mouse.move(2, 2)
    expect(card).not_to_be_visible()
    page.locator(".keys").focus()
    page.keyboard.press("ArrowRight")
    expect(card).to_be_visible()
    part = card.locator(".part").inner_text().split(",")[0].removeprefix("Part ")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"orange: part {part},")).to_be_visible()
