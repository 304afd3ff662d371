"""Every page with axe-core, in both themes: no finding that is serious or critical."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import test_compare, test_concepts, test_explain, test_explore
from tests.browser.conftest import FAST
from tests.pages.tiny_encoders import VIT

pytestmark = pytest.mark.browser


def encoders_settled(page: Page) -> Page:
    expect(page.get_by_role("heading", name="Your own encoders")).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("address", "settled"),
    [
        (f"/?{FAST}", test_explore.settled),
        (f"/?{FAST}&photos=set&n_scenes=4", test_explore.set_settled),
        (f"/concepts?encoder={VIT}", test_concepts.settled),
        (f"/explain?{test_explain.SPARING}", test_explain.settled),
        (f"/compare?{test_compare.PAIR}", test_compare.settled),
        ("/encoders", encoders_settled),
    ],
)
def test_axe_finds_nothing_serious(server, open_page, address: str, settled: Callable[[Page], Page], scheme: str):
    page = settled(open_page(server.url + address, scheme=scheme))
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []
