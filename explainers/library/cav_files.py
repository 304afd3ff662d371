"""Files of CAVs: safetensors that say which sets they were fitted on, and a hash of all they hold.

A file whose hash is missing or wrong (a bad disk, somebody's edit, an earlier version) counts as none: a CAV can be fitted again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

_SETS, _HASH = "sets", "sha256"


def written_cav(tensors: Mapping[str, Tensor], fingerprints: Iterable[str]) -> bytes:
    """The file of tensors of any shape (...) that were fitted on the sets with these fingerprints."""
    on_cpu = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    sets = " ".join(fingerprints)
    return save(on_cpu, {_SETS: sets, _HASH: _hash_of(on_cpu, sets)})


def read_cav(data: bytes) -> tuple[dict[str, Tensor], set[str]] | None:
    """The tensors (...) of a file, and the fingerprints of the sets; None unless it is whole and as it was written."""
    try:
        tensors = load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]  # length, header, values
        sets = metadata[_SETS]
        return (tensors, set(sets.split())) if metadata[_HASH] == _hash_of(tensors, sets) else None
    except (SafetensorError, ValueError, KeyError):
        return None


def _hash_of(tensors: Mapping[str, Tensor], sets: str) -> str:
    """Of names, types, shapes and values of tensors (...), in the order of their names, and of the sets."""
    digest = hashlib.sha256(sets.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
