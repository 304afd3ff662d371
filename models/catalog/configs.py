"""What goes into config.json, in timm's ``local-dir`` format: taken over from a file, or from what somebody knows.

A configuration says what a network is and how it sees. What could say where weights come from is never taken over.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import timm

from models.catalog.checkpoints import Checkpoint
from models.catalog.formats import CONFIG, MB, json_object
from models.encoder.fitting import harmless_prefixes
from models.errors import BadCheckpoint, UnsupportedEncoder

MAX_CONFIG_BYTES = 10 * MB
# The part of timm's configuration that describes an encoder; what says where weights come from is never taken over.
_DESCRIBING = (
    "input_size",
    "min_input_size",
    "fixed_input_size",
    "interpolation",
    "crop_pct",
    "crop_mode",
    "mean",
    "std",
    "num_classes",
    "label_names",
    "label_descriptions",
    "pool_size",
    "first_conv",
    "classifier",
    "license",
    "tag",
)
_NAMES_OF_CLASSES = ("label_names", "id2label", "labels")  # timm's, those of the hub's transformers, timm's in old files
_MAX_CLASSES = 1_000_000
_LARGEST = {"mean": 1.0, "std": 2.0}  # of images from 0 to 1
_MAX_ARGUMENT = 10_000  # no network is wider; building one would hold the machine up
_MAX_PARTS = 500  # blocks of one kind after another; each takes milliseconds to build, even without weights
_COUNTS_PARTS = re.compile("depth|layer|block|stage|repeat|group|branch|modules")  # in the name of an argument
_INTERPOLATIONS = ("", "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "random")
# Arguments of timm's loader: a configuration says what a network is, never where weights come from.
_LOADING = {
    "cache_dir",
    "checkpoint_path",
    "exportable",
    "feature_cfg",
    "features_only",
    "kwargs_filter",
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "pretrained_filter_fn",
    "pretrained_model_args",
    "pretrained_strict",
    "scriptable",
}


def read_config(data: bytes, name: str = CONFIG) -> dict[str, Any]:
    """A config.json that timm wrote, reduced to what describes an encoder; raises BadCheckpoint or UnsupportedEncoder."""
    if len(data) > MAX_CONFIG_BYTES:
        raise BadCheckpoint(f"'{name}' has {len(data) / MB:.0f} MB, which no configuration has. Choose another file.")
    config = json_object(data, f"'{name}'")
    architecture = config.get("architecture")
    if not isinstance(architecture, str):
        raise UnsupportedEncoder(f"'{name}' names no timm architecture. Leave it out, and choose the architecture by hand.")
    require_architecture(architecture)
    return _local_dir_config(architecture, _described(config, f"'{name}'"), config.get("model_args") or {}, f"'{name}'")


def classes_described(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """What a folder's configuration says of its classes, as timm's ``pretrained_cfg`` has it: their number, and a list of names.

    Raises BadCheckpoint, which names the ``source``, where that, or how images are prepared, cannot be meant.
    """
    described = _described(config, source)
    _require_unit_scale(described, source)
    _require_interpolation(described, source)
    _require_a_name_each(described, source)
    return {key: described[key] for key in ("num_classes", "label_names") if described.get(key) is not None}


def _described(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The part of a configuration that describes the weights, of either style; values at the top win, as in timm."""
    nested = config.get("pretrained_cfg", config)
    top = {key: config[key] for key in ("num_classes", "label_descriptions", *_NAMES_OF_CLASSES) if key in config}
    described = {**(nested if isinstance(nested, dict) else {}), **top}
    arguments = config.get("model_args")
    if isinstance(arguments, dict) and type(arguments.get("num_classes")) is int:
        described["num_classes"] = arguments["num_classes"]  # what the network is built with
    given = next((described[key] for key in _NAMES_OF_CLASSES if described.get(key)), None)
    described["label_names"] = _in_order(given, described.get("num_classes"), source) if isinstance(given, dict) else given
    if described.get("num_classes") is None and isinstance(described["label_names"], list):
        described["num_classes"] = len(described["label_names"])
    return described


