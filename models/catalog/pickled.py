"""Weights in a pickle file, which only the operator of the machine may put before us.

PyTorch's ``weights_only`` reader runs none of the code that a pickle may hold: it knows tensors and plain containers, and
refuses everything else. It is still a parser of programs, so uploads and the hub's files never get here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.catalog.checkpoints import harmless_prefixes
from models.encoder.building import MODEL_ERRORS
from models.errors import UnsupportedEncoder

PICKLED_WEIGHTS = "pytorch_model.bin"
# Where training scripts keep the weights inside a checkpoint; the smoothed ones first, as timm does.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
_READING_ERRORS = (torch.serialization.pickle.UnpicklingError, EOFError, OSError, *MODEL_ERRORS)


def load_pickled(path: Path, name: str, needed: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights under the names that the network ``needed`` knows them by; UnsupportedEncoder if they are more than weights."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except _READING_ERRORS as error:
        raise UnsupportedEncoder(
            f"'{name}' has a {path.name} that holds more than weights, or is damaged, so it is not opened (weights_only). "
            "Save its state_dict alone, best as model.safetensors."
        ) from error
    weights = _unwrapped(found)
    if not weights:
        raise UnsupportedEncoder(f"'{name}' has a {path.name} without weights. Save a state_dict, best as model.safetensors.")
    prefix = max(harmless_prefixes(weights), key=lambda prefix: sum(key.removeprefix(prefix) in needed for key in weights))
    return {key.removeprefix(prefix): tensor for key, tensor in weights.items()}


def _unwrapped(found: Any) -> dict[str, Tensor]:
    """The tensors by name, wherever a training script put them; empty if there are none."""
    if not isinstance(found, dict):
        return {}
    inner = next((found[key] for key in _WRAPPERS if isinstance(found.get(key), dict)), found)
    return {key: value for key, value in inner.items() if isinstance(key, str) and isinstance(value, Tensor)}
