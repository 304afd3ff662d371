"""What every test shares: one thread pool, and the way to the fixtures that may be absent."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))))

SHARED_FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Real weights and photographs with ground truth, beside the checkout; third-party material that never ships."""
    if not SHARED_FIXTURES.is_dir():
        pytest.skip(f"needs {SHARED_FIXTURES} (real weights and photographs), which is not here")
    return SHARED_FIXTURES
