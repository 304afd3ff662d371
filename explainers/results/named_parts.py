"""Named parts: clusters of some photos, named by a person, as a file that can be taken along and found again in other photos.

The file is one .safetensors: nothing in it can run. Its tensors are centroids float32 (k, D), reaches float64 (k,), and where the
scaling keeps something, means float32 (D,) and lengths float64 (n_depths,). Its metadata has one JSON text with all the rest.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from explainers.nave.parts import Parts
from explainers.nave.settings import CLUSTER_RANGE, FITS, NaveSettings, require_valid
from explainers.results.provenance import PhotoUsed, Result
from explainers.results.records import jsonable, photo_record
from models.encoder import EncoderInfo
from models.errors import BadSettings, UnreadableParts

SCHEMA = "encoderscope/named-parts/1"  # raised when a reader of the old one would misread the new one
UNKNOWN = "unknown"  # what belongs to no named part
MAX_NAME = 40  # characters
MAX_BYTES = 64 * 2**20
SUFFIX = ".parts.safetensors"
_KEY = "encoderscope"
_MAX_HEADER, _MAX_CHANNELS = 2**22, 2**17


@dataclass(frozen=True, eq=False)
class PartsResult(Result[NaveSettings]):
    """How far the clusters of some photos reach at one granularity."""

    parts: Parts
    reaches: np.ndarray  # (k,)


@dataclass(frozen=True)
class NamedParts:
    """Parts with names and reaches, and where they come from; plain data that can be a part of a question."""

    parts: Parts
    given: tuple[str, ...]  # one per cluster; empty where nobody has named it
    reaches: tuple[float, ...]  # one per cluster
    encoder_name: str
    fingerprint: str
    photos: tuple[PhotoUsed, ...] = field(compare=False)
    encoderscope: str = field(compare=False)  # version

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, each once, in the order of the clusters."""
        return tuple(dict.fromkeys(name for name in self.given if name))

    @cached_property
    def name_idx(self) -> np.ndarray:
        """Per cluster the place of its name among `names`, (k,) uint8; one more than the last where it has none."""
        return np.array([self.names.index(name) if name else len(self.names) for name in self.given], dtype=np.uint8)

    @property
    def record(self) -> dict[str, Any]:
        """Where the names come from."""
        return {
            "names": list(self.given),
            "encoder": {"name": self.encoder_name, "fingerprint": self.fingerprint},
            "settings": asdict(self.parts.settings),
            "photos": [photo_record(photo) for photo in self.photos],
            "encoderscope": self.encoderscope,
        }

    def require_encoder(self, info: EncoderInfo) -> None:
        """Raises UnreadableParts if the parts were not seen by this encoder."""
        if info.fingerprint != self.fingerprint:
            raise UnreadableParts(
                f"These names belong to the encoder '{self.encoder_name}'; '{info.name}' has other weights. Choose that encoder, "
                "or name clusters with this one."
            )


def named(result: PartsResult, names: tuple[str, ...]) -> NamedParts:
    """The parts of a result under names, one per cluster; raises UnreadableParts where none has a name."""
    given = tuple(" ".join(name.split())[:MAX_NAME] for name in names)
    if not any(given):
        raise UnreadableParts("No cluster has a name yet. Name one at least.")
    if UNKNOWN in (name.casefold() for name in given):
        raise UnreadableParts(f"'{UNKNOWN}' is what belongs to no name. Choose another name.")
    provenance, reaches = result.provenance, tuple(result.reaches.tolist())
    of_encoder = provenance.encoder.name, provenance.encoder.fingerprint
    return NamedParts(result.parts, given, reaches, *of_encoder, provenance.photos, provenance.encoderscope)


def parts_file(parts: NamedParts) -> bytes:
    """The content of a file of named parts."""
    means = [means for means, _ in parts.parts.balances]
    tensors = {"centroids": np.ascontiguousarray(parts.parts.centroids, np.float32), "reaches": np.array(parts.reaches)}
    if means:
        lengths = np.array([length for _, length in parts.parts.balances])
        tensors |= {"means": np.concatenate(means).astype(np.float32), "lengths": lengths}
    about = {"schema": SCHEMA, **parts.record, "channels": [len(of_depth) for of_depth in means]}
    return save(tensors, {_KEY: json.dumps(jsonable(about), ensure_ascii=False)})


def read_parts(data: bytes, file_name: str) -> NamedParts:
    """The named parts in a file; raises UnreadableParts, with the file's name, where it holds none that can be used."""
    if len(data) > MAX_BYTES:
        raise UnreadableParts(f"“{file_name}” has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are taken.")
    try:
        length = int.from_bytes(data[:8], "little")
        if length > _MAX_HEADER:
            raise ValueError("the header is too long")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
        if about["schema"] != SCHEMA:
            raise ValueError("another schema")
        return _checked(about, load(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError, BadSettings) as error:
        raise UnreadableParts(
            f"“{file_name}” holds no named parts that can be read. Choose a file that was downloaded from “Name clusters”, or "
            "written by 'segment --name'."
        ) from error


def _checked(about: dict[str, Any], tensors: dict[str, np.ndarray]) -> NamedParts:
    """Raises ValueError, or what wrong types raise, where anything does not fit together."""
    settings = NaveSettings(**about["settings"] | {"depths": tuple(map(int, about["settings"]["depths"]))})
    require_valid(settings, max(settings.depths) + 1)
    if list(settings.depths) != sorted(set(settings.depths)):
        raise ValueError("depths are not in order")
    centroids, reaches = tensors["centroids"], tensors["reaches"]
    given = tuple(map(str, about["names"]))
    k, n_channels = centroids.shape
    fits = k == len(given) == len(reaches) <= CLUSTER_RANGE[1] and n_channels <= _MAX_CHANNELS and settings.fit in FITS
    finite = all(np.isfinite(array).all() for array in tensors.values())
    if not (fits and finite and reaches.shape == (k,) and centroids.dtype == np.float32 and (reaches >= 0).all()):
        raise ValueError("tensors and names do not fit together")
    if not any(given) or any(len(name) > MAX_NAME or not name.isprintable() for name in given):
        raise ValueError("no names that can be shown")
    parts = Parts(settings, centroids, _balances(settings, [int(n) for n in about["channels"]], tensors, n_channels))
    photos = tuple(PhotoUsed(str(p["name"]), str(p["sha256"]), (int(p["height"]), int(p["width"]))) for p in about["photos"])
    of_encoder = str(about["encoder"]["name"]), str(about["encoder"]["fingerprint"])
    return NamedParts(parts, given, tuple(map(float, reaches)), *of_encoder, photos, str(about["encoderscope"]))


def _balances(
    settings: NaveSettings, channels: list[int], tensors: dict[str, np.ndarray], n_channels: int
) -> tuple[tuple[np.ndarray, float], ...]:
    if settings.scaling != "balanced":
        return ()
    means, lengths = tensors["means"], tensors["lengths"]
    if sum(channels) != n_channels or min(channels) < 1 or not len(channels) == len(lengths) == len(settings.depths):
        raise ValueError("means and depths do not fit together")
    if means.shape != (n_channels,) or means.dtype != np.float32 or not all(map(math.isfinite, lengths)) or (lengths < 0).any():
        raise ValueError("means and channels do not fit together")
    return tuple(zip(np.split(means, np.cumsum(channels)[:-1]), map(float, lengths), strict=True))
