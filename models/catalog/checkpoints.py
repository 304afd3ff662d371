"""A checkpoint that somebody brings: what its header says, and whether it fits an architecture. Nothing in it is executed.

    checkpoint   the header of a safetensors file: names, types and shapes of its tensors; no value is read
    match        the checkpoint's tensors beside those that the architecture of a configuration (configs.py) needs

A safetensors file is eight bytes (length of the header), the header (JSON), and the values in one block without gaps. A pickle
is a program whose output are the weights: it is refused by its first bytes and by its name.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from models.catalog.formats import (
    CONFIG,
    LFS_MARK,
    MB,
    PICKLE_SUFFIXES,
    PICKLED_WEIGHTS,
    is_lfs_pointer,
    json_object,
    lfs_pointer,
)
from models.encoder.building import MODEL_ERRORS, build_outline
from models.encoder.fitting import Match, match_shapes
from models.errors import BadCheckpoint, PickledCheckpoint

MAX_BYTES = 1024 * MB  # of an upload
MAX_HEADER_BYTES = 20 * MB  # a thousand layers need a hundredth of that
MAX_AXES = 16  # of a tensor; multiplying millions of them would take hours
SUFFIX = ".safetensors"
CONVERT_COMMAND = (
    'python -c "import torch; from safetensors.torch import save_file; '
    "w = torch.load('model.pth', map_location='cpu', weights_only=True); w = w.get('state_dict', w.get('model', w)); "
    "save_file({k: v.clone().contiguous() for k, v in w.items() if torch.is_tensor(v)}, 'model.safetensors')\""
)
_PICKLE_WAY_OUT = (
    f"Save the weights as safetensors where you trust them, or have whoever runs this dashboard put them as {PICKLED_WEIGHTS} "
    f"beside a {CONFIG} into a folder of ENCODERSCOPE_ENCODERS, where they are read with weights_only=True."
)
_LENGTH_BYTES = 8
_DTYPE_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}


@dataclass(frozen=True)
class StoredTensor:
    """One tensor as the header describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Checkpoint:
    """What the header of a safetensors file says."""

    file_name: str
    tensors: tuple[StoredTensor, ...]
    n_bytes: int
    header_sha256: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor, by name."""
        return {tensor.name: tensor.shape for tensor in self.tensors}

    @property
    def n_values(self) -> int:
        """How many values the file holds, parameters and buffers together."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)


@dataclass(frozen=True)
class Upload:
    """What somebody wants to have in the catalog: a name, the text of its config.json, the bytes of its safetensors file."""

    name: str
    config: str
    weights: bytes = field(repr=False)
    replace: bool = False

    @property
    def identity(self) -> tuple[str, str, str, bool]:
        """What tells uploads apart: everything in them, the weights by their hash."""
        return self.name, self.config, hashlib.sha256(self.weights).hexdigest(), self.replace


@dataclass(frozen=True)
class CheckpointMatch(Match):
    """How a checkpoint fits an architecture once ``prefix`` is taken off the names of its tensors."""

    architecture: str

    @property
    def hint(self) -> str:
        """What to try, where the mismatches show it; else empty."""
        if any("pos_embed" in tensor.name and tensor.stored and tensor.needed for tensor in self.mismatches):
            return "The positions differ: choose the input size that the checkpoint was trained at."
        if self.mismatches and not self.n_fitting:
            return "Not one tensor fits, so this is another architecture."
        return ""


# --- the file -------------------------------------------------------------------------------------------------------------


def read_checkpoint(file: BinaryIO, name: str, max_bytes: float | None = None) -> Checkpoint:
    """What the header of a safetensors file says, of an upload's size unless ``max_bytes`` says otherwise.

    Raises BadCheckpoint, or PickledCheckpoint with the way out, unopened.
    """
    max_bytes = MAX_BYTES if max_bytes is None else max_bytes
    if name.lower().endswith(PICKLE_SUFFIXES):
        raise PickledCheckpoint(_pickled(name))
    n_bytes = file.seek(0, 2)
    if n_bytes > max_bytes:
        raise BadCheckpoint(f"'{name}' has {n_bytes / MB:.0f} MB; at most {max_bytes / MB:.0f} MB are taken. Save it in float16.")
    header, text = _header(file, name, n_bytes)
    tensors = tuple(sorted(_tensors(header, name, n_bytes - _LENGTH_BYTES - len(text)), key=lambda tensor: tensor.name))
    return Checkpoint(name, tensors, n_bytes, hashlib.sha256(text).hexdigest())


def _pickled(name: str) -> str:
    return f"'{name}' is a pickle file, and opening one can run code hidden in it, so it is refused unread. {_PICKLE_WAY_OUT}"


