"""Other rules for the suggested k, beside the one in use: what people's regions (or a scene's) are covered by at the k of each.

gap statistic           Tibshirani, Walther and Hastie 2001: the log of the inertia below that of maps without structure; its
                        largest value, or the first k that is no worse than the next by more than a standard error
less the null's         stability, silhouette or centrality less what maps without structure have at the same k, largest
prediction strength     Tibshirani and Walther 2005: one half of a photo is clustered, and the other half's clusters are held
                        together by its centroids; of the worst cluster, over halves both ways; largest, or the last k from 0.5 on

Maps without structure are the photo's own with random phases, the same for all channels and depths: they keep how channels go
together and how smooth they are, and lose what is where. Three a photo.
"""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch

from explainers.nave.label_maps import label_maps
from explainers.nave.parts import composite_as
from explainers.nave.quality import SILHOUETTE_WEIGHT, Quality
from explainers.nave.segmentation import Segmentation, segment
from explainers.nave.settings import NaveSettings
from explainers.studies.coverings import coverings_of
from explainers.studies.truths import TruePhoto, true_scenes
from models.encoder.encoder import Encoder
from tests.benchmarks.segmentation_quality import INPUT_SIZE, load_bsds
from tests.benchmarks.suggestion_choice import N_SCENES

N_NULLS, STRONG = 3, 0.5
Maps = list[torch.Tensor]  # (C, h, w) per depth
Measures = dict[str, np.ndarray]  # (n_k,) each; those of maps without structure (N_NULLS, n_k)


def candidate_table(encoders: Sequence[Encoder], fixtures: Path) -> list[dict]:
    """One row per rule: mean covering per encoder and kind of photo."""
    kinds = {"photographs": tuple(load_bsds(fixtures)), "scenes": true_scenes(N_SCENES)}
    rows: dict[str, dict] = {rule: {"rule": rule} for rule in (*RULES, "best fixed k (oracle)", "best k of each (oracle)")}
    for (kind, photos), encoder in product(kinds.items(), encoders):
        column = f"{encoder.info.name.rpartition('/')[2]}, {kind}"
        measured = [_measured(encoder, true) for true in photos]
        coverings = np.array([by_k for _, by_k in measured])
        for rule, worth in RULES.items():
            rows[rule][column] = float(np.mean([by_k[worth(measures).argmax()] for measures, by_k in measured]))
        rows["best fixed k (oracle)"][column] = float(coverings.mean(0).max())
        rows["best k of each (oracle)"][column] = float(coverings.max(1).mean())
    return list(rows.values())


# --- rules: what every k is worth, (n_k,) --------------------------------------------------------------------------------------


def _gap(measures: Measures) -> np.ndarray:
    return np.log(measures["inertia of null"]).mean(0) - np.log(measures["inertia"])


def _first_within_an_error(measures: Measures) -> np.ndarray:
    gap, spread = _gap(measures), np.log(measures["inertia of null"]).std(0) * np.sqrt(1 + 1 / N_NULLS)
    is_enough = np.append(gap[:-1] >= gap[1:] - spread[1:], True)
    return _only(int(is_enough.argmax()), len(gap))


def _last_strong(measures: Measures) -> np.ndarray:
    strong = np.flatnonzero(measures["strength"] >= STRONG)
    return _only(int(strong[-1]) if len(strong) else 0, len(measures["strength"]))


def _only(idx: int, n: int) -> np.ndarray:
    return (np.arange(n) == idx).astype(float)


def _less_the_nulls(name: str) -> Callable[[Measures], np.ndarray]:
    return lambda measures: measures[name] - measures[f"{name} of null"].mean(0)


RULES: dict[str, Callable[[Measures], np.ndarray]] = {
    "in use": lambda measures: measures["centrality"] + SILHOUETTE_WEIGHT * measures["silhouette"],
    "gap statistic, largest": _gap,
    "gap statistic, first within a standard error": _first_within_an_error,
    "stability less the null's": _less_the_nulls("stability"),
    "silhouette less the null's": _less_the_nulls("silhouette"),
    "centrality less the null's": _less_the_nulls("centrality"),
    "prediction strength, largest": lambda measures: measures["strength"],
    "prediction strength, last from 0.5 on": _last_strong,
}


