"""A checkpoint that somebody brings: what its header says, and whether it fits an architecture. Nothing in it is executed.

    checkpoint   the header of a safetensors file: names, types and shapes of its tensors; no value is read
    config       what goes into config.json, in timm's local-dir format, reduced to what describes an encoder
    comparison   the checkpoint's tensors beside those that the architecture needs

A safetensors file is eight bytes (length of the header), the header (JSON), and the values in one block without gaps. A pickle
is a program whose output are the weights: it is refused by its first bytes and by its name.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import timm

from models.encoder.building import MODEL_ERRORS, build_outline
from models.errors import BadCheckpoint, PickledCheckpoint, UnsupportedEncoder

MB = 2**20
MAX_BYTES = 1024 * MB
MAX_HEADER_BYTES = 20 * MB  # a thousand layers need a hundredth of that
MAX_CONFIG_BYTES = 10 * MB
SUFFIX = ".safetensors"
PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar")
HARMLESS_PREFIXES = ("module.", "model.", "encoder.", "backbone.", "net.", "_orig_mod.")  # what wrappers put before every key
CONVERT_COMMAND = (
    'python -c "import torch; from safetensors.torch import save_file; '
    "w = torch.load('model.pth', map_location='cpu', weights_only=True); w = w.get('state_dict', w.get('model', w)); "
    "save_file({k: v.clone().contiguous() for k, v in w.items() if torch.is_tensor(v)}, 'model.safetensors')\""
)
_PICKLE_WAY_OUT = (
    "Save the weights as safetensors where you trust them, or have whoever runs this dashboard put them as pytorch_model.bin "
    "beside a config.json into a folder of ENCODERSCOPE_ENCODERS, where they are read with weights_only=True."
)
_LENGTH_BYTES = 8
_DTYPE_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}
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
_MAX_ARGUMENT = 10_000  # no network is wider or deeper; building one would hold the machine up
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
_OPTIONAL = ("num_batches_tracked",)  # counters of batch normalisation, which nothing here reads


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
        """Shape by name."""
        return {tensor.name: tensor.shape for tensor in self.tensors}

    @property
    def n_values(self) -> int:
        """Parameters and buffers together."""
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
        """What tells uploads apart."""
        return self.name, self.config, hashlib.sha256(self.weights).hexdigest(), self.replace


@dataclass(frozen=True)
class Mismatch:
    """One tensor that does not fit; a shape is None on the side where the tensor is missing."""

    name: str
    stored: tuple[int, ...] | None
    needed: tuple[int, ...] | None

    def __str__(self) -> str:
        if self.stored is None:
            return f"{self.name} {self.needed} is missing from the file"
        if self.needed is None:
            return f"{self.name} {self.stored} has no place in the architecture"
        return f"{self.name} is {self.stored} in the file, but {self.needed} is needed"


@dataclass(frozen=True)
class CheckpointMatch:
    """How a checkpoint fits an architecture once ``prefix`` is taken off the names of its tensors."""

    architecture: str
    prefix: str
    n_fitting: int
    mismatches: tuple[Mismatch, ...]

    @property
    def fits(self) -> bool:
        return not self.mismatches

    @property
    def hint(self) -> str:
        """What to try, where the mismatches tell; else empty."""
        if any("pos_embed" in m.name and m.stored and m.needed for m in self.mismatches):
            return "The positions differ: choose the input size that the checkpoint was trained at."
        if self.mismatches and not self.n_fitting:
            return "Not one tensor fits, so this is another architecture."
        return ""


# --- the file -------------------------------------------------------------------------------------------------------------


def read_checkpoint(file: BinaryIO, name: str) -> Checkpoint:
    """What the file's header says; raises BadCheckpoint, or PickledCheckpoint with the way out, before anything is opened."""
    if name.lower().endswith(PICKLE_SUFFIXES):
        raise PickledCheckpoint(_pickled(name))
    n_bytes = file.seek(0, 2)
    header, text = _header(file, name, n_bytes)
    tensors = tuple(sorted(_tensors(header, name, n_bytes - _LENGTH_BYTES - len(text)), key=lambda tensor: tensor.name))
    return Checkpoint(name, tensors, n_bytes, hashlib.sha256(text).hexdigest())