def _header(file: BinaryIO, name: str, n_bytes: int) -> tuple[dict[str, Any], bytes]:
    """The header, and the bytes it was read from."""
    file.seek(0)
    start = file.read(_LENGTH_BYTES + 1)
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if len(start) <= _LENGTH_BYTES or start[_LENGTH_BYTES:] != b"{" or length < 2:
        raise _not_safetensors(file, name, n_bytes)
    if length > MAX_HEADER_BYTES:
        raise BadCheckpoint(f"'{name}' announces a header of {length / MB:,.0f} MB, which no model has. Save it again.")
    file.seek(_LENGTH_BYTES)
    text = file.read(length)
    if len(text) < length:
        raise BadCheckpoint(_cut_short(name))
    return json_object(text, f"The header of '{name}'"), text


def _not_safetensors(file: BinaryIO, name: str, n_bytes: int) -> BadCheckpoint:
    if not n_bytes:
        return BadCheckpoint(f"'{name}' is empty (0 bytes). Choose another file.")
    if _is_pickle(file):
        return PickledCheckpoint(_pickled(name))
    file.seek(0)
    if is_lfs_pointer(file.read(len(LFS_MARK))):
        return BadCheckpoint(lfs_pointer(name))
    return BadCheckpoint(f"'{name}' is not a safetensors file. Save the weights with safetensors' save_file, and try again.")


def _is_pickle(file: BinaryIO) -> bool:
    """Whether it begins like a zip archive (PyTorch), a pickle of protocol 2 or later, or a tar archive (old PyTorch)."""
    file.seek(0)
    start = file.read(300)
    return start.startswith((b"PK\x03\x04", *(bytes([0x80, protocol]) for protocol in range(2, 6)))) or start[257:262] == b"ustar"


def _cut_short(name: str) -> str:
    return f"'{name}' is cut short: it ends before the values that its header announces. Get it again, whole."


def _tensors(header: Mapping[str, Any], name: str, n_value_bytes: int) -> list[StoredTensor]:
    """Every tensor of the header, whose values must follow each other and end with the file."""
    records = [_placed(key, record, name) for key, record in header.items() if key != "__metadata__"]
    if not records:
        raise BadCheckpoint(f"'{name}' holds no tensor. Choose another file.")
    end = 0
    for begin, stop, _tensor in sorted(records, key=lambda record: record[:2]):
        if begin != end:
            raise BadCheckpoint(f"The header of '{name}' is damaged: its tensors overlap or leave gaps. Save it again.")
        end = stop
    if end > n_value_bytes:
        raise BadCheckpoint(_cut_short(name))
    if end < n_value_bytes:
        raise BadCheckpoint(f"'{name}' goes on after its last tensor, so it is damaged. Save it again.")
    return [tensor for _begin, _stop, tensor in records]


def _placed(key: str, record: Any, name: str) -> tuple[int, int, StoredTensor]:
    """Where the values of one tensor begin and stop, and the tensor."""
    damaged = BadCheckpoint(f"The header of '{name}' does not describe its tensor '{key[:100]}' properly. Save it again.")
    if not isinstance(record, dict):
        raise damaged
    dtype, shape, offsets = (record.get(field) for field in ("dtype", "shape", "data_offsets"))
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2 or not isinstance(dtype, str):
        raise damaged
    if len(shape) > MAX_AXES or any(side > MAX_HEADER_BYTES * MB for side in shape):
        raise damaged
    if dtype not in _DTYPE_BYTES:
        raise BadCheckpoint(f"'{name}' holds values of the type {dtype[:20]}, which is not read here. Save it in float32.")
    if math.prod(shape) * _DTYPE_BYTES[dtype] != offsets[1] - offsets[0]:
        raise damaged
    return offsets[0], offsets[1], StoredTensor(key, dtype, tuple(shape))


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def write_without_prefix(weights: bytes, target: BinaryIO, prefix: str) -> None:
    """The safetensors file ``weights``, with ``prefix`` taken off the name of every tensor; the values stay as they are."""
    if not prefix:
        target.write(weights)
        return
    end = _LENGTH_BYTES + int.from_bytes(weights[:_LENGTH_BYTES], "little")
    header = json.loads(weights[_LENGTH_BYTES:end])
    text = json.dumps({key.removeprefix(prefix): record for key, record in header.items()}).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of eight
    target.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
    target.write(memoryview(weights)[end:])


# --- the match ------------------------------------------------------------------------------------------------------------


def match_checkpoint(checkpoint: Checkpoint, config: Mapping[str, Any]) -> CheckpointMatch:
    """The checkpoint beside what the configuration asks for. The prefix is the one with which most fits; often none."""
    needed = needed_shapes(json.dumps(config, sort_keys=True))
    match = match_shapes(checkpoint.shapes, needed)
    return CheckpointMatch(match.prefix, match.n_fitting, match.mismatches, config["architecture"])


@lru_cache(maxsize=8)
def needed_shapes(config: str) -> dict[str, tuple[int, ...]]:
    """Shape by name of every tensor that the network of a config.json needs; raises BadCheckpoint if there is no such network."""
    with TemporaryDirectory() as folder:
        Path(folder, CONFIG).write_text(config, encoding="utf-8")
        try:
            model = build_outline(f"local-dir:{folder}")
        except MODEL_ERRORS as error:
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise BadCheckpoint(f"timm cannot build the network that was asked for ({reason[0][:200]}).") from error
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