def _in_order(names: Mapping[str, Any], n_classes: Any, source: str) -> list[str]:
    """Class names in the order of their classes, from a mapping of index to name; a class that it leaves out gets its number."""
    wrong = next((key for key in names if not (str(key).isdecimal() and len(str(key)) < 10)), None)
    if wrong is not None:
        raise BadCheckpoint(f"{source} gives a class name for '{str(wrong)[:40]}'; the number of a class is needed, from 0 on.")
    by_idx = {int(key): str(name) for key, name in names.items()}
    n_needed = max(by_idx) + 1
    n_classes = n_classes if type(n_classes) is int else n_needed
    if n_needed > min(n_classes, _MAX_CLASSES):
        raise BadCheckpoint(f"{source} names class {n_needed - 1} of {n_classes} classes, which count from 0. Correct the names.")
    return [by_idx.get(idx, f"class {idx}") for idx in range(n_classes)]


def config_by_hand(
    architecture: str,
    n_classes: int,
    class_names: Sequence[str] = (),
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    input_size: int = 0,
) -> dict[str, Any]:
    """The configuration of somebody who knows the architecture and how it was trained; what is left out is as usual."""
    require_architecture(architecture)
    normal = usual(architecture)
    size = input_size or normal.input_size
    seeing = {"mean": mean or normal.mean, "std": std or normal.std, "input_size": (3, size, size)}
    chosen = {"num_classes": n_classes, **seeing}
    names = {"label_names": list(class_names)} if class_names else {}
    described = {key: value for key, value in _timm_config(architecture).items() if key not in ("tag", "license")}
    return _local_dir_config(architecture, {**described, **chosen, **names}, {}, "What was entered")


def require_architecture(architecture: str) -> None:
    """Raises UnsupportedEncoder unless timm has the architecture."""
    if not timm.models.is_model(architecture):
        raise UnsupportedEncoder(f"This timm has no architecture '{architecture[:100]}'. Choose one from the list.")


@lru_cache(maxsize=1)
def architectures() -> tuple[str, ...]:
    """Every architecture that timm can build, by name."""
    return tuple(timm.list_models())


@dataclass(frozen=True)
class Usual:
    """What timm takes for granted about an architecture."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: int


def usual(architecture: str) -> Usual:
    """How images are normally prepared for an architecture."""
    config = timm.models.PretrainedCfg(**_timm_config(architecture))
    return Usual(tuple(config.mean), tuple(config.std), int(config.input_size[-1]))


def _timm_config(architecture: str) -> dict[str, Any]:
    """What timm says of the architecture's own weights, as far as it describes others', too."""
    pretrained = timm.models.get_pretrained_cfg(architecture, allow_unregistered=True)
    config = pretrained.to_dict() if pretrained is not None else {}
    return {key: config[key] for key in _DESCRIBING if key in config}


def _local_dir_config(architecture: str, described: Mapping[str, Any], model_args: Any, source: str) -> dict[str, Any]:
    """What was described, in timm's ``local-dir`` format; raises BadCheckpoint, which names the ``source``."""
    kept = {key: described[key] for key in _DESCRIBING if described.get(key) is not None}
    kept.setdefault("num_classes", 1000)
    _require_describing(kept, source)
    if not isinstance(model_args, dict) or not _is_modest(model_args) or _LOADING & model_args.keys():
        raise BadCheckpoint(f"{source} has model arguments that no network has. Correct them, or leave the file out.")
    args = {"model_args": {**model_args}} if model_args else {}
    config = {"architecture": architecture, "num_classes": kept["num_classes"], **args, "pretrained_cfg": kept}
    return json.loads(json.dumps(config))  # lists instead of tuples, as it will be read again


