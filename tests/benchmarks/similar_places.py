"""What similarity from a few bytes is worth: bytes of a photo, and rank correlation with the cosine over all channels."""

from collections.abc import Sequence

import numpy as np

from explainers.nave.settings import ComponentSettings
from explainers.service.service import ExplainerService
from models.photo.samples import SAMPLES, read_sample

SIDE_PX = 448


def similar_table(service: ExplainerService, encoders: Sequence[str]) -> list[dict]:
    """One row per encoder, over all sample photos, each alone and all together."""
    photos = [read_sample(name) for name in SAMPLES]
    settings = ComponentSettings(input_size=SIDE_PX)
    rows = []
    for encoder in encoders:
        alone = [service.find_components(encoder, [photo], settings=settings).result() for photo in photos]
        together = service.find_components(encoder, photos, settings=settings).result()
        images = [result.components.images[0] for result in alone]
        rows.append(
            {
                "encoder": encoder.rpartition("/")[2],
                "photos": len(photos),
                "depths": " ".join(map(str, together.settings.depths)),
                "kB, most": max(len(image.packed()) for image in images) / 1000,
                "kept, mean": float(np.mean([result.components.kept for result in alone])),
                "rank correlation, mean": float(np.mean([result.components.rank_correlation for result in alone])),
                "rank correlation, least": min(result.components.rank_correlation for result in alone),
                "rank correlation, together": together.components.rank_correlation,
                "seconds, mean": float(np.mean([result.seconds["components"] for result in alone])),
            }
        )
    return rows