def _pickled(name: str) -> str:
    return f"'{name}' is a pickle file, and opening one can run code hidden in it, so it is refused unread. {_PICKLE_WAY_OUT}"


def _header(file: BinaryIO, name: str, n_bytes: int) -> tuple[dict[str, Any], bytes]:
    """The header, and the bytes it was read from."""
    if n_bytes > MAX_BYTES:
        raise BadCheckpoint(f"'{name}' has {n_bytes / MB:.0f} MB; at most {MAX_BYTES // MB} MB are taken. Save it in float16.")
    file.seek(0)
    start = file.read(_LENGTH_BYTES + 1)
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if len(start) <= _LENGTH_BYTES or start[_LENGTH_BYTES:] != b"{" or length < 2:
        raise _no_safetensors(file, name, n_bytes)
    if length > MAX_HEADER_BYTES:
        raise BadCheckpoint(f"'{name}' announces a header of {length / MB:,.0f} MB, which no model has. Save it again.")
    file.seek(_LENGTH_BYTES)
    text = file.read(length)
    if len(text) < length:
        raise BadCheckpoint(_cut_short(name))
    return _json_object(text, f"The header of '{name}'"), text


def _no_safetensors(file: BinaryIO, name: str, n_bytes: int) -> BadCheckpoint:
    if not n_bytes:
        return BadCheckpoint(f"'{name}' is empty (0 bytes). Choose another file.")
    if _is_pickle(file):
        return PickledCheckpoint(_pickled(name))
    return BadCheckpoint(f"'{name}' is no safetensors file. Save the weights with safetensors' save_file, and try again.")


def _is_pickle(file: BinaryIO) -> bool:
    """PyTorch's zip archives, pickles of protocol 2 and later, and tar archives (PyTorch's first format)."""
    file.seek(0)
    start = file.read(300)
    return start.startswith((b"PK\x03\x04", *(bytes([0x80, protocol]) for protocol in range(2, 6)))) or start[257:262] == b"ustar"


def _cut_short(name: str) -> str:
    return f"'{name}' is cut short: it ends before the values that its header announces. Upload it again."


def _json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"{what} is no readable JSON. Save it again.") from error
    if not isinstance(found, dict):
        raise BadCheckpoint(f"{what} holds no JSON object, so it describes nothing. Save it again.")
    return found


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


# --- the configuration ----------------------------------------------------------------------------------------------------


def read_config(data: bytes, name: str = "config.json") -> dict[str, Any]:
    """A config.json that timm wrote, reduced to what describes an encoder; raises BadCheckpoint or UnsupportedEncoder."""
    if len(data) > MAX_CONFIG_BYTES:
        raise BadCheckpoint(f"'{name}' has {len(data) / MB:.0f} MB, which no configuration has. Choose another file.")
    found = _json_object(data, f"'{name}'")
    architecture = found.get("architecture")
    if not isinstance(architecture, str):
        raise UnsupportedEncoder(f"'{name}' names no timm architecture. Leave it out, and choose the architecture by hand.")
    require_architecture(architecture)
    nested = found.get("pretrained_cfg", found)
    top = {key: found[key] for key in ("num_classes", "label_names", "label_descriptions") if key in found}
    described = {**(nested if isinstance(nested, dict) else {}), **top}
    return _config(architecture, described, found.get("model_args") or {}, name)


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
    prepared = {"mean": mean or normal.mean, "std": std or normal.std, "input_size": (3, size, size)}
    chosen = {"num_classes": n_classes, **prepared}
    names = {"label_names": list(class_names)} if class_names else {}
    described = {key: value for key, value in _timm_config(architecture).items() if key not in ("tag", "license")}
    return _config(architecture, {**described, **chosen, **names}, {}, "What was entered")


def require_architecture(architecture: str) -> None:
    """Raises UnsupportedEncoder unless timm has it."""
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
    config = timm.models.get_pretrained_cfg(architecture, allow_unregistered=True)
    found = config.to_dict() if config is not None else {}
    return {key: found[key] for key in _DESCRIBING if key in found}


