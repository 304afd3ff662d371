"""A process that ends while the worker is busy ends like any other."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPTS = """
import os, sys, threading
sys.path.insert(0, {root!r})
import torch
from explainers.service.service import ExplainerService
from explainers.runtime.scheduler import Activity, Queued, Request
from explainers.runtime.worker import Turn

for leave in ("", "raise SystemExit('enough')"):  # what they share is imported once
    script = os.fork()
    if script == 0:
        break
    print("status", os.waitstatus_to_exitcode(os.waitpid(script, 0)[1]), flush=True)
else:
    sys.exit()

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
exec(leave)
"""


def test_a_script_that_runs_to_its_end_ends_cleanly_and_one_that_fails_says_only_why(tmp_path):
    script = SCRIPTS.format(root=str(ROOT))
    environment = {"ENCODERSCOPE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PATH": ""}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=240)
    assert ended.stdout.splitlines() == ["leaving", "status 0", "leaving", "status 1"]
    assert (ended.returncode, ended.stderr) == (0, "enough\n")
