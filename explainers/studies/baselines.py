"""What one gets without an encoder, or from the same activations without NAVE: regions, and one box per photo.

    SLIC                  Achanta, Shaji, Smith, Lucchi, Fua, Susstrunk, PAMI 2012; at as many regions
    Felzenszwalb          Felzenszwalb, Huttenlocher, IJCV 2004; at as many regions, found by halving the range of its scale
    colour and position   k-means of colour and position, all scaled to unit variance
    LOST-like             Simeoni et al., BMVC 2021, on any feature map: the position least correlated with others is the seed
    TokenCut-like         Wang et al., CVPR 2022, on any feature map: the second smallest eigenvector of a normalised cut

The last two were published for the keys of DINO's last attention; here they take the map that they are given, hence "-like".
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.linalg import eigh
from skimage.segmentation import felzenszwalb, slic
from sklearn.cluster import KMeans

from explainers.drawing.clusters import at_size
from explainers.maps.boxes import Box

COLOUR_SIDE = 112  # px on which colour and position are clustered
N_TRIES = 3  # of SLIC, to come near a number of regions
N_SCALES = 32  # of Felzenszwalb, each the root of two times the one before, from 1
N_SEEDS_LOST = 100  # positions of least correlation that a seed is expanded with
TAU = 0.2  # cosine above which TokenCut joins two positions
_APART = 1e-5  # weight of the others


# --- regions ----------------------------------------------------------------------------------------------------------------


class Pictured:
    """Regions of one photo by what is seen alone; whatever was computed is kept as long as this object."""

    def __init__(self, pixels: np.ndarray):
        """From a photo's pixels (H, W, 3) uint8."""
        self._pixels = pixels
        self._kept: dict[tuple[str, int, int], np.ndarray] = {}

    def slic(self, n_regions: int) -> np.ndarray:
        """SLIC with as many regions as it can be brought to give, (H, W): it makes fewer than requested, so more are wanted."""
        tries, n_requested = [], float(n_regions)
        for _ in range(N_TRIES):
            regions = self._once("slic", max(1, round(n_requested)))
            tries.append(regions)
            n_requested *= n_regions / (regions.max() + 1)
        return min(tries, key=lambda regions: abs(int(regions.max()) + 1 - n_regions))

    def felzenszwalb(self, n_regions: int) -> np.ndarray:
        """Felzenszwalb's regions (H, W) at the one of N_SCALES scales that gives about as many: the larger, the fewer."""
        low, high, tries = 0, N_SCALES - 1, []
        while low <= high:
            middle = (low + high) // 2
            tries.append(self._once("felzenszwalb", middle))
            low, high = (middle + 1, high) if tries[-1].max() + 1 > n_regions else (low, middle - 1)
        return min(tries, key=lambda regions: abs(int(regions.max()) + 1 - n_regions))

    def colour_and_position(self, k: int, seed: int) -> np.ndarray:
        """Clusters (H, W) of colour and position."""
        return self._once("colour", k, seed)

    def _once(self, method: str, n: int, seed: int = 0) -> np.ndarray:
        if (method, n, seed) not in self._kept:
            self._kept[method, n, seed] = _METHODS[method](self._pixels, n, seed).astype(np.int16)
        return self._kept[method, n, seed]


_METHODS = {
    "slic": lambda pixels, n, _: slic(pixels, n_segments=n, start_label=0),
    "felzenszwalb": lambda pixels, step, _: felzenszwalb(pixels, scale=2.0 ** (step / 2), sigma=0.8, min_size=20),
    "colour": lambda pixels, k, seed: colour_and_position_map(pixels, k, seed),
}


def colour_and_position_map(pixels: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Clusters (H, W) of colour and position of a photo (H, W, 3), found on a smaller picture."""
    side = COLOUR_SIDE
    small = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)).reshape(-1, 3) / 255
    rows, columns = (axis.ravel() / side for axis in np.mgrid[:side, :side])
    values = np.column_stack([small, rows, columns])
    spread = values.std(0)
    values = (values - values.mean(0)) / np.where(spread > 0, spread, 1)  # one colour everywhere: nothing to scale
    return at_size(KMeans(k, n_init=3, random_state=seed).fit_predict(values).reshape(side, side), pixels.shape[:2])


# --- one box ------------------------------------------------------------------------------------------------------------------


def lost_box(feature_map: np.ndarray, shape: tuple[int, int]) -> Box:
    """The box of LOST on a photo (H, W), from a map (C, h, w)."""
    _, height, width = feature_map.shape
    similarity = _cosines(feature_map)
    order = np.argsort((similarity > 0).sum(1), kind="stable")  # the least correlated first
    seed = int(order[0])
    expanded = [idx for idx in order[:N_SEEDS_LOST].tolist() if similarity[idx, seed] > 0] or [seed]
    inside = (similarity[:, expanded].sum(1) > 0).reshape(height, width)
    return _component_box(inside, seed, shape)


def token_cut_box(feature_map: np.ndarray, shape: tuple[int, int]) -> Box:
    """The box of TokenCut on a photo (H, W), from a map (C, h, w)."""
    _, height, width = feature_map.shape
    weights = np.where(_cosines(feature_map) > TAU, 1.0, _APART)
    degrees = np.diag(weights.sum(1))
    second = eigh(degrees - weights, degrees, subset_by_index=[1, 1])[1][:, 0] if height * width > 1 else np.zeros(1)
    seed = int(np.abs(second).argmax())
    inside = second > second.mean()
    inside = (inside if inside[seed] else ~inside).reshape(height, width)
    return _component_box(inside, seed, shape)


def _cosines(feature_map: np.ndarray) -> np.ndarray:
    """Between the positions of a map (C, h, w) less their mean, which those of a CNN, never negative, could not do without."""
    positions = feature_map.reshape(len(feature_map), -1).T.astype(np.float64)
    positions = positions - positions.mean(0)
    lengths = np.linalg.norm(positions, axis=1, keepdims=True)
    unit = positions / np.where(lengths > 0, lengths, 1)
    return unit @ unit.T


def _component_box(inside: np.ndarray, seed: int, shape: tuple[int, int]) -> Box:
    """The box on a photo (H, W) around the connected part of a map (h, w) that holds the position ``seed``."""
    row, column = np.unravel_index(seed, inside.shape)
    inside = inside.copy()
    inside[row, column] = True
    components = ndimage.label(inside)[0]
    (rows, columns), *_ = ndimage.find_objects((components == components[row, column]).astype(np.int8))
    box = Box(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
    return box.scaled(inside.shape, shape)
