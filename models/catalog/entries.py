"""What is known of an encoder before it is opened, read without a network and without building a model."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import timm
from safetensors import SafetensorError, safe_open

from models.catalog import hub
from models.catalog.curated import CURATED
from models.catalog.formats import CONFIG
from models.catalog.local_dir import config_in, known_architecture, remark, remarks_in, text, untrained_seed
from models.catalog.packaged import PackagedEncoder
from models.catalog.weights import weight_files
from models.encoder.building import MODEL_ERRORS, family_of
from models.encoder.labels import has_classifier
from models.errors import BadCheckpoint, EncoderUnavailable, UnknownEncoder

HUB_PREFIX = "hf-hub:"
LearntFrom = Literal["scenes", "photographs", ""]  # what an encoder's training images were; "" where nobody has said
_YOUR_OWN, _FETCHED = "Your own", "From timm and the hub"  # folders; what was fetched without being on the short list
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
    state: str  # "bundled", "packaged", "on disk" or "needs download"
    note: str = ""
    learnt_from: LearntFrom = ""


def folder_entry(folder: Path, name: str, *, bundled: bool) -> CatalogEntry:
    """The entry of a folder; raises EncoderUnavailable or UnsupportedEncoder if it is not an encoder's."""
    return CatalogEntry(
        title=remark(folder, "title", folder.name),
        training="Bundled" if bundled else _YOUR_OWN,
        n_parameters=_count_parameters(folder),
        state="bundled" if bundled else "on disk",
        note=remark(folder, "note"),
        learnt_from="scenes" if bundled else "",  # one before training, too: scenes are what its trained twin knows
        **_described(name, config_in(folder), remark(folder, "licence")),
    )


def packaged_entry(packaged: PackagedEncoder) -> CatalogEntry:
    """The entry of weights in a Python package."""
    described = _described(packaged.name, pretrained_config(packaged.timm_name).to_dict(), packaged.licence)
    return CatalogEntry(
        title=packaged.title,
        training=packaged.training,
        n_parameters=packaged.n_parameters,
        state="packaged",
        note=packaged.note,
        learnt_from="photographs",
        **described,
    )


def timm_entry(name: str) -> CatalogEntry:
    """The entry of weights that timm knows by name."""
    config = pretrained_config(name)
    row = next((row for row in CURATED if row.name == name), None)
    on_disk = config.hf_hub_id and hub.cached_weights(config.hf_hub_id)
    return CatalogEntry(
        title=row.title if row else name,
        training=row.training if row else _FETCHED,
        n_parameters=row.n_parameters if row else None,
        state="on disk" if on_disk else "needs download",
        note=row.note if row else "",
        learnt_from="photographs",
        **_described(name, config.to_dict()),
    )


def hub_entry(name: str) -> CatalogEntry:
    """The entry of a hub repository; before it was fetched, nothing is known of it but its name."""
    repo = name.removeprefix(HUB_PREFIX)
    path, weights = hub.cached_file(repo, CONFIG), hub.cached_weights(repo)
    if path is None or weights is None:
        return CatalogEntry(
            name=name,
            title=repo,
            architecture="",
            family="",
            training=_FETCHED,
            n_parameters=None,
            licence="unknown",
            input_size=0,
            has_classifier=False,
            state="needs download",
        )
    return CatalogEntry(
        title=repo,
        training=_FETCHED,
        n_parameters=_count_parameters(weights.parent),
        state="on disk",
        **_described(name, config_in(path.parent)),
    )


def pretrained_config(name: str) -> timm.models.PretrainedCfg:
    """What timm says of weights that it knows by name; raises UnknownEncoder."""
    config = timm.models.get_pretrained_cfg(name)
    if config is None:
        raise UnknownEncoder(f"timm knows no weights by the name '{name}'. Search the list, or give a folder or hf-hub: name.")
    return config


def names_on_disk() -> list[str]:
    """Catalog names of the hub repositories on this machine; timm's own ones under their timm name."""
    names = []
    for repo in hub.cached_repos():
        timm_name = repo.removeprefix("timm/")
        known = repo.startswith("timm/") and timm.models.is_model_pretrained(timm_name)
        if known or hub.cached_file(repo, CONFIG):
            names.append(timm_name if known else HUB_PREFIX + repo)
    return names


def _described(name: str, config: dict[str, Any], licence: str = "") -> dict[str, Any]:
    """The part of an entry that a configuration describes, by field."""
    architecture = known_architecture(config, name)
    try:
        pretrained = _pretrained_part(config)
        return {
            "name": name,
            "architecture": architecture,
            "family": family_of(architecture),
            "licence": licence or text(pretrained.get("license")) or "unknown",
            "input_size": int((pretrained.get("input_size") or (3, 224, 224))[-1]),
            "has_classifier": has_classifier(pretrained),
        }
    except MODEL_ERRORS as error:
        raise EncoderUnavailable(f"'{name}' is described in a way that timm does not write: {error}.") from error


def _pretrained_part(config: dict[str, Any]) -> dict[str, Any]:
    """What timm calls ``pretrained_cfg``, from a configuration of either style; values at the top win, as in timm."""
    nested = config.get("pretrained_cfg", config)
    top = {key: config[key] for key in ("architecture", "num_classes", "label_names") if key in config}
    return {**nested, **top}


def _count_parameters(folder: Path) -> int | None:
    """From the headers of the folder's files, or as a network before training says; None if neither can be read."""
    if untrained_seed(folder) is not None:
        stated = remarks_in(folder).get("n_parameters")
        return stated if type(stated) is int else None
    try:
        return sum(_count_stored(file, file.stat().st_mtime_ns) for file in weight_files(folder)) or None
    except (OSError, SafetensorError, BadCheckpoint):
        return None


@lru_cache(maxsize=256)
def _count_stored(weights: Path, _modified_ns: int) -> int:
    with safe_open(weights, framework="np") as tensors:
        names = [name for name in tensors.keys() if not name.endswith(_BUFFERS)]  # noqa: SIM118
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
