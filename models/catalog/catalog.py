"""One name space for everything that can be opened.

    efficientnet-lite0       packaged: weights inside a Python package
    scenes-cnn               bundled: a folder in assets/encoders
    my-checkpoint            a folder in the operator's encoder folder (ENCODERSCOPE_ENCODERS)
    my-upload                a folder that came through the dashboard (models/catalog/own_encoders.py)
    path/to/folder           any folder in timm's local-dir format: config.json and model.safetensors
    resnet50.a1_in1k         any timm name with pretrained weights (fetched on first use)
    hf-hub:team/name         any timm encoder on the Hugging Face hub (fetched on first use)

A name is looked up in this order. What is known of an encoder (entries.py) is read without a network and without building a
model; opening.py fetches and builds.
"""

import os
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import timm

from models.catalog import hub
from models.catalog.curated import CURATED
from models.catalog.entries import HUB_PREFIX, CatalogEntry, folder_entry, hub_entry, names_on_disk, packaged_entry, timm_entry
from models.catalog.formats import CARD, CONFIG
from models.catalog.local_dir import folders_in
from models.catalog.opening import Device, open_folder, open_hub, open_packaged, open_timm
from models.catalog.own_encoders import OwnEncoders, require_name
from models.catalog.packaged import PACKAGED, is_installed, require_installed
from models.encoder.encoder import Encoder
from models.errors import BadCheckpoint, EncoderUnavailable, UnknownEncoder, UnsupportedEncoder
from models.progress import IGNORED, Progress

BUNDLED_FOLDER = Path(__file__).parents[2] / "assets" / "encoders"
FOLDER_VARIABLE = "ENCODERSCOPE_ENCODERS"


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
        """What the picker offers: packaged and bundled encoders, own folders, the curated list, what else is on disk."""
        packaged = (row.name for row in PACKAGED.values() if is_installed(row))
        listed = (*packaged, *self._folders(), *(row.name for row in CURATED))
        others = [name for name in names_on_disk() if name not in listed]
        return tuple(entry for name in (*listed, *others) if (entry := self._entry_if_readable(name)))

    def _entry_if_readable(self, name: str) -> CatalogEntry | None:
        """None for a damaged folder: the picker does not offer it; opening it by name says what is wrong."""
        try:
            return self.entry(name)
        except (EncoderUnavailable, UnsupportedEncoder, UnknownEncoder):  # or one that somebody has just deleted
            return None

    def search(self, query: str, limit: int = 50) -> tuple[str, ...]:
        """Names of timm's pretrained encoders that contain every word of the query, shortest first."""
        return _matching(tuple(query.lower().split()))[:limit]

    def entry(self, name: str) -> CatalogEntry:
        """What is known of one encoder; raises UnknownEncoder."""
        folder = self._folder(name)
        if folder is not None:
            return folder_entry(folder, name, bundled=folder.parent == BUNDLED_FOLDER)
        if name in PACKAGED:
            require_installed(PACKAGED[name])
            return packaged_entry(PACKAGED[name])
        return hub_entry(name) if name.startswith(HUB_PREFIX) else timm_entry(self._known_timm_name(name))

    def card(self, name: str) -> str:
        """What a bundled encoder's model card says below its title, as Markdown; empty for any other encoder."""
        folder = self._folder(name)
        path = BUNDLED_FOLDER / name / CARD
        return path.read_text(encoding="utf-8").partition("\n")[2].strip() if folder == path.parent and path.is_file() else ""

    def openable(self) -> tuple[str, ...]:
        """Names that open right now, without a network."""
        return tuple(entry.name for entry in self.entries() if entry.state != "needs download")

    def open(self, name: str, device: Device = "cpu", progress: Progress = IGNORED) -> Encoder:
        """The encoder, its weights fetched if need be; raises UnknownEncoder, EncoderUnavailable or UnsupportedEncoder."""
        folder = self._folder(name)
        if folder is not None:
            return open_folder(folder, name, device, progress, pickle_allowed=folder.parent == self.encoder_folder)
        if name in PACKAGED:
            return open_packaged(PACKAGED[name], device, progress)
        try:
            if name.startswith(HUB_PREFIX):
                return open_hub(name, device, progress)
            return open_timm(self._known_timm_name(name), device, progress)
        except hub.Unreachable as error:
            raise EncoderUnavailable(f"{error}. {self._instead()}") from error

    def open_staged(self, folder: Path, name: str, device: Device = "cpu", progress: Progress = IGNORED) -> Encoder:
        """The encoder in a folder that has no name yet, as if it were called ``name``."""
        return open_folder(folder, name, device, progress)

    def require_free(self, name: str) -> str:
        """The name as it will be written; raises BadCheckpoint if an encoder other than an own one goes by it."""
        name = require_name(name)
        elsewhere = [*PACKAGED, *(folder for parent in self.parents[:-1] for folder in folders_in(parent))]
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
        if name in PACKAGED:
            return None
        of_that_name = (parent / name for parent in self.parents if name and name == os.path.basename(name))
        path = next((path for path in of_that_name if os.path.isfile(path / CONFIG)), None)
        if path is None and name and os.path.isfile(os.path.join(os.path.expanduser(name), CONFIG)):  # any text
            path = Path(name).expanduser()
        return path

    def _folders(self) -> dict[str, Path]:
        """Every encoder folder by name; of two with one name, that of the earlier parent. A packaged encoder's name is taken."""
        folders: dict[str, Path] = {}
        for parent in self.parents:
            folders = {**folders_in(parent), **folders}
        return {name: folder for name, folder in folders.items() if name not in PACKAGED}

    def _known_timm_name(self, name: str) -> str:
        if timm.models.is_model_pretrained(name):
            return name
        close = get_close_matches(name, [*PACKAGED, *self._folders(), *_timm_names()], n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "Search the list, or give a folder or hf-hub: name."
        raise UnknownEncoder(f"No encoder goes by the name '{name}'. {hint}")


@lru_cache(maxsize=64)
def _matching(words: tuple[str, ...]) -> tuple[str, ...]:
    """Timm's names that contain every word, shortest first."""
    matches = [name for name in _timm_names() if all(word in name.lower() for word in words)]
    return tuple(sorted(matches, key=lambda name: (len(name), name)))


@lru_cache(maxsize=1)
def _timm_names() -> tuple[str, ...]:
    return tuple(timm.list_models(pretrained=True))
