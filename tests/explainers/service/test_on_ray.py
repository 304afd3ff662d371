"""Actors answer what one service does, and still do when one of them is killed in the middle (``make test-ray`` installs Ray)."""

import json
import os
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

ray = pytest.importorskip("ray")

from explainers.commands.main import main  # noqa: E402
from explainers.nave.settings import NaveSettings  # noqa: E402
from explainers.service import ExplainerService  # noqa: E402
from explainers.service.on_ray import RayService  # noqa: E402  needs ray
from explainers.service.questions import Segment  # noqa: E402
from models.errors import BadSettings  # noqa: E402
from models.photo import photo_from_array  # noqa: E402
from models.scenes.scenes import render, sample_scene  # noqa: E402

ENCODER = "scenes-cnn"
SETTINGS = NaveSettings(input_size=64, max_clusters=6)
CONCEPTS = ["--depth", "3", "--concept", "striped", "dotted", "--null", "10", "--class", "0"]


@pytest.fixture(scope="module")
def cluster():
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(address="local", num_cpus=3, include_dashboard=False, log_to_driver=False)  # two actors
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for n in range(5):
        Image.fromarray(render(sample_scene(700 + n)).image).save(folder / f"{n}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def without_times(record):
    """A record without what differs from run to run."""
    if isinstance(record, dict):
        return {key: without_times(value) for key, value in record.items() if key != "seconds"}
    return [without_times(value) for value in record] if isinstance(record, list) else record


def content(out: Path):
    """What a command wrote, by file: bytes, or a record without times."""
    files = [out] if out.is_file() else [path for path in out.rglob("*.*") if path.is_file()]
    return {
        path.relative_to(out): path.read_bytes()
        if path.suffix in (".npz", ".png")
        else without_times(json.loads(path.read_bytes()))
        for path in files
    }


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_a_cluster_that_cannot_be_had_is_said_in_a_sentence(monkeypatch, capsys, folder, tmp_path, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert main(["segment", str(folder), "--encoder", ENCODER, "--on", "ray", "--out", str(tmp_path / "out")]) == 2
    assert f"The cluster of Ray at RAY_ADDRESS, '{address}', cannot be used" in capsys.readouterr().err


def test_actors_of_which_one_is_killed_answer_as_one_service_does(cluster):
    questions = [Segment(ENCODER, photo_from_array(render(sample_scene(n)).image, str(n)), SETTINGS) for n in range(6)]
    alone, together = ExplainerService(cache_bytes=0), RayService()
    jobs = [together.ask(question) for question in questions]
    jobs[0].result(120)  # both are at work
    killed = next(p for p in psutil.process_iter(["cmdline"]) if "Answering" in " ".join(p.info["cmdline"] or ()))
    killed.kill()
    for question, job in zip(questions, jobs, strict=True):
        expected = alone.ask(question).result(120).segmentation.at(6)
        np.testing.assert_array_equal(job.result(120).segmentation.at(6), expected)
    refused = together.ask(Segment(ENCODER, questions[0].photo, NaveSettings((99,))))
    with pytest.raises(BadSettings):
        refused.result(120)
    together.close()
    alone.close()


@pytest.mark.parametrize("command", ["segment", "attribute", "intervene"])
def test_a_command_writes_the_same_on_ray(cluster, folder, tmp_path, command):
    written = []
    for place in ([], ["--on", "ray"]):
        out = tmp_path / f"out{len(written)}"
        about = [] if command == "segment" else CONCEPTS
        status = main([command, str(folder), "--encoder", ENCODER, *about, *place, "--size", "64", "--out", str(out)])
        assert status == 1  # one image cannot be read
        written.append(content(out))
    assert len(written[0]) == (11 if command == "segment" else 1)
    assert written[0] == written[1]
