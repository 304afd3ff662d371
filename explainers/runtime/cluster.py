"""Ray, where work is done on several machines or GPUs: connecting to it, and how many actors it has room for.

Needs the optional package ``ray`` (requirements-ray.txt). Every machine must see photos and encoders under the same paths.
"""

import os
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager

import ray

from models.errors import EncoderscopeError

_PATIENCE_SECONDS = 10.0  # Ray itself waits for minutes where nobody answers


@contextmanager
def cluster() -> Generator[None]:
    """The cluster of RAY_ADDRESS, or one on this machine, for as long as it is needed; one that is there already stays.

    Raises EncoderscopeError where it cannot be had.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves this machine
    address = os.environ.get("RAY_ADDRESS", "local")
    try:
        _require_answer(address)
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        said = str(error).strip().splitlines()[0]
        raise EncoderscopeError(f"The cluster of Ray at RAY_ADDRESS, '{address}', cannot be used: {said}") from error
    try:
        yield
    finally:
        ray.shutdown()


def room() -> tuple[int, dict[str, float]]:
    """How many actors there is room for, and what each needs: a GPU, or a processor, of which one is left to others."""
    there = ray.cluster_resources()
    if n_gpus := int(there.get("GPU", 0)):
        return n_gpus, {"num_gpus": 1}
    return max(1, int(there.get("CPU", 1)) - 1), {"num_cpus": 1}


def _require_answer(address: str) -> None:
    """Raises OSError where an address names a machine and a port, and nobody answers there."""
    if named := re.fullmatch(r"([^:/]+):(\d+)", address):
        socket.create_connection((named[1], int(named[2])), _PATIENCE_SECONDS).close()
