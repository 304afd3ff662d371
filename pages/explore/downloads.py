"""What can be taken away from a picture, as bytes. Pure functions."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image

from explainers.drawing.clusters import hex_colour
from explainers.nave.quality import cluster_table
from explainers.nave.segmentation import Segmentation
from explainers.results.files import output_stems
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.photo import Photo
from pages.explore.look import Look, draw


def overlay_png(photo: Photo, result: SegmentationResult, look: Look) -> bytes:
    """The picture at the photo's full size."""
    buffer = io.BytesIO()
    Image.fromarray(draw(photo.pixels, result.segmentation, look)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def maps_npz(result: SegmentationResult) -> bytes:
    """labels uint8 (n_k, H, W) and ks int (n_k,), as the command line writes them."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, labels=result.segmentation.labels, ks=np.array(result.segmentation.ks))
    return buffer.getvalue()


def clusters_csv(result: SegmentationResult, k: int) -> bytes:
    """One line per cluster: colour, area, regions and the share of every depth."""
    segmentation = result.segmentation
    shares = segmentation.depth_shares[segmentation.ks.index(k)]
    depths = [f"share_of_depth_{depth}" for depth in segmentation.settings.depths]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["cluster_idx", "colour", "area", "n_regions", *depths])
    for row, depth_shares in zip(cluster_table(segmentation.at(k), k), shares, strict=True):
        writer.writerow([row.cluster_idx, hex_colour(row.cluster_idx), row.area, row.n_regions, *map(float, depth_shares)])
    return table.getvalue().encode()


def settings_json(photo: Photo, result: SegmentationResult, look: Look) -> bytes:
    """Everything that is needed to get the same picture again, and to check that it is the same."""
    facts = {
        "photo": _photo_facts(replace(photo, name=result.photo_name)),
        "look": asdict(look),
        **_provenance(result, result.segmentation),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False).encode()


def _photo_facts(photo: Photo) -> dict:
    height, width = photo.shape
    return {"name": photo.name, "sha256": photo.sha256, "height": height, "width": width}


def _provenance(result: SegmentationResult | SegmentationsResult, segmentation: Segmentation) -> dict:
    """What the maps were made with; ``segmentation`` is one of the result's."""
    encoder = result.encoder
    return {
        "encoder": {"name": encoder.name, "architecture": encoder.architecture, "fingerprint": encoder.fingerprint},
        "settings": asdict(segmentation.settings),
        "suggested_k": segmentation.suggested_k,
        "seconds": result.seconds,
        "versions": result.versions,
    }


def set_maps_zip(result: SegmentationsResult) -> bytes:
    """One file of maps per photo."""
    buffer = io.BytesIO()
    stems = output_stems([Path(name) for name in result.photo_names])
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for n, stem in enumerate(stems):
            archive.writestr(f"{stem}.npz", maps_npz(result.of_photo(n)))
    return buffer.getvalue()


def set_clusters_csv(result: SegmentationsResult, k: int) -> bytes:
    """One line per photo and cluster: colour, area, regions."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["photo", "cluster_idx", "colour", "area", "n_regions"])
    for name, segmentation in zip(result.photo_names, result.segmentations, strict=True):
        for row in cluster_table(segmentation.at(k), k):
            writer.writerow([name, row.cluster_idx, hex_colour(row.cluster_idx), row.area, row.n_regions])
    return table.getvalue().encode()


def set_settings_json(photos: Sequence[Photo], result: SegmentationsResult, k: int) -> bytes:
    """Everything that is needed to get the same maps again."""
    facts = {
        "photos": [_photo_facts(photo) for photo in photos],
        "together": True,
        "n_clusters": k,
        **_provenance(result, result.segmentations[0]),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False).encode()
