"""The widget in JupyterLab, in Chromium: `make test-notebook`. Skipped where JupyterLab is not installed."""

import json
import os
import socket
import subprocess
import sys
import time
from shutil import which
from urllib.request import urlopen

import pytest

from tests.house import ROOT

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: run 'make test-notebook'")
pytest.importorskip("anywidget", reason="anywidget is not installed")

CHROMIUM = next(filter(None, map(which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None)
CELLS = [
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "from pages.notebook import show\nfrom tests.pages.hand_made import grey_photo, result_for",
    "photo = grey_photo(240, 320)\nview = show(result_for(photo), photo, ['sky', 'grass', ''])\nview",
    "print('now', view.frame, view.selected)",
]
START_SECONDS, PATIENCE_MS = 90, 60_000


@pytest.fixture
def address(tmp_path):
    """Of a JupyterLab with one notebook."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    cells = [
        {"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": None, "id": f"c{n}"}
        for n, s in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (tmp_path / "view.ipynb").write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    options = [
        "--no-browser",
        f"--port={port}",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--allow-root",
    ]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=tmp_path, env=os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path)}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                try:
                    urlopen(f"http://localhost:{port}/api")
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"http://localhost:{port}/lab/tree/view.ipynb?reset"
        finally:
            server.terminate()
            server.wait(20)


def test_the_view_follows_its_slider_and_reports_what_is_clicked(address):
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.goto(address)
        page.locator(".jp-Notebook .jp-CodeCell").first.click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        stage = page.locator(".stage[data-frame]")
        expect(stage).to_have_attribute("data-frame", "2")
        page.locator(".frame input").press("ArrowRight")
        expect(stage).to_have_attribute("data-frame", "3")
        stage.click(position={"x": 20, "y": 20})
        expect(stage).to_have_attribute("data-only", "0")
        stage.hover(position={"x": 25, "y": 25})
        expect(page.locator(".tip b")).to_have_text("sky")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/notebook.png")
        page.locator(".jp-CodeCell").nth(2).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        expect(page.locator(".jp-OutputArea-output", has_text="now")).to_contain_text("now 3.0 [0]")
        browser.close()