# --- measures ------------------------------------------------------------------------------------------------------------------


def _measured(encoder: Encoder, true: TruePhoto) -> tuple[Measures, np.ndarray]:
    """What the rules look at, and the covering, both per k."""
    settings = NaveSettings(encoder.info.default_depths, input_size=INPUT_SIZE)
    maps = [of_depth[0] for of_depth in encoder.feature_maps(encoder.prepare(true.photo, INPUT_SIZE)[None], settings.depths)]
    shape, rng = encoder.input_shape(true.photo.shape, INPUT_SIZE), np.random.default_rng(0)
    own = segment(maps, settings, shape)
    nulls = [_of_quality(segment(without_structure(maps, rng), settings, shape).quality) for _ in range(N_NULLS)]
    measures = _of_quality(own.quality)
    measures |= {f"{name} of null": np.array([null[name] for null in nulls]) for name in measures}
    strengths = [_strengths_of_halves(maps, axis, settings, shape) for axis in (1, 2)]
    return measures | {"strength": np.mean(strengths, axis=0)}, np.array(list(coverings_of(own, true).values()))


def _of_quality(quality: Sequence[Quality]) -> Measures:
    names = ("inertia", "silhouette", "stability", "centrality")
    return {name: np.array([getattr(at_k, name) for at_k in quality]) for name in names}


def without_structure(maps: Maps, rng: np.random.Generator) -> Maps:
    """Maps with random phases, the same for all channels, and for all depths at the frequencies that they share."""
    height, width = max(of_depth.shape[1] for of_depth in maps), max(of_depth.shape[2] for of_depth in maps)
    noise = np.fft.fft2(rng.standard_normal((height, width)))
    phases, moved = noise / np.abs(noise), []
    for of_depth in maps:
        rows, cols = (np.rint(np.fft.fftfreq(n) * n).astype(int) for n in of_depth.shape[1:])
        of_frequency = phases[np.ix_(rows % height, cols % width)]
        of_frequency[0, 0] = 1  # the means stay
        turned = np.fft.fft2(of_depth.numpy().astype(np.float64), axes=(1, 2)) * of_frequency
        moved.append(torch.from_numpy(np.fft.ifft2(turned, axes=(1, 2)).real.astype(np.float32)))
    return moved


def _strengths_of_halves(maps: Maps, axis: int, settings: NaveSettings, shape: tuple[int, int]) -> np.ndarray:
    """Prediction strength of every k, (n_k,), between two halves of a photo, both ways."""
    half = (shape[0] // 2, shape[1]) if axis == 1 else (shape[0], shape[1] // 2)
    halves = [[of_depth.tensor_split(2, axis)[n].contiguous() for of_depth in maps] for n in range(2)]
    first, second = (segment(of_half, settings, half) for of_half in halves)
    return (_strengths(first, second, halves[1], half) + _strengths(second, first, halves[0], half)) / 2


def _strengths(fitted: Segmentation, own: Segmentation, maps: Maps, shape: tuple[int, int]) -> np.ndarray:
    """Of the worst own cluster of every k, how many pairs of its positions the other half's centroids leave together."""
    strengths = []
    for k in own.ks:
        parts = fitted.parts(k)
        composite = composite_as(parts, maps, shape).on_grid(shape)
        (labels,) = label_maps(composite, [torch.from_numpy(parts.centroids)]).cpu().numpy()
        table = np.zeros((k, k))
        np.add.at(table, (own.at(k).ravel(), labels.ravel()), 1)
        sizes = table.sum(1)
        together = (np.square(table).sum(1) - sizes)[sizes > 1] / (sizes * (sizes - 1))[sizes > 1]
        strengths.append(together.min())
    return np.array(strengths)
