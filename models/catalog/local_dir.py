"""Encoders as folders in timm's ``local-dir`` format, with remarks of ours in config.json that timm ignores.

"encoderscope": {"title": ..., "note": ..., "licence": ..., "order": ...}      all of them optional
               {"untrained_seed": 0, "n_parameters": 12}                       a network before training: weights from a seed
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import timm

from models.catalog.formats import CONFIG
from models.errors import EncoderUnavailable, UnsupportedEncoder

_LAST = 1000  # the order of an encoder without remarks


def folders_in(parent: Path) -> dict[str, Path]:
    """Encoder folders by name, in the order that their remarks ask for, else by name."""
    folders = [path for path in sorted(parent.glob("*")) if (path / CONFIG).is_file()]
    return {path.name: path for path in sorted(folders, key=_order)}


def _order(folder: Path) -> float:
    order = remarks_in(folder).get("order", _LAST)
    return order if isinstance(order, int | float) else _LAST


def remarks_in(folder: Path) -> dict[str, Any]:
    """Our own part of a folder's configuration; empty where it is missing or damaged."""
    try:
        remarks = config_in(folder).get("encoderscope", {})
    except EncoderUnavailable:
        return {}
    return remarks if isinstance(remarks, dict) else {}


def remark(folder: Path, name: str, default: str = "") -> str:
    """What a folder's configuration says in words, such as its title; the default where it says something else."""
    return text(remarks_in(folder).get(name)) or default


def text(said: Any) -> str:
    """What JSON says in words, as UTF-8 can write it; empty where it says something else."""
    return said.encode(errors="replace").decode() if isinstance(said, str) else ""


def untrained_seed(folder: Path) -> int | None:
    """The seed that draws the weights of a network before training, which needs no file of them; None for any other folder."""
    seed = remarks_in(folder).get("untrained_seed")
    return seed if type(seed) is int and 0 <= seed < 2**32 else None


def config_in(folder: Path) -> dict[str, Any]:
    """A folder's configuration; raises EncoderUnavailable if it is damaged."""
    path = folder / CONFIG
    return _read_config(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read_config(path: Path, _modified_ns: int) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderUnavailable(f"'{path}' is not a readable JSON file: {error}.") from error
    if not isinstance(config, dict):
        raise EncoderUnavailable(f"'{path}' holds no JSON object, so it describes no encoder.")
    return config


def known_architecture(config: dict[str, Any], name: str) -> str:
    """The timm architecture of the encoder ``name``, from its configuration; raises UnsupportedEncoder if there is none."""
    architecture = config.get("architecture")
    if not isinstance(architecture, str):
        raise UnsupportedEncoder(f"'{name}' is not a timm encoder: its {CONFIG} names no timm architecture.")
    if not timm.models.is_model(architecture):
        raise UnsupportedEncoder(f"'{name}' needs the architecture '{architecture}', which this timm does not have.")
    return architecture
