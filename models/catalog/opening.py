"""From files to an encoder: out of a folder or a Python package, under a timm name, or from a repository of the hub.

Weights of the last two are fetched if need be.

Weights are read from safetensors; only where a pickle is allowed may one stand in for them (models/catalog/pickled.py).
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError

from models.catalog import hub
from models.catalog.checkpoints import needed_shapes
from models.catalog.entries import HUB_PREFIX, pretrained_config
from models.catalog.formats import CONFIG, PICKLED_NAMES, PICKLED_WEIGHTS, WEIGHTS, WEIGHTS_NAMES, only_pickled
from models.catalog.local_dir import config_in, known_architecture, remarks_in
from models.catalog.packaged import PackagedEncoder, load_packaged
from models.catalog.pickled import load_pickled
from models.encoder.building import MODEL_ERRORS, NetworkSpec, build_model
from models.encoder.encoder import Encoder
from models.errors import BadCheckpoint, EncoderUnavailable, OutOfMemory, UnsupportedEncoder
from models.progress import Progress

Device = str | torch.device
_READING = "reading weights"


def open_folder(folder: Path, name: str, device: Device, progress: Progress, *, pickle_allowed: bool = False) -> Encoder:
    """The encoder in a folder, called ``name``; raises EncoderUnavailable or UnsupportedEncoder."""
    config = config_in(folder)
    architecture = known_architecture(config, name)
    pickled = folder / PICKLED_WEIGHTS
    is_safe = any((folder / weights).is_file() for weights in WEIGHTS_NAMES)
    if not is_safe and not (pickle_allowed and pickled.is_file()):
        raise _no_weights(folder, name)
    progress.report(None, _READING)
    weights = None if is_safe else load_pickled(pickled, name, _needed(config, name))
    licence = str(remarks_in(folder).get("licence", ""))
    return _built(name, architecture, partial(Encoder.from_folder, folder, name, device, licence, weights))


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
    return _built(name, name, partial(Encoder.from_timm, name, device=device, name=name, weights=weights))


def open_hub(name: str, device: Device, progress: Progress) -> Encoder:
    """The encoder in a hub repository: a snapshot of it, once its two files are there, is a folder like any other."""
    repo = name.removeprefix(HUB_PREFIX)
    config = hub.load_file(repo, CONFIG, progress)
    known_architecture(config_in(config.parent), name)
    weights = hub.load_weights(repo, progress)
    return open_folder(weights.parent, name, device, progress)


def _no_weights(folder: Path, name: str) -> EncoderUnavailable | UnsupportedEncoder:
    if any((folder / weights).is_file() for weights in PICKLED_NAMES):
        return only_pickled(name)
    return EncoderUnavailable(f"'{name}' has no weights: {WEIGHTS} is missing from {folder}.")


def _needed(config: dict[str, Any], name: str) -> dict[str, tuple[int, ...]]:
    try:
        return needed_shapes(json.dumps(config))
    except BadCheckpoint as error:
        raise EncoderUnavailable(f"'{name}' cannot be built: {error}") from error


def _built(name: str, architecture: str, build: Callable[[], Encoder]) -> Encoder:
    """The encoder, or in one sentence why its files do not make one."""
    try:
        return build()
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"'{name}' does not fit into the device's memory. Close another encoder, or use the CPU.") from error
    except (*MODEL_ERRORS, OSError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EncoderUnavailable(
            f"'{name}' cannot be built: its files do not fit the architecture {architecture} ({reason[:200]})."
        ) from error
