"""Ray comes to the bytes of one process, and still does when an actor is killed in the middle (``make test-ray`` installs it)."""

import os
from dataclasses import replace

import psutil
import pytest

ray = pytest.importorskip("ray")

from explainers.datasets.on_ray import DescribedGroup, Group, Photos, on_ray  # noqa: E402  needs ray
from models.progress import Progress  # noqa: E402
from tests.explainers.datasets.conftest import TINY  # noqa: E402
from tests.explainers.datasets.test_making import contents  # noqa: E402

FEW = replace(TINY, photos_per_shard=2)  # seven shards


@pytest.fixture(scope="module")
def cluster(index_service):
    os.environ |= {"ENCODERSCOPE_ENCODERS": str(index_service.catalog.encoder_folder), "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(address="local", num_cpus=3, include_dashboard=False, log_to_driver=False)  # two actors, and one to read
    yield
    ray.shutdown()
    del os.environ["ENCODERSCOPE_ENCODERS"]


def test_two_actors_of_which_one_is_killed_come_to_the_bytes_of_one_process(cluster, made, tmp_path):
    killed: list[int] = []

    def kill_one(share: float | None, doing: str) -> None:
        if not killed and "of 13 photos" in doing:
            actors = [p for p in psutil.process_iter(["cmdline"]) if "MapWorker" in " ".join(p.info["cmdline"] or ())]
            killed.append(actors[0].pid)
            actors[0].kill()

    alone = made(tmp_path / "alone", settings=FEW)
    together = made(tmp_path / "together", settings=FEW, engine=on_ray, progress=Progress(kill_one))
    assert killed and contents(together.folder) == contents(alone.folder)


def test_rays_columns_do_not_write_out_what_travels():
    many = tuple(range(10_000))
    for travelling in (Group(0, 0, many), DescribedGroup(0, 0, many), Photos(many)):
        assert len(repr(travelling)) < 200
