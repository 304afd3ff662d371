"""The files that an encoder is made of, by name: which are read, and which are refused because they could run code.

config.json                     the architecture, its classes and how it was trained to see, in timm's ``local-dir`` format
model.safetensors               the weights: numbers and nothing else
README.md                       the model card of a bundled encoder
model.safetensors.index.json    which of several safetensors files holds which tensor, where the weights come in parts
pytorch_model.bin               a pickle, which is a program whose output are the weights
"""

import json
from typing import Any

from models.errors import BadCheckpoint, UnsupportedEncoder

MB = 2**20
CONFIG = "config.json"
CARD = "README.md"
WEIGHTS = "model.safetensors"
WEIGHTS_NAMES = (WEIGHTS, "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
WEIGHTS_INDEX = f"{WEIGHTS}.index.json"
PICKLED_WEIGHTS = "pytorch_model.bin"
PICKLED_NAMES = (PICKLED_WEIGHTS, "open_clip_pytorch_model.bin", "pytorch_model.pth", "model.pth")
PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar")
LFS_MARK = b"version https://git-lfs.github.com/spec/"  # how a file begins that stands for another one in a Git repository


def is_lfs_pointer(start: bytes) -> bool:
    """Whether a file that begins like this is a pointer of Git LFS, not the file itself."""
    return start.startswith(LFS_MARK)


def lfs_pointer(name: str) -> str:
    """The refusal of such a file."""
    return f"'{name}' is a pointer of Git LFS, not the file itself. Run 'git lfs pull' where it comes from, and take that file."


def only_pickled(name: str) -> UnsupportedEncoder:
    """The refusal of an encoder that has no other weights."""
    return UnsupportedEncoder(
        f"The weights of '{name}' come only as a pickle file, which can run code when opened. A {WEIGHTS} is needed."
    )


def json_object(text: bytes, what: str) -> dict[str, Any]:
    """The JSON object that somebody brought; raises BadCheckpoint, which names it as ``what``."""
    try:
        value = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{what} is not readable JSON. Save it again.") from error
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{what} holds no JSON object, so it describes nothing. Save it again.")
    return value
