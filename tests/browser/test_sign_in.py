"""Signing in with a stand-in provider on loopback: the door is shut, opens for who is known, and the role decides."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, free_port, running_server
from tests.pages.tiny_encoders import VIT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
pytest.importorskip("authlib")

SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "long enough for a test, and known to everybody"
client_id = "encoderscope"
client_secret = "also known"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"
"""


@pytest.fixture
def provider_port():
    port = free_port()
    command = [sys.executable, "-m", "tests.browser.stand_in_provider", str(port), "eve@example.org"]
    process = subprocess.Popen(command, cwd=ROOT)
    yield port
    process.terminate()
    process.wait(timeout=240)


def test_the_door_opens_for_who_signs_in_and_a_viewer_changes_nothing(browser, tmp_path: Path, encoders, provider_port):
    port, secrets = free_port(), tmp_path / "secrets.toml"
    secrets.write_text(SECRETS.format(port=port, provider=provider_port))
    options, known = ["--secrets.files", str(secrets)], "ann@example.org"
    with running_server(tmp_path, encoders, hurried=True, port=port, options=options, ENCODERSCOPE_EDITORS=known) as server:
        page = browser.new_context().new_page()
        page.goto(f"{server.url}/encoders")
        expect(page.get_by_text("This dashboard is for people who are known here")).to_be_visible()
        expect(page.get_by_role("heading", name="Encoders")).to_have_count(0)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(page.get_by_text("eve@example.org")).to_be_visible()
        page.goto(f"{server.url}/encoders?encoder={VIT}")
        expect(page.get_by_text("Operators add and delete encoders. You are signed in as eve@example.org")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("This dashboard is for people who are known here")).to_be_visible()
        page.context.close()
