"""The road most users take: an encoder by name from the hub, with progress, and afterwards without a network.

The hub is a stand-in on loopback. What opens encoders runs in processes of their own, because huggingface_hub reads
its address and its folders once, when it is imported: first with the hub, then with the hub gone, then set to be
offline; all three share one cache folder. They are forks of a process that has imported torch, which takes longest.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save

from tests.models.catalog.standin_hub import StandInHub

ROOT = Path(__file__).parents[3]
TINY, TIMM, PARTS = "hf-hub:team/tiny", "test_resnet.r160_in1k", "hf-hub:team/parts"
INDEX = "model.safetensors.index.json"
MODEL_ARGS = {"embed_dim": 24, "depth": 3, "num_heads": 3, "img_size": 64, "num_classes": 3}
OPEN_ALL = """
import json, os, sys, torch, torchvision
torch.set_num_threads(1)
assert "huggingface_hub" not in sys.modules
for line in sys.stdin:
    names, environment = json.loads(line)
    process = os.fork()
    if process == 0:
        break
    os.waitpid(process, 0)
else:
    sys.exit()
os.environ.update(environment)
from models.errors import EncoderscopeError
from models.catalog import Catalog
from models.progress import Progress
catalog, answers = Catalog(), {}
for name in names:
    steps = []
    try:
        encoder = catalog.open(name, progress=Progress(lambda share, doing: steps.append((share, doing))))
        answer = {"classes": encoder.info.class_names, "n_depths": len(encoder.info.depths), "name": encoder.info.name,
                  "logits": encoder.logits(torch.ones(1, 3, 64, 96)).tolist(), "state": catalog.entry(name).state}
    except EncoderscopeError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    answers[name] = {**answer, "steps": steps}
