"""How well NAVE's maps agree with people, beside what one gets without the trained encoder.

Photographs and truth: ../shared/fixtures (DAVIS 2016 frames with object masks, BSDS500 with every annotator's regions).
    oracle measures      majority-vote and best-match IoU: the truth chooses the clusters
    label-free measures  covering, probabilistic Rand index: regions are compared as they come
The two kinds stand in tables of their own. Every number is a mean over the photographs and, where a method is random, over seeds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.segmentation import slic
from sklearn.cluster import KMeans

from explainers.drawing.clusters import at_size
from explainers.maps.localization import best_match_iou, majority_vote_iou, mean_covering, probabilistic_rand_index
from explainers.maps.regions import region_map
from explainers.nave.segmentation import Segmentation, segment
from explainers.nave.settings import NaveSettings
from models.encoder.encoder import Encoder, randomised
from models.photo import Photo, read_photo_file

INPUT_SIZE = 448
SEEDS = range(5)


@dataclass(frozen=True, eq=False)
class Masked:
    """A photograph and the mask of its main object."""

    photo: Photo
    mask: np.ndarray


@dataclass(frozen=True, eq=False)
class Annotated:
    """A photograph and the region maps that several people drew."""

    photo: Photo
    annotators: Sequence[np.ndarray]


def load_davis(fixtures: Path) -> list[Masked]:
    files = sorted((fixtures / "images/davis2016").glob("*.jpg"))
    masks = [np.asarray(Image.open(fixtures / f"masks/davis2016/{f.stem}.png").convert("L")) > 127 for f in files]
    return [Masked(read_photo_file(f), mask) for f, mask in zip(files, masks, strict=True)]


def load_bsds(fixtures: Path) -> list[Annotated]:
    files = sorted((fixtures / "images/bsds500").glob("*.jpg"))
    truths = [np.load(fixtures / f"masks/bsds500/{f.stem}.npz")["segmentation"] for f in files]
    return [Annotated(read_photo_file(f), list(truth)) for f, truth in zip(files, truths, strict=True)]


def segmentations(
    encoder: Encoder, photo: Photo, max_clusters: int, depths: Sequence[int] = (), seeds: Sequence[int] = (0,)
) -> Iterator[Segmentation]:
    """NAVE as the service runs it, once per seed; with the encoder's default depths unless others are named."""
    depths = tuple(depths) or encoder.info.default_depths
    image = encoder.prepare(photo, INPUT_SIZE)
    maps = [m[0] for m in encoder.feature_maps(image[None], depths)]
    for seed in seeds:
        settings = NaveSettings(depths, max_clusters=max_clusters, input_size=INPUT_SIZE, seed=seed)
        yield segment(maps, settings, tuple(image.shape[1:]))


def colour_and_position_map(photo: Photo, k: int, seed: int) -> np.ndarray:
    """k-means of colour and position, all scaled to unit variance, on a quarter of the size; (H, W)."""
    small = np.asarray(Image.fromarray(photo.pixels).resize((112, 112), Image.Resampling.BILINEAR)).reshape(-1, 3) / 255
    rows, cols = (axis.ravel() / 112 for axis in np.mgrid[:112, :112])
    values = np.column_stack([small, rows, cols])
    values = (values - values.mean(0)) / values.std(0)
    return at_size(KMeans(k, n_init=3, random_state=seed).fit_predict(values).reshape(112, 112), photo.shape)


def slic_map(photo: Photo, n_regions: int, n_tries: int = 3) -> np.ndarray:
    """SLIC with as many regions as it can be brought to give, (H, W): it makes fewer than requested, so more are requested."""
    tries, n_requested = [], float(n_regions)
    for _ in range(n_tries):
        regions = slic(photo.pixels, n_segments=max(1, round(n_requested)), start_label=0)
        tries.append(regions)
        n_requested *= n_regions / (regions.max() + 1)
    return min(tries, key=lambda regions: abs(regions.max() + 1 - n_regions))


def averaged(rows: Sequence[dict], names: Sequence[str]) -> list[dict]:
    """One row per distinct group of ``names``: the mean of every measure, and ``sd_seeds``, how far the first one's mean over
    the photographs scatters between seeds."""
    measures = [name for name in rows[0] if name not in (*names, "seed")]
    table = []
    for group in dict.fromkeys(tuple(row[name] for name in names) for row in rows):
        same = [row for row in rows if tuple(row[name] for name in names) == group]
        by_seed = [np.mean([row[measures[0]] for row in same if row["seed"] == seed]) for seed in {row["seed"] for row in same}]
        scatter = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else float("nan")
        means = {name: float(np.mean([row[name] for row in same])) for name in measures}
        table.append({**dict(zip(names, group, strict=True)), **means, "sd_seeds": scatter})
    return table


def oracle_measures(labels: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    labels = at_size(labels, mask.shape)
    return {"majority_iou": majority_vote_iou(labels, mask), "best_match_iou": best_match_iou(labels, mask)}


def davis_table(fixtures: Path, encoders: Sequence[Encoder], k: int = 10, seeds: Sequence[int] = SEEDS) -> list[dict]:
    """Oracle foreground IoU at one k: composite, last depth alone, random weights, colour and position, SLIC."""
    images, rows = load_davis(fixtures), []
    for encoder in encoders:
        last = (encoder.info.depths[-1].idx,)
        methods = {"composite": (encoder, ()), "last depth alone": (encoder, last), "random weights": (randomised(encoder), ())}
        for (method, (used, depths)), image in product(methods.items(), images):
            for segmentation in segmentations(used, image.photo, k, depths, seeds):
                row = {"encoder": encoder.info.name, "method": method, "seed": segmentation.settings.seed}
                rows.append({**row, **oracle_measures(segmentation.at(k), image.mask)})
    for image in images:
        rows.append({"encoder": "-", "method": "SLIC", "seed": 0, **oracle_measures(slic_map(image.photo, k), image.mask)})
        for seed in seeds:
            row = {"encoder": "-", "method": "colour and position", "seed": seed}
            rows.append({**row, **oracle_measures(colour_and_position_map(image.photo, k, seed), image.mask)})
    return averaged(rows, ("encoder", "method"))


def label_free_measures(regions: np.ndarray, image: Annotated) -> dict[str, float]:
    return {
        "covering": mean_covering(regions, image.annotators),
        "rand_index": probabilistic_rand_index(regions, image.annotators),
        "n_regions": float(regions.max() + 1),
    }


def bsds_table(
    fixtures: Path, encoders: Sequence[Encoder], ks: Sequence[int] = (6, 10), seeds: Sequence[int] = SEEDS
) -> list[dict]:
    """Label-free covering of the regions, beside random weights (other ones for every seed) and SLIC at the number of regions
    that the composite has in the same photograph."""
    images, rows = load_bsds(fixtures), []
    for encoder in encoders:
        for image, seed in product(images, seeds):
            shuffled = randomised(encoder, seed)
            (trained,), (random,) = (list(segmentations(e, image.photo, max(ks), (), (seed,))) for e in (encoder, shuffled))
            for k in ks:
                regions = {
                    "composite": region_map(at_size(trained.at(k), image.annotators[0].shape)),
                    "random weights": region_map(at_size(random.at(k), image.annotators[0].shape)),
                }
                regions["SLIC, as many regions"] = slic_map(image.photo, int(regions["composite"].max()) + 1)
                for method, region_of_pixel in regions.items():
                    row = {"encoder": encoder.info.name, "k": k, "method": method, "seed": seed}
                    rows.append({**row, **label_free_measures(region_of_pixel, image)})
    return averaged(rows, ("encoder", "k", "method"))
