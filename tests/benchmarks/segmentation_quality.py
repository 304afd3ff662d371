"""How well NAVE's maps agree with people, beside what one gets without the trained encoder.

Photographs and truth: ../shared/fixtures (DAVIS 2016 frames with object masks, BSDS500 with every annotator's regions).
    oracle measures      majority-vote and best-match IoU: the truth chooses the clusters
    label-free measures  covering, probabilistic Rand index: regions are compared as they come
The two kinds stand in tables of their own. Every number is a mean over the photographs and, where a method is random, over seeds.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from explainers.drawing.clusters import at_size
from explainers.maps.localization import best_match_iou, majority_vote_iou, mean_covering, probabilistic_rand_index
from explainers.maps.regions import region_map
from explainers.nave.segmentation import Segmentation, segment
from explainers.nave.settings import NaveSettings
from explainers.studies.baselines import Pictured, colour_and_position_map
from explainers.studies.spread import averaged
from explainers.studies.truths import TruePhoto, box_of, counted_from_0
from models.encoder.encoder import Encoder, randomised
from models.photo import Photo, read_photo_file

INPUT_SIZE = 448
SEEDS = range(5)


def load_davis(fixtures: Path) -> list[TruePhoto]:
    """Frames with the mask of their object."""
    files = sorted((fixtures / "images/davis2016").glob("*.jpg"))
    masks = [np.asarray(Image.open(fixtures / f"masks/davis2016/{f.stem}.png").convert("L")) > 127 for f in files]
    return [TruePhoto(read_photo_file(f), (), mask, (box_of(mask),)) for f, mask in zip(files, masks, strict=True)]


def load_bsds(fixtures: Path) -> list[TruePhoto]:
    """Photographs with the regions that several people drew."""
    files = sorted((fixtures / "images/bsds500").glob("*.jpg"))
    truths = [np.load(fixtures / f"masks/bsds500/{f.stem}.npz")["segmentation"] for f in files]
    return [TruePhoto(read_photo_file(f), tuple(map(counted_from_0, truth))) for f, truth in zip(files, truths, strict=True)]


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
        rows.append(
            {"encoder": "-", "method": "SLIC", "seed": 0, **oracle_measures(Pictured(image.photo.pixels).slic(k), image.mask)}
        )
        for seed in seeds:
            row = {"encoder": "-", "method": "colour and position", "seed": seed}
            rows.append({**row, **oracle_measures(colour_and_position_map(image.photo.pixels, k, seed), image.mask)})
    return averaged(rows, ("encoder", "method"))


def label_free_measures(regions: np.ndarray, image: TruePhoto) -> dict[str, float]:
    return {
        "covering": mean_covering(regions, image.regions),
        "rand_index": probabilistic_rand_index(regions, image.regions),
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
                    "composite": region_map(at_size(trained.at(k), image.photo.shape)),
                    "random weights": region_map(at_size(random.at(k), image.photo.shape)),
                }
                regions["SLIC, as many regions"] = Pictured(image.photo.pixels).slic(int(regions["composite"].max()) + 1)
                for method, region_of_pixel in regions.items():
                    row = {"encoder": encoder.info.name, "k": k, "method": method, "seed": seed}
                    rows.append({**row, **label_free_measures(region_of_pixel, image)})
    return averaged(rows, ("encoder", "k", "method"))
