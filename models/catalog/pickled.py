"""Weights in a pickle file, which are read only where the operator of the machine has put them.

PyTorch's ``weights_only`` reader runs none of the code that a pickle may hold: it knows tensors and plain containers, and
refuses everything else. It is still a parser of programs, so uploads and the hub's files never get here.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.catalog.formats import LFS_MARK, WEIGHTS, is_lfs_pointer, lfs_pointer
from models.encoder.building import MODEL_ERRORS
from models.errors import BadCheckpoint, UnsupportedEncoder

# Where training scripts keep the weights inside a checkpoint; the smoothed ones first, as timm does.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
_READING_ERRORS = (torch.serialization.pickle.UnpicklingError, EOFError, OSError, *MODEL_ERRORS)


def load_pickled(path: Path, name: str) -> dict[str, Tensor]:
    """The weights of the encoder ``name``, tensors of any shape by name.

    Raises UnsupportedEncoder if the file holds more than weights, or none, and BadCheckpoint if it stands for another file.
    """
    with path.open("rb") as file:
        if is_lfs_pointer(file.read(len(LFS_MARK))):
            raise BadCheckpoint(lfs_pointer(path.name))
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _READING_ERRORS as error:
        raise UnsupportedEncoder(
            f"'{name}' has a {path.name} that holds more than weights, or is damaged, so it is not opened (weights_only). "
            f"Save its state_dict alone, best as {WEIGHTS}."
        ) from error
    weights = _unwrapped(content)
    if not weights:
        raise UnsupportedEncoder(f"'{name}' has a {path.name} without weights. Save a state_dict, best as {WEIGHTS}.")
    return weights


def _unwrapped(content: Any) -> dict[str, Tensor]:
    """The tensors by name, wherever a training script put them; empty if there are none."""
    if not isinstance(content, dict):
        return {}
    inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)), content)
    return {key: value for key, value in inner.items() if isinstance(key, str) and isinstance(value, Tensor)}
