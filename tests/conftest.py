"""What every test shares: one thread pool, and the way to the fixtures that may be absent."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))))

LONGEST_FIRST = ("tests/browser/", "tests/pages/", "tests/explainers/nave/test_ground_truth.py")
SHARED_FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Real weights and photographs with ground truth, beside the checkout; third-party material that never ships."""
    if not SHARED_FIXTURES.is_dir():
        pytest.skip(f"needs {SHARED_FIXTURES} (real weights and photographs), which is not here")
    return SHARED_FIXTURES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes begin, so that processes side by side end at about the same time."""

    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(LONGEST_FIRST) if item.nodeid.startswith(start)), len(LONGEST_FIRST))

    items.sort(key=place)
