"""Every page with axe-core, in both themes: no finding that is serious or critical."""

import tomllib
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import test_compare, test_concepts, test_explain, test_explore
from tests.browser.conftest import FAST, ROOT
from tests.pages.tiny_encoders import VIT

pytestmark = pytest.mark.browser

_CONFIG = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
DARK = "rgb({}, {}, {})".format(*bytes.fromhex(_CONFIG["theme"]["dark"]["backgroundColor"][1:]))

FAINT = """() => {
  const luminance = (colour) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.match(/[0-9.]+/g).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const page = luminance(getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor);
  const texts = document.querySelectorAll("[data-testid=stPlotlyChart] svg text:not(.heatmap-label *, .bartext-inside)");
  return [...texts].filter((text) => text.textContent && text.checkVisibility()).flatMap((text) => {
    const ink = luminance(getComputedStyle(text).fill), contrast = Math.max(ink, page) / Math.min(ink, page);
    return contrast < 4.5 ? [`${text.textContent}: ${contrast.toFixed(1)}`] : [];
  });
}"""  # text of charts, which axe-core leaves out: what is written on the page itself


def encoders_settled(page: Page) -> Page:
    expect(page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    return page


def audit_settled(page: Page) -> Page:
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.get_by_text("How it was made")).to_be_visible()
    return page


@pytest.mark.parametrize(
    ("address", "settled"),
    [
        (f"/?{FAST}", test_explore.settled),
        (f"/?{FAST}&photos=set&n_scenes=4", test_explore.set_settled),
        (f"/concepts?encoder={VIT}", test_concepts.settled),
        (f"/explain?{test_explain.SPARING}", test_explain.settled),
        (f"/compare?{test_compare.PAIR}", test_compare.settled),
        ("/audit", audit_settled),
        ("/encoders", encoders_settled),
    ],
)
@pytest.mark.usefixtures("index_on_server")
def test_axe_finds_nothing_serious(server, open_page, address: str, settled: Callable[[Page], Page]):
    page = settled(open_page(server.url + address))
    assert serious_findings(page) + page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", DARK)
    assert serious_findings(settled(page)) + page.evaluate(FAINT) == []


def serious_findings(page: Page) -> list[str]:
    """A sentence for every element that axe-core finds seriously or critically wrong."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
