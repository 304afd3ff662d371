"""What can be taken away from a segmentation besides its maps and tables (explainers/results): the picture, and its settings."""

import io
from dataclasses import asdict

from explainers.nave.segmentation import Segmentation
from explainers.results.files import as_json, write_png
from explainers.results.records import photo_record, provenance_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.photo import Photo
from pages.explore.appearance import Appearance


def overlay_png(photo: Photo, result: SegmentationResult, appearance: Appearance) -> bytes:
    """The picture at the photo's full size."""
    buffer = io.BytesIO()
    write_png(buffer, appearance.draw(photo.pixels, result.segmentation))
    return buffer.getvalue()


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
