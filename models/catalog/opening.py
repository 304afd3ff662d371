"""From files to an encoder: out of a folder or a Python package, under a timm name, or from a repository of the hub.

Weights of the last two are fetched if need be.

Weights are read from safetensors; only where a pickle is allowed may one stand in for them (models/catalog/pickled.py). A folder
may name a seed in their place: that is a network before training.
"""

from collections.abc import Callable
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from torch import Tensor

from models.catalog import hub
from models.catalog.configs import classes_described
from models.catalog.entries import HUB_PREFIX, pretrained_config
from models.catalog.formats import CONFIG, PICKLED_NAMES, PICKLED_WEIGHTS, WEIGHTS, only_pickled
from models.catalog.local_dir import config_in, known_architecture, remark, untrained_seed
from models.catalog.packaged import PackagedEncoder, load_packaged
from models.catalog.pickled import load_pickled
from models.catalog.weights import load_weights, require_whole, weight_files
from models.encoder.building import MODEL_ERRORS, NetworkSpec, build_model
from models.encoder.encoder import Encoder
from models.errors import BadCheckpoint, EncoderUnavailable, OutOfMemory
from models.progress import Progress

Device = str | torch.device
_READING = "reading weights"


def open_folder(folder: Path, name: str, device: Device, progress: Progress, *, pickle_allowed: bool = False) -> Encoder:
    """The encoder in a folder, called ``name``; raises EncoderUnavailable or UnsupportedEncoder."""
    config = config_in(folder)
    architecture = known_architecture(config, name)
    licence = remark(folder, "licence")

    def build() -> Encoder:
        described = classes_described(config, f"'{folder / CONFIG}'")
        seed = untrained_seed(folder)
        if seed is not None:
            return Encoder.untrained(folder, seed, name, device, licence, described)
        weights = _weights(folder, name, pickle_allowed=pickle_allowed)
        return Encoder.from_folder(folder, weights, name, device, licence, described)

    progress.report(None, _READING)
    return _built(name, architecture, build)


def _weights(folder: Path, name: str, *, pickle_allowed: bool) -> dict[str, Tensor]:
    """The tensors (...) of a folder by name; raises EncoderUnavailable or UnsupportedEncoder if none may be read."""
    files = weight_files(folder)
    if files:
        return load_weights(files)
    if pickle_allowed and (folder / PICKLED_WEIGHTS).is_file():
        return load_pickled(folder / PICKLED_WEIGHTS, name)
    if any((folder / weights).is_file() for weights in PICKLED_NAMES):
        raise only_pickled(name)
    raise EncoderUnavailable(f"'{name}' has no weights: {WEIGHTS} is missing from {folder}.")


def open_packaged(packaged: PackagedEncoder, device: Device, progress: Progress) -> Encoder:
    """The encoder in a Python package, whose tensors get the names that timm has for them."""
    progress.report(None, _READING)

    def build() -> Encoder:
        model = build_model(packaged.timm_name, {}, pretrained=False)
        model.load_state_dict(load_packaged(packaged, model.state_dict()))
        spec = NetworkSpec(timm.models.get_arch_name(packaged.timm_name))
        return Encoder(model, spec, packaged.name, device, packaged.licence)

    return _built(packaged.name, packaged.timm_name, build)


def open_timm(name: str, device: Device, progress: Progress) -> Encoder:
    """The encoder of weights that timm knows by name."""
    config = pretrained_config(name)
    if not config.hf_hub_id:
        raise only_pickled(name)
    weights = hub.load_weights(config.hf_hub_id, progress)
    progress.report(None, _READING)

    def build() -> Encoder:
        require_whole(weights)
        return Encoder.from_timm(name, device=device, name=name, weights=weights)

    return _built(name, name, build)


def open_hub(name: str, device: Device, progress: Progress) -> Encoder:
    """The encoder in a hub repository: a snapshot of it, once its files are there, is a folder like any other."""
    repo = name.removeprefix(HUB_PREFIX)
    config = hub.load_file(repo, CONFIG, progress)
    known_architecture(config_in(config.parent), name)
    weights = hub.load_weights(repo, progress)
    return open_folder(weights.parent, name, device, progress)


def _built(name: str, architecture: str, build: Callable[[], Encoder]) -> Encoder:
    """The encoder, or in one sentence why its files do not make one."""
    try:
        return build()
    except BadCheckpoint as error:
        raise EncoderUnavailable(f"'{name}' cannot be built: {error}") from error
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"'{name}' does not fit into the device's memory. Close another encoder, or use the CPU.") from error
    except (*MODEL_ERRORS, OSError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EncoderUnavailable(
            f"'{name}' cannot be built: its files do not fit the architecture {architecture} ({reason[:200]})."
        ) from error
