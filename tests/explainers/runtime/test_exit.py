"""A process that ends while the worker is busy ends like any other."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
BUSY = """
import sys, threading
sys.path.insert(0, {root!r})
import torch
from explainers.service.service import ExplainerService
from explainers.runtime.scheduler import Activity, Queued, Request
from explainers.runtime.worker import Turn

service, begun = ExplainerService(device="cpu"), threading.Event()

def work(progress):
    matrix = torch.randn(300, 300)
    while True:
        progress.check()
        begun.set()
        matrix = torch.tanh(matrix @ matrix)

service._scheduler.request(Request("key", work, Queued(service._worker, Turn()), Activity("working", "hard")))
assert begun.wait(240)
print("leaving")
{leave}
"""


def left(leave: str, home) -> subprocess.CompletedProcess:
    script = BUSY.format(root=str(ROOT), leave=leave)
    environment = {"ENCODERSCOPE_HOME": str(home), "OMP_NUM_THREADS": "1", "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=240, check=False
    )


def test_a_script_that_runs_to_its_end_ends_cleanly(tmp_path):
    ended = left("", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "leaving\n", "")


def test_a_script_that_fails_says_only_why(tmp_path):
    ended = left("raise SystemExit('enough')", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "leaving\n", "enough\n")
