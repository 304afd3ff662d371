"""A photo of many bands in the browser: which are seen is said, and can be chosen."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from playwright.sync_api import expect

from tests.browser.conftest import PICTURE_SECONDS

pytestmark = pytest.mark.browser


def many_bands() -> bytes:
    """Six bands of 16 bits: blobs of different sizes."""
    rows, columns = np.mgrid[:160, :240]
    bands = [2000 + 900 * np.sin(rows / (8 + 5 * n)) * np.cos(columns / (9 + 4 * n)) for n in range(6)]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.stack(bands).astype(np.uint16), photometric="minisblack", planarconfig="separate")
    return buffer.getvalue()


LOOKS = [(390, "dark"), (1440, "light")][: None if os.environ.get("SCREENSHOTS") else 1]  # the second for the eye alone


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_bands_are_named_and_chosen(server, open_page, width, scheme):
    page = open_page(server.link(), width=width, scheme=scheme)
    page.locator(".stage[data-frame]").wait_for(timeout=PICTURE_SECONDS * 1000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)  # a file given to a page that is still drawn may get lost
    if width < 600:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebar").locator("[data-testid=stFileUploader] input[type=file]").set_input_files(
        {"name": "scene.tif", "mimeType": "image/tiff", "buffer": many_bands()}
    )
    expect(page.get_by_text("The file has 6 bands; 1, 2, 3 are shown as red, green and blue.")).to_be_visible()
    page.get_by_role("combobox", name="Red").click()
    page.get_by_role("option", name="6", exact=True).click()
    note = page.get_by_text("The file has 6 bands; 6, 2, 3 are shown as red, green and blue.")
    expect(note).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        note.scroll_into_view_if_needed()
        page.screenshot(path=Path(folder) / f"bands-{width}-{scheme}.png")