def _config(architecture: str, described: Mapping[str, Any], model_args: Any, source: str) -> dict[str, Any]:
    """In timm's local-dir format."""
    kept = {key: described[key] for key in _DESCRIBING if described.get(key) is not None}
    kept.setdefault("num_classes", 1000)
    _require_describing(kept, source)
    if not isinstance(model_args, dict) or not _is_modest(model_args) or _LOADING & model_args.keys():
        raise BadCheckpoint(f"{source} has model arguments that no network has. Correct them, or leave the file out.")
    args = {"model_args": {**model_args}} if model_args else {}
    config = {"architecture": architecture, "num_classes": kept["num_classes"], **args, "pretrained_cfg": kept}
    return json.loads(json.dumps(config))  # lists instead of tuples, as it will be read again


def _is_modest(value: Any) -> bool:
    """Whether building with these arguments cannot hold the machine up."""
    if isinstance(value, dict):
        return len(value) <= 100 and all(_is_modest(part) for part in value.values())
    if isinstance(value, list):
        return len(value) <= 1000 and all(_is_modest(part) for part in value)
    return not isinstance(value, int | float) or abs(value) <= _MAX_ARGUMENT


def _require_describing(config: Mapping[str, Any], source: str) -> None:
    """Raises BadCheckpoint unless the numbers make sense."""
    n_classes, names = config["num_classes"], config.get("label_names")
    if type(n_classes) is not int or not 0 <= n_classes <= 1_000_000:
        raise BadCheckpoint(f"{source} gives {str(n_classes)[:40]} as the number of classes; a whole number is needed.")
    if names is not None and (not isinstance(names, list) or len(names) != n_classes):
        found = len(names) if isinstance(names, list) else "no list of"
        raise BadCheckpoint(f"{source} gives {found} class names for {n_classes} classes. Give one name per class, or none.")
    for key, least in (("mean", -math.inf), ("std", 0.0)):
        if key in config and not _are_three(config[key], least):
            raise BadCheckpoint(f"{source} gives {config[key]!s:.60} as {key}; three numbers are needed, of std above 0.")
    size = config.get("input_size", (3, 224, 224))
    if not _are_three(size, 0.0) or not all(type(side) is int and side <= 4096 for side in size):
        raise BadCheckpoint(f"{source} gives {size!s:.60} as input size; 3 channels, height and width in pixels are needed.")


def _are_three(values: Any, least: float) -> bool:
    """Three finite numbers above ``least``."""
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


# --- the comparison -------------------------------------------------------------------------------------------------------


def match_checkpoint(checkpoint: Checkpoint, config: Mapping[str, Any]) -> CheckpointMatch:
    """The checkpoint beside what the configuration asks for. The prefix is the one with which most fits; often none."""
    needed = needed_shapes(json.dumps(config, sort_keys=True))
    tried = [
        _compared(config["architecture"], checkpoint.shapes, needed, prefix) for prefix in harmless_prefixes(checkpoint.shapes)
    ]
    return min(tried, key=lambda comparison: len(comparison.mismatches))


@lru_cache(maxsize=8)
def needed_shapes(config: str) -> dict[str, tuple[int, ...]]:
    """Shape by name of every tensor that the network of a config.json needs; raises BadCheckpoint if there is no such network."""
    with TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(config, encoding="utf-8")
        try:
            model = build_outline(f"local-dir:{folder}")
        except MODEL_ERRORS as error:
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise BadCheckpoint(f"timm cannot build the network that was asked for ({reason[0][:200]}).") from error
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def harmless_prefixes(names: Iterable[str]) -> list[str]:
    """None, and what every name begins with, as far as wrappers put it there."""
    names, found = list(names), [""]
    while longer := [prefix for prefix in HARMLESS_PREFIXES if all(name.startswith(found[-1] + prefix) for name in names)]:
        found.append(found[-1] + longer[0])
    return found


def _compared(architecture: str, stored: Mapping[str, Any], needed: Mapping[str, Any], prefix: str) -> CheckpointMatch:
    stored = {name.removeprefix(prefix): shape for name, shape in stored.items()}
    wanted = {name: shape for name, shape in needed.items() if name in stored or not name.endswith(_OPTIONAL)}
    names = [*wanted, *(name for name in stored if name not in wanted)]  # in the order of the network
    pairs = [Mismatch(name, stored.get(name), wanted.get(name)) for name in names]
    mismatches = tuple(pair for pair in pairs if pair.stored != pair.needed)
    return CheckpointMatch(architecture, prefix, len(pairs) - len(mismatches), mismatches)
