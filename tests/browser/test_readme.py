"""The pictures in the README are what a visitor sees: the real dashboard with its bundled encoders."""

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser import test_compare, test_concepts, test_explain, test_explore
from tests.browser.conftest import ROOT, running_server, watched_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("README_SCREENSHOTS" not in os.environ, reason="only with README_SCREENSHOTS=1: it changes files"),
]


@pytest.mark.parametrize(
    ("name", "link", "settled", "height"),
    [
        ("explore", "/?photo=china&k=7", test_explore.settled, 960),
        ("set", "/?photos=set&encoder=scenes-vit&k=5", test_explore.set_settled, 800),
        ("concepts", "/concepts?concept=striped", test_concepts.settled, 1150),
        ("explain", "/explain", test_explain.settled, 1150),
        ("compare", "/compare?photo=china&k=6", test_compare.settled, 1000),
    ],
)
def test_the_picture_of_a_page(encoders, contexts, tmp_path, name: str, link: str, settled: Callable[[Page], Page], height: int):
    with running_server(tmp_path, encoders, hurried=False) as server, watched_pages(contexts) as open_page:
        page = settled(open_page(server.url + link, 1440, height))
        page.wait_for_timeout(3000)  # charts fade in
        settled(page)
        page.screenshot(path=ROOT / f"assets/readme/{name}.png")
