"""What ``python -m explainers segment`` writes of every image: maps, overlay, exports, and its line of the summary."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explainers.nave.segmentation import Segmentation
from explainers.results.exported import Export, export_of
from explainers.results.exports import FORMATS
from explainers.results.files import write_bytes, write_maps, write_overlay
from explainers.results.records import quality_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from explainers.truth.matches import match_of, truth_record
from explainers.truth.objects import Place
from explainers.truth.reading import read_truth_file, truth_file
from models.errors import BadSettings, UnreadableTruth
from models.files import written_atomically
from models.photo import Photo

MAPS = "npz"  # the format of maps of every k; those of people's tools have one k


@dataclass(frozen=True)
class Image:
    """An image that could be read."""

    path: Path
    stem: str  # of the files that are written
    photo: Photo


@dataclass(frozen=True)
class Outputs:
    """What is written, and where."""

    folder: Path
    formats: tuple[str, ...]  # MAPS, and names of FORMATS
    k: int  # of the overlay, the exports and the comparison with a truth
    truth: Path | None = None  # a file, or a folder of them
    names: tuple[str, ...] = ()  # one per cluster of that k; empty where a cluster has none

    def write(self, image: Image, result: SegmentationResult, *, alone: bool) -> dict[str, Any]:
        """Writes the files of one image and returns its line of the summary; exports only of images that are clustered alone."""
        maps, overlay = self.folder / f"{image.stem}.npz", self.folder / f"{image.stem}.png"
        if MAPS in self.formats:
            with written_atomically(maps) as file:
                write_maps(file, result)
        with written_atomically(overlay) as file:
            write_overlay(file, image.photo.pixels, result.segmentation, self.k)
        export = export_of(result, self.k, (image.stem,), self.names)
        box = export.photos[0].main_box()
        return {
            "file": str(image.path),
            "sha256": image.photo.sha256,
            "shape": image.photo.shape,
            **({"maps": maps.name, "map_shape": image.photo.shape} if MAPS in self.formats else {}),
            "overlay": overlay.name,
            "overlay_k": self.k,
            "box": [box.left, box.top, box.width, box.height],
            "exports": self.write_exports(export) if alone else [],
            **self._beside_truth(image, result.segmentation),
            **quality_record(result.segmentation),
            "seconds": result.seconds,
        }

    def _beside_truth(self, image: Image, segmentation: Segmentation) -> dict[str, Any]:
        """How the clusters fit what was drawn into the image, or why that cannot be said."""
        if self.truth is None:
            return {}
        try:
            file = truth_file(self.truth, image.path)
            truth = read_truth_file(file, Place(image.path.name, image.photo.shape, segmentation.shape))
        except UnreadableTruth as refusal:
            return {"truth": {"error": str(refusal)}}
        return {"truth": truth_record(truth, match_of(truth, segmentation.at(self.k), self.k), str(file))}

    def write_together(self, result: SegmentationsResult, images: Iterable[Image]) -> None:
        """Writes the exports of images that were clustered together: a cluster means one thing in all of them."""
        self.write_exports(export_of(result, self.k, tuple(image.stem for image in images), self.names))

    def write_exports(self, export: Export) -> list[str]:
        """The names of the files within the folder."""
        names = []
        for format_name in self.formats:
            for file in FORMATS[format_name].write(export) if format_name != MAPS else ():
                names.append(f"{format_name}/{file.name}")
                write_bytes(self.folder / names[-1], file.content)
        return names


def pictures(folder: Path, stems: Iterable[str], formats: Iterable[str]) -> list[Path]:
    """The pictures that are written of images with such stems."""
    places = [folder, *(folder / name for name in formats if name == "masks")]
    return [place / f"{stem}.png" for stem in stems for place in places]


def k_shown(ks: tuple[int, ...], wanted: int | None) -> int:
    """The k of overlay and exports: the one asked for, else the middle of the range."""
    if wanted is not None and wanted not in ks:
        raise BadSettings(f"A granularity of {wanted} was asked for; there are maps for {ks[0]} to {ks[-1]} clusters.")
    return ks[len(ks) // 2] if wanted is None else wanted
