"""What an export is made of: photos whose clusters mean one thing in all of them, at one granularity, under names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from explainers.drawing.clusters import at_size
from explainers.maps.boxes import Box, main_box
from explainers.results.files import output_stems
from explainers.results.provenance import PhotoUsed, Provenance, Result
from explainers.results.records import Record, photo_record, provenance_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult

SET_TITLE = "set"  # of a file about several photos


@dataclass(frozen=True)
class File:
    """A file of an export, by its name within the folder or the archive."""

    name: str
    content: bytes


@dataclass(frozen=True, eq=False)
class PhotoExport:
    """One photo of an export."""

    number: int  # from 1
    stem: str  # of the files that are about this photo alone
    used: PhotoUsed
    map: np.ndarray  # (h, w): the cluster of every pixel of the map, which covers the whole photo

    def labels(self) -> np.ndarray:
        """The clusters (H, W) at the size of the photo; made anew each time, so that one photo at a time is held."""
        return at_size(self.map, self.used.shape)

    def main_box(self) -> Box:
        """The one box of the photo, in its pixels."""
        return main_box(self.map).box.scaled(self.map.shape, self.used.shape)


@dataclass(frozen=True, eq=False)
class Export:
    """Photos with their clusters at one granularity."""

    provenance: Provenance
    maps: tuple[np.ndarray, ...]  # one (h, w) uint8 per photo of the provenance: cluster per pixel
    k: int
    stems: tuple[str, ...]  # one per photo
    given_names: tuple[str, ...] = ()  # one per cluster; empty where a cluster has none
    about: Record = field(default_factory=dict)  # what else the record says

    @property
    def photos(self) -> tuple[PhotoExport, ...]:
        parts = zip(self.stems, self.provenance.photos, self.maps, strict=True)
        return tuple(PhotoExport(n, stem, used, labels) for n, (stem, used, labels) in enumerate(parts, start=1))

    @property
    def title(self) -> str:
        """What a file about all photos is called, without its suffix."""
        return self.stems[0] if len(self.stems) == 1 else SET_TITLE

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What every cluster is called, each differently: its own name, or its number."""
        given = self.given_names or ("",) * self.k
        plain = [name.strip() or f"cluster {idx}" for idx, name in enumerate(given)]
        return tuple(name if plain.count(name) == 1 else f"{name} ({idx})" for idx, name in enumerate(plain))

    @property
    def record(self) -> Record:
        """Where the clusters come from: encoder, settings, versions, photos with their hashes, granularity."""
        photos = [photo_record(photo) for photo in self.provenance.photos]
        record = {**provenance_record(self.provenance), "n_clusters": self.k, "names": list(self.names), "photos": photos}
        return record | self.about

    @classmethod
    def of(
        cls, result: Result, maps: tuple[np.ndarray, ...], stems: Sequence[str], given_names: tuple[str, ...], about: Record
    ) -> Self:
        """An export of a result with one map (h, w) and one name per cluster; ``stems`` name the files, else the photos do."""
        own = tuple(stems) or tuple(output_stems([Path(name) for name in result.photo_names]))
        return cls(result.provenance, maps, len(given_names), own, given_names, about)


def export_of(
    result: SegmentationResult | SegmentationsResult, k: int, stems: Sequence[str] = (), names: tuple[str, ...] = ()
) -> Export:
    """A result at the granularity ``k``; ``stems`` name the files, else the photos do; ``names`` are those of the clusters."""
    segmentations = (result.segmentation,) if isinstance(result, SegmentationResult) else result.segmentations
    maps = tuple(segmentation.at(k) for segmentation in segmentations)
    return Export.of(result, maps, stems, given_names=names or ("",) * k, about={})
