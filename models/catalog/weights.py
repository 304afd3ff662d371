"""The weights of an encoder folder: one safetensors file, or several with an index that says which holds which tensor."""

import json
import math
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from models.catalog.checkpoints import MAX_HEADER_BYTES, Checkpoint, read_checkpoint
from models.catalog.formats import WEIGHTS_INDEX, WEIGHTS_NAMES, json_object
from models.errors import BadCheckpoint

MAX_NAME_BYTES = 255  # of a file, on every file system that people use


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that together hold the weights; none if there are none. Raises BadCheckpoint for an index that is
    damaged, leads out of the folder, or names a file that is not there."""
    whole = next((folder / name for name in WEIGHTS_NAMES if (folder / name).is_file()), None)
    if whole is not None:
        return (whole,)
    index = folder / WEIGHTS_INDEX
    if not index.is_file():
        return ()
    files = tuple(folder / name for name in part_names(index))
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise BadCheckpoint(f"'{missing[0]}' is missing: '{index.name}' names it as a part of the weights. Copy it there, too.")
    return files


def part_names(index: Path) -> list[str]:
    """The names of the files in an index, each once; raises BadCheckpoint if it is damaged or leads out of its folder."""
    if index.stat().st_size > MAX_HEADER_BYTES:
        raise BadCheckpoint(f"'{index.name}' is larger than any index of weights is. Save the weights again.")
    places = json_object(index.read_bytes(), f"'{index.name}'").get("weight_map")
    if not isinstance(places, dict) or not places:
        raise BadCheckpoint(f"'{index.name}' has no weight_map, so it says of no tensor where it is. Save the weights again.")
    names = list(dict.fromkeys(places.values())) if all(isinstance(name, str) for name in places.values()) else [""]
    for name in names:
        in_place = name == Path(name).name and "\\" not in name
        possible = name.isprintable() and len(name.encode()) <= MAX_NAME_BYTES
        if not (in_place and possible and name.endswith(".safetensors")):
            raise BadCheckpoint(
                f"'{index.name}' names {json.dumps(name)[:80]}, which is not the name of a safetensors file beside it. "
                "Save the weights again."
            )
    return names


def load_weights(files: tuple[Path, ...]) -> dict[str, Tensor]:
    """The tensors of safetensors files, of any shape (...), by name; each file's header is checked first.

    Raises BadCheckpoint where a file is cut short, a pointer of Git LFS or not safetensors, or two files hold the same tensor.
    """
    weights: dict[str, Tensor] = {}
    for path in files:
        stored = require_whole(path).shapes
        twice = next((name for name in stored if name in weights), None)
        if twice is not None:
            raise BadCheckpoint(f"'{path.name}' holds '{twice}', which another part of the weights holds, too. Save them again.")
        weights |= load_file(path)
    return weights


def require_whole(path: Path) -> Checkpoint:
    """What the header of a safetensors file says; raises BadCheckpoint where the file is not one, or not all there."""
    with path.open("rb") as file:
        return read_checkpoint(file, path.name, math.inf)
