"""Maps of several photos clustered together: a cluster means one thing in all of them."""

from collections.abc import Sequence

import numpy as np

from explainers.nave.segmentation import segment_together
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.service.photos import usable_settings
from models.encoder import Encoder
from models.photo import Photo
from models.progress import IGNORED


def clusters_together(
    observatory: Observatory, encoder: Encoder, photos: Sequence[Photo], ks: Sequence[int], input_size: int, seed: int
) -> dict[int, list[np.ndarray]]:
    """Per k the maps (H, W) of the photos, at the encoder's default depths."""
    wanted = NaveSettings(input_size=input_size, seed=seed, min_clusters=min(ks), max_clusters=max(ks))
    settings = usable_settings(wanted, encoder, photos)
    maps = [*observatory.feature_maps(encoder, photos, input_size, settings.depths, IGNORED)]
    shapes = [encoder.input_shape(photo.shape, input_size) for photo in photos]
    each = segment_together(maps, settings, shapes)
    return {k: [segmentation.at(k) for segmentation in each] for k in ks}
