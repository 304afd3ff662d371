"""The real server on a free port, and a real Chromium. Every page is checked for errors when its test ends."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.making import Making, make_index
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.library.library import STARTERS_FOLDER
from explainers.library.starters import CAVS
from explainers.service.service import ExplainerService
from models.catalog.catalog import Catalog
from tests.pages.audit.test_audit import write_pictures
from tests.pages.tiny_encoders import VIT, write_tiny_encoders

ROOT = Path(__file__).parents[2]
# Without windows first: it does the same with an eighth less work.
CHROMIUM = next(filter(None, map(which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None)
FAST = f"encoder={VIT}&size=224"
START_SECONDS, PICTURE_SECONDS, PATIENCE_SECONDS = 240, 200, 120  # for a busy machine; nothing waits longer than it must
FEW_STARTERS = ("concept-striped", "concept-dotted", "concept-red", "random-scenes")  # of 18, which take a minute to fit
HURRIED = """
import os, pathlib
from explainers.library.library import ConceptLibrary
from explainers.nave import kmeans, segmentation
ConceptLibrary.__init__.__defaults__ = None, pathlib.Path(os.environ["FEW_STARTERS"])
segmentation.N_SWEEPS, segmentation.GRID_STRIDE, kmeans.MAX_ITERATIONS = 2, 16, 5  # a page needs maps, not good ones
from streamlit.web.cli import main
main()
"""
CLOSED_TAB = re.compile(r"Exception in ASGI application\n.*?^starlette\.websockets\.WebSocketDisconnected: [^\n]*", re.S | re.M)
TROUBLE = ("Traceback", "Error", "error:", "Deprecat", "deprecat", "WARNING")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser test has one more try: on a crowded machine, Chromium now and then misses what a person would simply repeat."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@dataclass(frozen=True)
class Server:
    """A running dashboard."""

    url: str
    log: Path

    def link(self, query: str = FAST) -> str:
        return f"{self.url}/?{query}"


@contextmanager
def running_server(
    folder: Path,
    encoders: Path,
    hurried: bool,
    script: str = "app.py",
    port: int | None = None,
    options: Sequence[str] = (),
    **more_variables: str,
) -> Iterator[Server]:
    """The dashboard, offline: started as `make app` does, or with clusters made in a hurry and few starters.

    Its log must be clean in the end.
    """
    port, log = port or free_port(), folder / "server.log"
    streamlit = ["-c", HURRIED] if hurried else ["-m", "streamlit"]
    command = [sys.executable, "-W", "error::DeprecationWarning", *streamlit, "run", script, "--server.port", str(port), *options]
    variables = os.environ | {"ENCODERSCOPE_ENCODERS": str(encoders), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder)}
    variables |= {"ENCODERSCOPE_HOME": str(folder / "home")} | more_variables
    if hurried:
        variables["FEW_STARTERS"] = str(few_starters(folder))
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log.open("w"), stderr=subprocess.STDOUT)
    server = Server(f"http://localhost:{port}", log)
    try:
        _wait_until_healthy(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=240)
    assert_clean(log)


def few_starters(folder: Path) -> Path:
    """A folder of a few starters, with the CAVs that come with them."""
    few = folder / "starters"
    few.mkdir()
    for name in (*(f"{name}.zip" for name in FEW_STARTERS), CAVS):
        (few / name).symlink_to(STARTERS_FOLDER / name)
    return few


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(server: Server, process: subprocess.Popen) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The server did not start:\n{server.log.read_text()}")


@pytest.fixture(scope="session")
def encoders(tmp_path_factory) -> Path:
    return write_tiny_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.fixture(scope="session")
def server(tmp_path_factory, encoders) -> Iterator[Server]:
    """One server for all tests of a process, each in a browser session of its own."""
    with running_server(tmp_path_factory.mktemp("server"), encoders, hurried=True) as running:
        yield running


@pytest.fixture(scope="session")
def index_on_server(server, encoders) -> str:
    """The name of an index of sixteen pictures on the server."""
    name, data = "pictures", server.log.parent / "pictures"
    write_pictures(data)
    with closing(ExplainerService(Catalog(encoders), more_answers=INDEX_ANSWERS)) as service:
        folder, settings = server.log.parent / "home/indexes" / name, IndexSettings(VIT)
        make_index(Making(list_items(data), settings, folder, name, lambda question: service.ask(question).result(240)))
    return name


def assert_clean(log: Path) -> None:
    """No traceback, no warning, no deprecated call. Streamlit is clumsy when a tab closes while it sends; that does not count."""
    lines = CLOSED_TAB.sub("", log.read_text()).splitlines()
    assert not [line for line in lines if any(sign in line for sign in TROUBLE)], "\n".join(lines)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--process-per-site"],
            headless=True,
        )
        yield chromium
        chromium.close()


HARMLESS = (
    r"//[^/]+/\w+/_stcore/(health|host-config)$",  # Streamlit looks for its server below the address of a page first
    r"//[^/]+/media/\w+\.(jpg|png)$",  # a picture that another one replaced before it was loaded; `is_whole` sees the others
)


def is_error(message: ConsoleMessage) -> bool:
    return message.type == "error" and not any(re.search(pattern, message.location["url"]) for pattern in HARMLESS)


def is_whole(page: Page) -> bool:
    """Whether every picture that is to be seen has arrived."""
    broken = "[...document.images].filter(i => i.complete && i.src && !i.naturalWidth && i.checkVisibility()).length"
    return page.evaluate(broken) == 0


class Contexts:
    """Browser sessions that are used again, each without a memory of who used it before.

    The first page of each stays open, in the background: it keeps the process of its site (`--process-per-site`), and what that
    has compiled of Streamlit's programs. A page of a fresh session and process takes two fifths more of a core.
    """

    def __init__(self, browser: Browser):
        self._browser = browser
        self.n_taken = 0
        self._free: dict[str, list[BrowserContext]] = {}

    def take(self, options: dict) -> BrowserContext:
        """A session that nobody uses."""
        self.n_taken += 1
        free = self._free.setdefault(repr(sorted(options.items())), [])
        return free.pop() if free else self._browser.new_context(**options)

    def give_back(self, context: BrowserContext, options: dict) -> None:
        """Closes all pages but the first, and forgets cookies and what the pages have stored."""
        for page in context.pages:
            origin = "/".join(page.url.split("/")[:3])
            stored = {"origin": origin, "storageTypes": "local_storage"}
            context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
        for page in context.pages[1:]:
            page.close()
        context.clear_cookies()
        self._free[repr(sorted(options.items()))].append(context)


@contextmanager
def watched_pages(contexts: Contexts) -> Iterator[Callable[..., Page]]:
    """Opens addresses; in the end, no page may have logged an error."""
    used, pages, errors = [], [], []

    def opened(
        address: str, width: int = 1440, height: int = 1000, scheme: str = "light", motion: str = "reduce", **options
    ) -> Page:
        context = contexts.take(options)
        used.append((context, options))
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield opened
    whole = [is_whole(page) for page in pages if not page.is_closed()]
    for context, options in used:
        contexts.give_back(context, options)
    assert errors == [] and all(whole)


@pytest.fixture(scope="session")
def contexts(browser) -> Contexts:
    """The browser sessions of a process."""
    return Contexts(browser)


@pytest.fixture
def open_page(contexts) -> Iterator[Callable[..., Page]]:
    """Opens an address in a fresh browser session."""
    with watched_pages(contexts) as opened:
        yield opened


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where screenshots go: the folder named by SCREENSHOTS. They are for people's eyes, so nobody waits for them otherwise."""
    if not os.environ.get("SCREENSHOTS"):
        pytest.skip("only when SCREENSHOTS names a folder: pictures to be judged by eye")
    folder = Path(os.environ["SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder
