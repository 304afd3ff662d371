"""What can be taken away from a segmentation besides its maps and tables (explainers/results): the picture, and its settings."""

from collections.abc import Sequence
from dataclasses import asdict

from explainers.drawing.sheets import captioned, contact_sheet
from explainers.nave.segmentation import Segmentation
from explainers.results.files import as_json, png
from explainers.results.records import photo_record, provenance_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.photo import Photo
from pages.common.pictures import on_screen
from pages.explore.appearance import Appearance

_SHEET_SIDE = 480  # px of the longer side of a photo on a sheet


def overlay_png(photo: Photo, result: SegmentationResult, appearance: Appearance) -> bytes:
    """The picture at the photo's full size, above a line that names photo and encoder."""
    text = f"{photo.name} · seen by {result.encoder.name} · {appearance.n_clusters} clusters"
    return png(captioned(appearance.draw(photo.pixels, result.segmentation), text))


def sheet_png(photos: Sequence[Photo], result: SegmentationsResult, appearance: Appearance) -> bytes:
    """All photos under their clusters on one sheet, with their names, the encoder's and the granularity."""
    pictures = [
        appearance.draw(on_screen(photo, _SHEET_SIDE), segmentation)
        for photo, segmentation in zip(photos, result.segmentations, strict=True)
    ]
    title = f"{len(photos)} photos · seen by {result.encoder.name} · {appearance.n_clusters} clusters"
    return png(contact_sheet(pictures, [photo.name for photo in photos], title))


def settings_json(result: SegmentationResult, appearance: Appearance) -> bytes:
    """Everything that is needed to get the same picture again, and to check that it is the same."""
    return as_json({"photo": _photos(result)[0], "look": asdict(appearance), **_facts(result, result.segmentation)})


def together_settings_json(result: SegmentationsResult, k: int) -> bytes:
    """Everything that is needed to get the same maps of photos clustered together again."""
    about = {"photos": _photos(result), "together": True, "n_clusters": k}
    return as_json(about | _facts(result, result.segmentations[0]))


def _photos(result: SegmentationResult | SegmentationsResult) -> list[dict]:
    return [photo_record(photo) for photo in result.provenance.photos]


def _facts(result: SegmentationResult | SegmentationsResult, segmentation: Segmentation) -> dict:
    """What the maps were made with; ``segmentation`` is one of the result's."""
    record = provenance_record(result.provenance)
    return record | {"suggested_k": segmentation.suggested_k, "seconds": dict(result.seconds)}
