"""What every test shares: one thread pool, and the way to the fixtures that may be absent."""

import os
from pathlib import Path

import pytest
import torch
from xdist.scheduler import LoadFileScheduling

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))))

BROWSER = "tests/browser/"
OF_CONCEPTS = [f"{BROWSER}test_{name}.py" for name in ("accessibility", "concepts", "explain", "sign_in")]
FIRST = (f"{BROWSER}test_explain.py", BROWSER, "tests/explainers/nave/test_ground_truth.py", "tests/pages/")
SHARED_FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Real weights and photographs with ground truth, beside the checkout; third-party material that never ships."""
    if not SHARED_FIXTURES.is_dir():
        pytest.skip(f"needs {SHARED_FIXTURES} (real weights and photographs), which is not here")
    return SHARED_FIXTURES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes begin, so that processes side by side end at about the same time.

    The first of all wants a server that nobody has asked for a page.
    """

    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))

    items.sort(key=place)


class FilesOfOneServer(LoadFileScheduling):
    """Hands out files to processes side by side; those of the browser in two parts.

    Each part takes about half of the time and has one server, one Chromium, and what was fitted on that server. Since a browser
    waits much, whatever only computes runs beside it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if not file.startswith(BROWSER):
            return file
        return "browser, concepts" if file in OF_CONCEPTS else "browser, the rest"


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> FilesOfOneServer:
    return FilesOfOneServer(config, log)