print(json.dumps({**answers, "openable": catalog.openable()}))
"""


def seeded(architecture: str, **model_args) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(architecture, **model_args).eval()


def tiny_vit() -> torch.nn.Module:
    return seeded("vit_tiny_patch16_224", **MODEL_ARGS, dynamic_img_size=True)


def repository(**changes: bytes | None) -> dict[str, bytes]:
    """An encoder in hub format; a change of None leaves a file out."""
    config = {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": 3,
        "label_names": ["cat", "dog", "tree"],
        "model_args": MODEL_ARGS,
        "pretrained_cfg": {"input_size": [3, 64, 64], "num_classes": 3, "license": "mit", "fixed_input_size": True},
    }
    files = {"config.json": json.dumps(config).encode(), "model.safetensors": save(tiny_vit().state_dict())}
    files.update({name.replace("__", "."): content for name, content in changes.items()})
    return {name: content for name, content in files.items() if content is not None}


def in_parts(left_out: str = "") -> dict[str, bytes]:
    """The same encoder with its tensors in two files and an index, of which one may be left out."""
    weights = tiny_vit().state_dict()
    where = {name: f"model-{1 + n % 2}-of-2.safetensors" for n, name in enumerate(weights)}
    files = {part: save({name: weights[name] for name in weights if where[name] == part}) for part in set(where.values())}
    files |= repository(model__safetensors=None) | {INDEX: json.dumps({"weight_map": where}).encode()}
    return {name: content for name, content in files.items() if name != left_out}


REFUSED = {  # repository: (its files, the error, what the message says)
    "pickled": (repository(model__safetensors=None, pytorch_model__bin=b"pickle"), "UnsupportedEncoder", "pickle"),
    "empty": (repository(model__safetensors=None), "UnsupportedEncoder", "no model.safetensors"),
    "bare": (repository(config__json=None), "UnsupportedEncoder", "no config.json"),
    "bert": (repository(config__json=b'{"architectures": ["BertModel"]}'), "UnsupportedEncoder", "not a timm encoder"),
    "unheard": (repository(config__json=b'{"architecture": "vit_unheard"}'), "UnsupportedEncoder", "vit_unheard"),
    "page": (repository(config__json=b"<html>"), "EncoderUnavailable", "not a readable JSON"),
    "broken": (repository(model__safetensors=b"\0" * 100), "EncoderUnavailable", "not a safetensors file"),
    "part": (in_parts("model-2-of-2.safetensors"), "UnsupportedEncoder", "has no model-2-of-2.safetensors"),
    "index": (in_parts() | {INDEX: b"{"}, "EncoderUnavailable", "not readable JSON"),
    "foreign": (repository(model__safetensors=save({"a": torch.zeros(2)})), "EncoderUnavailable", "do not fit"),
}


@dataclass(frozen=True)
class Runs:
    """What the three processes saw."""

    online: dict
    stopped: dict
    offline: dict
    n_requests_for_tiny: int


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    cache = tmp_path_factory.mktemp("hub")
    resnet = {"model.safetensors": save(seeded("test_resnet").state_dict())}
    repositories = {"team/tiny": repository(), "team/parts": in_parts(), f"timm/{TIMM}": resnet}
    repositories |= {f"team/{name}": files for name, (files, _, _) in REFUSED.items()}
    with forking(cache) as open_all:
        with StandInHub(repositories) as hub:
            refused = [f"hf-hub:team/{name}" for name in REFUSED]
            online = open_all(hub.url, TINY, TIMM, PARTS, *refused, "hf-hub:team/none", "hf-hub:no/such/name")
            n_requests = sum("/team/tiny/" in request for request in hub.requests)
        stopped = open_all(hub.url, TINY, TIMM, PARTS, "hf-hub:team/absent")
        offline = open_all(hub.url, TINY, TIMM, PARTS, "hf-hub:team/absent", HF_HUB_OFFLINE="1")
    return Runs(online, stopped, offline, n_requests)


@contextmanager
def forking(cache: Path) -> Iterator[Callable[..., dict]]:
    """Opens names in fresh processes that have this cache, each with the hub at an address and further variables."""
    hub_variables = ("HF_", "HUGGINGFACE_", "ENCODERSCOPE_", "TRANSFORMERS_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(hub_variables)}
    clean |= {"HF_HOME": str(cache), "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    clean |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", OPEN_ALL], env=clean, cwd=ROOT, **pipes)

    def open_all(endpoint: str, *names: str, **environment: str) -> dict:
        process.stdin.write(json.dumps([names, {"HF_ENDPOINT": endpoint, **environment}]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield open_all
    process.communicate()
    assert process.returncode == 0


def test_an_encoder_opens_from_the_hub_by_name(runs):
    opened = runs.online[TINY]
    assert opened["classes"] == ["cat", "dog", "tree"] and opened["n_depths"] == 3
    assert opened["name"] == TINY and opened["state"] == "on disk"
    torch.testing.assert_close(torch.tensor(opened["logits"]), tiny_vit()(torch.ones(1, 3, 64, 96)))


def test_a_timm_name_opens_from_the_hub(runs):
    opened = runs.online[TIMM]
    assert len(opened["classes"]) == 1000 and opened["classes"][0] == "tench"
    torch.testing.assert_close(torch.tensor(opened["logits"]), seeded("test_resnet")(torch.ones(1, 3, 64, 96)))


def test_weights_in_parts_are_put_together(runs):
    assert runs.online[PARTS]["logits"] == runs.online[TINY]["logits"] and runs.online[PARTS]["state"] == "on disk"


@pytest.mark.parametrize("name", [TINY, TIMM, PARTS])
def test_without_the_hub_it_opens_from_the_disk(runs, name):
    assert runs.stopped[name]["logits"] == runs.offline[name]["logits"] == runs.online[name]["logits"]
    assert runs.stopped[name]["steps"] == [[None, "reading weights"]]
    for run in (runs.online, runs.stopped, runs.offline):
        assert name in run["openable"]


def test_progress_is_reported_in_bytes_and_reaches_the_end(runs):
    steps = runs.online[TINY]["steps"]
    fractions = [fraction for fraction, message in steps if message.startswith("downloading")]
    assert fractions[0] == 0 and fractions[-1] == 1
    assert all(message.endswith("MB") for _, message in steps if message.startswith("downloading"))
    assert steps[-1] == [None, "reading weights"]


def test_every_file_is_asked_for_once(runs):
    assert runs.n_requests_for_tiny == 6  # for config and weights: is it there (ours), where (the client's), the file


@pytest.mark.parametrize("run", ["stopped", "offline"])
def test_what_cannot_be_fetched_is_said_with_what_opens_instead(runs, run):
    refused, openable = getattr(runs, run)["hf-hub:team/absent"], getattr(runs, run)["openable"]
    assert refused["error"] == "EncoderUnavailable"
    assert "'team/absent' is not on this machine" in refused["message"] and TINY in openable
    for name in openable:
        assert name in refused["message"]
    assert len(refused["steps"]) == 1  # asked once, not retried for minutes


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_safe_timm_encoder_is_refused_in_one_sentence(runs, name):
    _, error, reason = REFUSED[name]
    refused = runs.online[f"hf-hub:team/{name}"]
    assert refused["error"] == error and reason in refused["message"] and "\n" not in refused["message"]


@pytest.mark.parametrize("name", ["team/none", "no/such/name"])
def test_a_repository_that_does_not_exist_is_unknown(runs, name):
    refused = runs.online[f"hf-hub:{name}"]
    assert refused["error"] == "UnknownEncoder" and name in refused["message"]
