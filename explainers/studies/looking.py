"""Maps of photos by any encoder, also one that the catalog does not have, such as a network with random weights.

The observatory holds feature maps, and photos of one input shape are clustered side by side, as the pages have it done.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.service.photos import segmented_side_by_side, usable_settings
from models.encoder import Encoder
from models.photo import Photo
from models.progress import Progress


def segmentations(
    observatory: Observatory, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, progress: Progress
) -> Iterator[Segmentation]:
    """Per photo, in order, its maps for every k of the settings, each clustered alone."""
    settings = usable_settings(settings, encoder, photos)
    side_by_side = partial(_group, observatory, encoder, settings, progress)
    for group in observatory.in_groups(side_by_side, encoder, photos, settings.input_size, progress=progress):
        yield from group


def _group(
    observatory: Observatory, encoder: Encoder, settings: NaveSettings, progress: Progress, photos: Sequence[Photo]
) -> list[Segmentation]:
    return segmented_side_by_side(observatory, encoder, photos, settings, progress.silent(), {"encoder": 0.0, "clustering": 0.0})
