"""One name space for everything that can be opened.

    scenes-cnn               bundled: a folder in assets/encoders
    my-checkpoint            a folder in the operator's encoder folder (ENCODERSCOPE_ENCODERS)
    my-upload                a folder that came through the dashboard (models/catalog/own_encoders.py)
    path/to/folder           any folder in timm's local-dir format: config.json and model.safetensors
    resnet50.a1_in1k         any timm name with pretrained weights (fetched on first use)
    hf-hub:team/name         any timm encoder on the Hugging Face hub (fetched on first use)

A name is looked up in this order. Reading the catalog needs no network and builds no model. Weights are read from safetensors;
only in the operator's folder, a pickle file may stand in for them (models/catalog/pickled.py).
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open

from models.catalog import hub
from models.catalog.checkpoints import needed_shapes
from models.catalog.curated import CURATED
from models.catalog.own_encoders import OwnEncoders, require_name
from models.catalog.pickled import PICKLED_WEIGHTS, load_pickled
from models.encoder.building import MODEL_ERRORS, family_of
from models.encoder.encoder import Encoder
from models.encoder.labels import has_classifier
from models.errors import BadCheckpoint, EncoderUnavailable, OutOfMemory, UnknownEncoder, UnsupportedEncoder
from models.progress import IGNORED, Progress

BUNDLED_FOLDER = Path(__file__).parents[2] / "assets" / "encoders"
FOLDER_VARIABLE = "ENCODERSCOPE_ENCODERS"
HUB_PREFIX = "hf-hub:"
WEIGHTS = "model.safetensors"
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # stored beside the parameters, not counted


@dataclass(frozen=True)
class CatalogEntry:
    """What is known of an encoder before it is opened."""

    name: str
    title: str
    architecture: str
    family: str
    training: str
    n_parameters: int | None
    licence: str
    input_size: int
    has_classifier: bool
    state: str  # "bundled", "on disk" or "needs download"
    note: str = ""


class Catalog:
    """Finds and opens encoders by name."""

    def __init__(self, encoder_folder: Path | None = None, own_folder: Path | None = None):
        """``encoder_folder`` is the operator's, ``own_folder`` takes what comes through the dashboard."""
        folder = encoder_folder or os.environ.get(FOLDER_VARIABLE)
        self.encoder_folder = Path(folder) if folder else None
        self.own = OwnEncoders(own_folder)

    @property
    def parents(self) -> tuple[Path, ...]:
        """The folders in which a name is looked up, in this order."""
        operators = (self.encoder_folder,) if self.encoder_folder else ()
        return (BUNDLED_FOLDER, *operators, self.own.folder)

    def entries(self) -> tuple[CatalogEntry, ...]:
        """What the picker offers: bundled encoders, own folders, the curated list, what else is on disk."""
        folders = self._folders()
        listed = (*folders, *(row.name for row in CURATED))
        others = [name for name in _names_on_disk() if name not in listed]
        return tuple(entry for name in (*listed, *others) if (entry := self._entry_if_readable(name)))

    def _entry_if_readable(self, name: str) -> CatalogEntry | None:
        """None for a damaged folder: the picker does not offer it; opening it by name says what is wrong."""
        try:
            return self.entry(name)
        except (EncoderUnavailable, UnsupportedEncoder, UnknownEncoder):  # or one that somebody has just deleted
            return None

    def search(self, query: str, limit: int = 50) -> tuple[str, ...]:
        """Names of timm's pretrained encoders that contain every word of the query, shortest first."""
        words = query.lower().split()
        found = [name for name in _timm_names() if all(word in name.lower() for word in words)]
        return tuple(sorted(found, key=lambda name: (len(name), name))[:limit])

    def entry(self, name: str) -> CatalogEntry:
        """What is known of one encoder; raises UnknownEncoder."""
        folder = self._folder(name)
        if folder is not None:
            return _folder_entry(folder, name)
        return _hub_entry(name) if name.startswith(HUB_PREFIX) else _timm_entry(self._known_timm_name(name))

    def openable(self) -> tuple[str, ...]:
        """Names that open right now, without a network."""
        return tuple(entry.name for entry in self.entries() if entry.state != "needs download")

    def open(self, name: str, device: str | torch.device = "cpu", progress: Progress = IGNORED) -> Encoder:
        """The encoder, its weights fetched if need be; raises UnknownEncoder, EncoderUnavailable or UnsupportedEncoder."""
        folder = self._folder(name)
        if folder is not None:
            return _open_folder(folder, name, device, progress, pickle_allowed=folder.parent == self.encoder_folder)
        try:
            if name.startswith(HUB_PREFIX):
                return _open_hub(name, device, progress)
            return _open_timm(self._known_timm_name(name), device, progress)
        except hub.Unreachable as error:
            raise EncoderUnavailable(f"{error}. {self._instead()}") from error

    def open_staged(self, folder: Path, name: str, device: str | torch.device = "cpu", progress: Progress = IGNORED) -> Encoder:
        """The encoder in a folder that has no name yet, as if it were called ``name``."""
        return _open_folder(folder, name, device, progress)

    def require_free(self, name: str) -> str:
        """The name as it will be written, unless something else than an own encoder goes by it; raises BadCheckpoint."""
        name = require_name(name)
        elsewhere = [folder for parent in self.parents[:-1] for folder in _folders_in(parent)]
        if name.casefold() in (folder.casefold() for folder in elsewhere) or timm.models.is_model_pretrained(name):
            raise BadCheckpoint(f"'{name}' is the name of another encoder in the catalog. Choose another one.")
        return name

    def _instead(self) -> str:
        names = self.openable()
        if not names:
            return "Connect to the network, or put an encoder into the encoder folder."
        return f"Connect to the network, or choose one that opens without it: {', '.join(names)}."

    def _folder(self, name: str) -> Path | None:
        """The folder that goes by this name, if there is one."""
        path = self._folders().get(name)
        if path is None and name and os.path.isfile(os.path.join(os.path.expanduser(name), "config.json")):  # any text
            path = Path(name).expanduser()
        return path

    def _folders(self) -> dict[str, Path]:
        """Every encoder folder by name; of two with one name, that of the earlier parent."""
        found: dict[str, Path] = {}
        for parent in self.parents:
            found = {**_folders_in(parent), **found}
        return found

    def _known_timm_name(self, name: str) -> str:
        if not timm.models.is_model_pretrained(name):
            raise UnknownEncoder(self._unknown(name))
        return name

    def _unknown(self, name: str) -> str:
        known = [*self._folders(), *_timm_names()]
        close = get_close_matches(name, known, n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "Search the list, or give a folder or hf-hub: name."
        return f"No encoder goes by the name '{name}'. {hint}"


def _folders_in(parent: Path) -> dict[str, Path]:
    """Encoder folders by name, in the order their configurations ask for, else by name."""
    folders = [path for path in sorted(parent.glob("*")) if (path / "config.json").is_file()]
    return {path.name: path for path in sorted(folders, key=lambda path: _remarks(path).get("order", 1000))}


def _remarks(folder: Path) -> dict[str, Any]:
    """Our own part of a configuration; empty where it is missing or damaged."""
    try:
        remarks = _config(folder).get("encoderscope", {})
    except EncoderUnavailable:
        return {}
    return remarks if isinstance(remarks, dict) else {}


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    return _read_config(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read_config(path: Path, _modified_ns: int) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderUnavailable(f"'{path}' is no readable JSON file: {error}.") from error
    if not isinstance(config, dict):
        raise EncoderUnavailable(f"'{path}' holds no JSON object, so it describes no encoder.")
    return config


def _pretrained_config(config: dict[str, Any]) -> dict[str, Any]:
    """What timm calls ``pretrained_cfg``, from a config.json of either style; top-level values win, as in timm."""
    nested = config.get("pretrained_cfg", config)
    top = {key: config[key] for key in ("architecture", "num_classes", "label_names") if key in config}
    return {**nested, **top}


def _known_architecture(config: dict[str, Any], where: str) -> str:
    architecture = config.get("architecture")
    if not isinstance(architecture, str):
        raise UnsupportedEncoder(f"'{where}' is no timm encoder: its config.json names no timm architecture.")
    if not timm.models.is_model(architecture):
        raise UnsupportedEncoder(f"'{where}' needs the architecture '{architecture}', which this timm does not have.")
    return architecture


def _folder_entry(folder: Path, name: str) -> CatalogEntry:
    bundled = folder.parent == BUNDLED_FOLDER
    remarks = _remarks(folder)
    return CatalogEntry(
        title=remarks.get("title", folder.name),
        training="Bundled" if bundled else "Your own",
        n_parameters=_count_parameters(folder / WEIGHTS),
        state="bundled" if bundled else "on disk",
        note=remarks.get("note", ""),
        **_described(name, _config(folder), remarks.get("licence")),
    )


def _described(name: str, config: dict[str, Any], licence: str | None = None) -> dict[str, Any]:
    """The part of an entry that a configuration tells."""
    architecture = _known_architecture(config, name)
    try:
        pretrained = _pretrained_config(config)
        return {
            "name": name,
            "architecture": architecture,
            "family": family_of(architecture),
            "licence": licence or pretrained.get("license") or "unknown",
            "input_size": int((pretrained.get("input_size") or (3, 224, 224))[-1]),
            "has_classifier": has_classifier(pretrained),
        }
    except MODEL_ERRORS as error:
        raise EncoderUnavailable(f"'{name}' is described in a way that timm does not write: {error}.") from error


def _timm_entry(name: str) -> CatalogEntry:
    config = timm.models.get_pretrained_cfg(name)
    row = next((row for row in CURATED if row.name == name), None)
    on_disk = config.hf_hub_id and hub.cached_weights(config.hf_hub_id)
    return CatalogEntry(
        title=row.title if row else name,
        training=row.training if row else "Your own",
        n_parameters=row.n_parameters if row else None,
        state="on disk" if on_disk else "needs download",
        note=row.note if row else "",
        **_described(name, config.to_dict()),
    )


def _hub_entry(name: str) -> CatalogEntry:
    """Before a repository was fetched, nothing is known of it but its name."""
    repo = name.removeprefix(HUB_PREFIX)
    path, weights = hub.cached_file(repo, "config.json"), hub.cached_weights(repo)
    if path is None or weights is None:
        return CatalogEntry(name, repo, "", "", "Your own", None, "unknown", 0, False, "needs download")
    return CatalogEntry(
        title=repo,
        training="Your own",
        n_parameters=_count_parameters(weights),
        state="on disk",
        **_described(name, _config(path.parent)),
    )


def _names_on_disk() -> list[str]:
    """Catalog names of the hub repositories on this machine; timm's own ones under their timm name."""
    names = []
    for repo in hub.cached_repos():
        timm_name = repo.removeprefix("timm/")
        known = repo.startswith("timm/") and timm.models.is_model_pretrained(timm_name)
        if known or hub.cached_file(repo, "config.json"):
            names.append(timm_name if known else HUB_PREFIX + repo)
    return names


def _open_folder(
    folder: Path, name: str, device: str | torch.device, progress: Progress, pickle_allowed: bool = False
) -> Encoder:
    config = _config(folder)
    architecture = _known_architecture(config, name)
    pickled = folder / PICKLED_WEIGHTS
    is_safe = any((folder / weights).is_file() for weights in hub.SAFETENSORS_NAMES)
    if not is_safe and not (pickle_allowed and pickled.is_file()):
        raise _no_weights(folder, name)
    progress.report(None, "reading weights")
    weights = None if is_safe else load_pickled(pickled, name, _needed(config, name))
    licence = str(_remarks(folder).get("licence", ""))
    return _built(name, architecture, lambda: Encoder.from_folder(folder, name, device, licence, weights))


def _needed(config: dict[str, Any], name: str) -> dict[str, tuple[int, ...]]:
    try:
        return needed_shapes(json.dumps(config))
    except BadCheckpoint as error:
        raise EncoderUnavailable(f"'{name}' cannot be built: {error}") from error


def _no_weights(folder: Path, name: str) -> EncoderUnavailable | UnsupportedEncoder:
    if any((folder / weights).is_file() for weights in hub.PICKLE_NAMES):
        return UnsupportedEncoder(
            f"'{name}' has its weights only as a pickle file, which can run code when opened. Save them as {WEIGHTS}."
        )
    return EncoderUnavailable(f"'{name}' has no weights: {WEIGHTS} is missing from {folder}.")


def _open_timm(name: str, device: str | torch.device, progress: Progress) -> Encoder:
    config = timm.models.get_pretrained_cfg(name)
    if not config.hf_hub_id:
        raise UnsupportedEncoder(f"The weights of '{name}' are offered only as a pickle file, which can run code when opened.")
    weights = hub.load_weights(config.hf_hub_id, progress)
    progress.report(None, "reading weights")
    return _built(name, name, lambda: Encoder.from_timm(name, device=device, name=name, weights=weights))


def _open_hub(name: str, device: str | torch.device, progress: Progress) -> Encoder:
    """A snapshot of a repository, once its two files are there, is a folder like any other."""
    repo = name.removeprefix(HUB_PREFIX)
    config = hub.load_file(repo, "config.json", progress)
    _known_architecture(_config(config.parent), name)
    weights = hub.load_weights(repo, progress)
    return _open_folder(weights.parent, name, device, progress)


def _built(name: str, architecture: str, build: Callable[[], Encoder]) -> Encoder:
    """The encoder, or in one sentence why its files do not make one."""
    try:
        return build()
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"'{name}' does not fit into the device's memory. Close another encoder, or use the CPU.") from error
    except (*MODEL_ERRORS, OSError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EncoderUnavailable(
            f"'{name}' cannot be built: its files do not fit the architecture {architecture} ({reason[:200]})."
        ) from error


def _count_parameters(weights: Path) -> int | None:
    """From the file's header; None if there is no readable file."""
    try:
        return _count_stored(weights, weights.stat().st_mtime_ns)
    except (OSError, SafetensorError):
        return None


@lru_cache(maxsize=256)
def _count_stored(weights: Path, _modified_ns: int) -> int:
    with safe_open(weights, framework="np") as tensors:
        names = [name for name in tensors.keys() if not name.endswith(_BUFFERS)]  # noqa: SIM118
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)


@lru_cache(maxsize=1)
def _timm_names() -> tuple[str, ...]:
    return tuple(timm.list_models(pretrained=True))