def _is_modest(value: Any, largest: float = _MAX_ARGUMENT) -> bool:
    """Whether building with these arguments cannot hold the machine up: no number in them is above ``largest``, and what counts
    parts of a network counts few."""
    if isinstance(value, dict):
        bounds = {key: _MAX_PARTS if _COUNTS_PARTS.search(str(key)) else largest for key in value}
        return len(value) <= 100 and all(_is_modest(part, bounds[key]) for key, part in value.items())
    if isinstance(value, list):
        together = sum(part for part in value if isinstance(part, int | float))
        few = largest > _MAX_PARTS or together <= largest
        return len(value) <= 1000 and few and all(_is_modest(part, largest) for part in value)
    return not isinstance(value, int | float) or abs(value) <= largest


def _require_describing(config: Mapping[str, Any], source: str) -> None:
    """Raises BadCheckpoint unless the numbers make sense."""
    n_classes = config["num_classes"]
    if type(n_classes) is not int or not 0 <= n_classes <= _MAX_CLASSES:
        raise BadCheckpoint(f"{source} gives {str(n_classes)[:40]} as the number of classes; a whole number is needed.")
    _require_a_name_each(config, source)
    for key, least in (("mean", -math.inf), ("std", 0.0)):
        if key in config and not _are_three(config[key], least):
            raise BadCheckpoint(f"{source} gives {config[key]!s:.60} as {key}; three numbers are needed, of std above 0.")
    _require_unit_scale(config, source)
    _require_interpolation(config, source)
    size = config.get("input_size", (3, 224, 224))
    if not _are_three(size, 0.0) or not all(type(side) is int and side <= 4096 for side in size):
        raise BadCheckpoint(f"{source} gives {size!s:.60} as input size; 3 channels, height and width in pixels are needed.")


def _require_a_name_each(config: Mapping[str, Any], source: str) -> None:
    """Raises BadCheckpoint unless there is a list of as many names as classes, or none."""
    n_classes, names = config.get("num_classes"), config.get("label_names")
    if names is not None and (not isinstance(names, list) or len(names) != n_classes):
        given = len(names) if isinstance(names, list) else "no list of"
        raise BadCheckpoint(f"{source} gives {given} class names for {n_classes} classes. Give one name per class, or none.")


def _require_interpolation(config: Mapping[str, Any], source: str) -> None:
    """Raises BadCheckpoint unless photos are resized in a way that is known, or nothing is said of it."""
    given = config.get("interpolation")
    if given is not None and given not in _INTERPOLATIONS:
        raise BadCheckpoint(f"{source} gives {given!s:.40} as interpolation; one of {', '.join(_INTERPOLATIONS[1:])} is needed.")


def _require_unit_scale(config: Mapping[str, Any], source: str) -> None:
    """Raises BadCheckpoint, with the remedy, if mean and std are those of images from 0 to 255."""
    given = {key: config[key] for key in _LARGEST if _are_three(config.get(key), -math.inf)}
    if any(max(values) > _LARGEST[key] for key, values in given.items()):
        as_given, divided = (
            " and ".join(f"{key} {', '.join(f'{value / scale:.4g}' for value in values)}" for key, values in given.items())
            for scale in (1, 255)
        )
        raise BadCheckpoint(
            f"{source} gives {as_given}, for images from 0 to 255; here they are 0 to 1. Divide by 255: {divided}."
        )


def _are_three(values: Any, least: float) -> bool:
    """Whether there are three finite numbers above ``least``."""
    if not isinstance(values, list | tuple) or len(values) != 3:
        return False
    return all(isinstance(value, int | float) and math.isfinite(value) and value > least for value in values)


def suggested_n_classes(checkpoint: Checkpoint, architecture: str) -> int:
    """As many classes as the file's classifier has outputs; 0 if there is none."""
    classifiers = _timm_config(architecture).get("classifier") or ()
    classifiers = (classifiers,) if isinstance(classifiers, str) else classifiers
    shapes = checkpoint.shapes
    for prefix in harmless_prefixes(shapes):
        for classifier in classifiers:
            if shape := shapes.get(f"{prefix}{classifier}.weight"):
                return shape[0]
    return 0
