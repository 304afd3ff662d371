"""Where named parts are in other photos: each position under the name of its nearest centroid, or unknown beyond a limit."""

import io
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from explainers.drawing.clusters import UNKNOWN_IDX, at_size, hex_colour
from explainers.drawing.places import resized
from explainers.nave.parts import Found
from explainers.nave.settings import NaveSettings
from explainers.results.exported import Export
from explainers.results.named_parts import UNKNOWN, NamedParts
from explainers.results.provenance import Result
from explainers.results.records import encoder_record, jsonable, photo_record

LIMITS = (*(n / 10 for n in range(5, 31)), 1000.0)  # in reaches; the last one calls nothing unknown but what has no name
USUAL_LIMIT = 2.0  # keeps nine tenths of what is found without a limit, on scenes (tests/benchmarks, table names_scenes)


@dataclass(frozen=True, eq=False)
class FoundPartsResult(Result[NaveSettings]):
    """Where named parts are in some photos."""

    named: NamedParts
    in_photos: tuple[Found, ...]  # one per photo

    @cached_property
    def distances(self) -> tuple[np.ndarray, ...]:
        """Per photo how far every pixel of its map is from its part, in reaches, (H, W) float32."""
        return tuple(resized(part.reaches.astype(np.float32), part.nearest.shape) for part in self.in_photos)

    def labels(self, n: int, limit: float) -> np.ndarray:
        """The names of the n-th photo as places in `NamedParts.names`, (H, W) uint8; one more than the last is unknown."""
        in_photo, idx = self.in_photos[n], self.named.name_idx
        return np.where(self.distances[n] <= limit, idx[in_photo.nearest], np.uint8(len(self.named.names)))

    def picture(self, n: int, limit: float) -> np.ndarray:
        """Indices of colours for the n-th photo, (H, W) uint8: those of the names, and grey for what is unknown."""
        labels = self.labels(n, limit)
        return np.where(labels == len(self.named.names), np.uint8(UNKNOWN_IDX), labels)

    @property
    def categories(self) -> tuple[str, ...]:
        """What the labels are called: the names, then what is unknown."""
        return (*self.named.names, UNKNOWN)

    def part_rows(self, limit: float) -> list[dict[str, Any]]:
        """One row per photo and name: colour, share of the photo, and how far its positions lie from it in reaches."""
        rows = []
        for n, photo in enumerate(self.photo_names):
            labels, distances = self.labels(n, limit), self.distances[n]
            for idx, name in enumerate(self.categories):
                inside = labels == idx
                colour = hex_colour(UNKNOWN_IDX if name == UNKNOWN else idx)
                middle = float(np.median(distances[inside])) if inside.any() else None
                rows.append({"photo": photo, "name": name, "colour": colour, "area": float(inside.mean()), "distance": middle})
        return rows


def export_of_parts(result: FoundPartsResult, limit: float, stems: tuple[str, ...] = ()) -> Export:
    """The names as categories of an export."""
    maps = tuple(result.labels(n, limit) for n in range(len(result.in_photos)))
    about = {"named_parts": result.named.record, "limit": limit}
    return Export.of(result, maps, stems, given_names=result.categories, about=about)


def parts_npz(result: FoundPartsResult, n: int, limit: float) -> bytes:
    """The n-th photo as large as it is: labels uint8 (H, W), names, distances float16 (H, W) in reaches, limit, and as JSON text
    photo, encoder, settings and where the names come from; version of Encoderscope as text."""
    photo = result.provenance.photos[n]
    facts = {
        "photo": photo_record(photo),
        "encoder": encoder_record(result.encoder),
        "settings": jsonable(result.settings),
        "named_parts": result.named.record,
    }
    arrays: dict[str, Any] = {name: np.array(json.dumps(jsonable(value))) for name, value in facts.items()}
    arrays |= {
        "labels": at_size(result.labels(n, limit), photo.shape),
        "names": np.array(result.categories),
        "distances": at_size(result.distances[n], photo.shape).astype(np.float16),
        "limit": np.array(limit),
        "version": np.array(result.provenance.encoderscope),
    }
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
