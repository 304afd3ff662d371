"""How well maps cover true regions, over k: what several studies measure.

covering      of true regions by the regions of a map (Arbelaez et al. 2011), averaged over whoever drew some
best fixed k  the one k that covers best on average over photos (oracle)
best k        the one that covers best in each photo (oracle)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from explainers.drawing.clusters import at_size
from explainers.maps.localization import covering
from explainers.maps.regions import region_map
from explainers.nave.segmentation import Segmentation
from explainers.studies.truths import LEFT_OUT, TruePhoto

ByK = Mapping[int, float]


def covering_of(labels: np.ndarray, true: TruePhoto) -> float:
    """Covering of the true regions by those of a label map (h, w) of the photo, averaged over whoever drew some."""
    regions = region_map(at_size(labels, true.photo.shape))
    return float(np.mean([_covering(regions, drawn) for drawn in true.regions]))


def _covering(regions: np.ndarray, drawn: np.ndarray) -> float:
    counted = drawn != LEFT_OUT
    return covering(regions[counted], drawn[counted])


def coverings_of(segmentation: Segmentation, true: TruePhoto) -> dict[int, float]:
    """Covering by the map of every k; empty where nobody drew regions."""
    return {k: covering_of(segmentation.at(k), true) for k in segmentation.ks} if true.regions else {}


def best_fixed_k(of_photos: Sequence[ByK]) -> int | None:
    """The k with the best mean covering over photos (and seeds); None where no photo has one."""
    known = [by_k for by_k in of_photos if by_k]
    return max(known[0], key=lambda k: np.mean([by_k[k] for by_k in known])) if known else None
