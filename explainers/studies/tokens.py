"""Study: are there artefact tokens, and what do they do to the clusters?

Large transformers were seen to keep facts about the whole image in a few tokens of plain places, whose norm stands out, and to
stop when given register tokens (Darcet et al., arXiv 2309.16588). The rule of what stands out, and the removal, are in
explainers/nave/tokens.py.

    outlier share   tokens beyond the limit of their depth, which the norms of all photos decide
    plainness       how much the photo varies under outliers, as a share of how much under the other tokens: small where plain
    with, without   clusters of each photo, and the suggested k, from the maps as they are and with outliers taken out
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from explainers.drawing.clusters import at_size
from explainers.maps.agreement import map_agreement
from explainers.maps.localization import covering
from explainers.maps.regions import region_map
from explainers.nave.segmentation import Segmentation, segment
from explainers.nave.settings import NaveSettings
from explainers.nave.tokens import norm_limit, outliers, token_norms, without
from explainers.service.observatory import Observatory
from explainers.service.photos import usable_settings
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.random_twins import RANDOM, with_random
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clear, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.studies.truths import LEFT_OUT, TruePhoto, true_scenes
from models.encoder import Encoder
from models.progress import Progress

FIXED_K = 6
BINS = tuple(round(0.25 * n, 2) for n in range(25))  # of norms, in medians; what lies beyond the last is counted there
AS_IS, TAKEN_OUT = "as they are", "outliers taken out"
Array = np.ndarray
Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Norms:
    """The norms of one depth in all photos, (h, w) each, and the limit beyond which they stand out."""

    depth: int
    of_photos: tuple[Array, ...]
    limit: float

    @property
    def median(self) -> float:
        return float(np.median(np.concatenate([norms.ravel() for norms in self.of_photos])))

    def outliers(self, photo_idx: int) -> Array:
        """Which tokens of a photo stand out, (h, w) bool."""
        return outliers(self.of_photos[photo_idx], self.limit)


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder; norms of their architectures with random weights stand beside."""
    settings = question.settings
    true = question.photos or true_scenes(settings.n_scenes)
    norm_rows: Rows = []
    cluster_rows: Rows = []
    figures: list[Figure] = []
    named = with_random([observatory.encoder(name, progress) for name in settings.encoders], 0)
    for n, (name, encoder) in enumerate(named.items()):
        part = progress.part(n / len(named), (n + 1) / len(named))
        part.report(0, f"{name}: norms")
        maps = _maps(observatory, encoder, true, settings.input_size)
        norms = norms_of(maps)
        norm_rows += [{"encoder": name, **row} for row in _norm_rows(norms, true)]
        if name.endswith(RANDOM):
            continue
        figures += [_histogram(name, norms), _map(name, norms)]
        for seed in settings.seeds:
            part.report((1 + seed) / (1 + settings.n_seeds), f"{name}: clusters, seed {seed}")
            asked_maps = NaveSettings(input_size=settings.input_size, seed=seed)
            rows = _cluster_rows(maps, norms, true, encoder, usable_settings(asked_maps, encoder, [t.photo for t in true]))
            cluster_rows += [{"encoder": name, "seed": seed, **row} for row in rows]
    table = averaged(cluster_rows, ("encoder", "maps"))
    return Findings(_sentence(norm_rows, table), (_norm_table(norm_rows), _cluster_table(table)), tuple(figures))


# --- norms ------------------------------------------------------------------------------------------------------------------


def _maps(observatory: Observatory, encoder: Encoder, true: Sequence[TruePhoto], input_size: int) -> list[list[Tensor]]:
    """Per photo the maps (C, h, w) of every depth."""
    depths = [depth.idx for depth in encoder.info.depths]
    return [*observatory.feature_maps(encoder, [t.photo for t in true], input_size, depths, Progress())]


def norms_of(maps: Sequence[Sequence[Tensor]]) -> tuple[Norms, ...]:
    """Per depth the norms of maps (C, h, w), given per photo and depth."""
    each = []
    for depth, of_photos in enumerate(zip(*maps, strict=True)):
        norms = tuple(token_norms(feature_map) for feature_map in of_photos)
        each.append(Norms(depth, norms, norm_limit(norms)))
    return tuple(each)


def _norm_rows(norms: Sequence[Norms], true: Sequence[TruePhoto]) -> Iterator[dict[str, Any]]:
    for of_depth in norms:
        marked = [of_depth.outliers(n) for n in range(len(true))]
        largest = max(float(of_photo.max()) for of_photo in of_depth.of_photos)
        yield {
            "depth": of_depth.depth,
            "median": of_depth.median,
            "largest": largest / of_depth.median if of_depth.median > 0 else None,
            "outliers": float(np.mean([m.mean() for m in marked])),
            "plainness": plainness([t.photo.pixels for t in true], marked),
        }


def plainness(pictures: Sequence[Array], marked: Sequence[Array]) -> float | None:
    """How much pictures (H, W, 3) vary under marked tokens (h, w), as a share of how much under the others; None without both."""
    varied = [variation(picture, m.shape) for picture, m in zip(pictures, marked, strict=True)]
    inside = np.concatenate([v[m] for v, m in zip(varied, marked, strict=True)])
    outside = np.concatenate([v[~m] for v, m in zip(varied, marked, strict=True)])
    if not len(inside) or not len(outside) or outside.mean() == 0:
        return None
    return float(inside.mean() / outside.mean())


def variation(picture: Array, grid: tuple[int, int]) -> Array:
    """Standard deviation of brightness under every position of a grid (h, w), for a picture (H, W, 3)."""
    bright = picture.mean(2)
    rows, columns = (np.arange(side) * cells // side for side, cells in zip(bright.shape, grid, strict=True))
    cell = (rows[:, None] * grid[1] + columns).ravel()
    n = np.maximum(np.bincount(cell, minlength=grid[0] * grid[1]), 1)
    mean = np.bincount(cell, bright.ravel(), grid[0] * grid[1]) / n
    square = np.bincount(cell, bright.ravel() ** 2, grid[0] * grid[1]) / n
    return np.sqrt(np.maximum(square - mean**2, 0)).reshape(grid)


# --- clusters with and without ----------------------------------------------------------------------------------------------


def _cluster_rows(
    maps: Sequence[Sequence[Tensor]], norms: Sequence[Norms], true: Sequence[TruePhoto], encoder: Encoder, settings: NaveSettings
) -> Iterator[dict[str, Any]]:
    """Per photo its clusters from the maps as they are, and from those without outliers."""
    for n, (of_photo, t) in enumerate(zip(maps, true, strict=True)):
        shape = encoder.input_shape(t.photo.shape, settings.input_size)
        marked = {depth: norms[depth].outliers(n) for depth in settings.depths}
        cleaned = [without(of_photo[depth], marked[depth]) for depth in settings.depths]
        before = segment([of_photo[depth] for depth in settings.depths], settings, shape)
        after = segment(cleaned, settings, shape) if any(m.any() for m in marked.values()) else before
        yield {"maps": AS_IS, "photo": n, "alike": None, **_measures(before, t)}
        alike = map_agreement(before.at(FIXED_K), after.at(FIXED_K)).adjusted_mutual_information
        yield {"maps": TAKEN_OUT, "photo": n, "alike": alike, **_measures(after, t)}


def _measures(segmentation: Segmentation, true: TruePhoto) -> dict[str, Any]:
    k = segmentation.suggested_k
    quality = next(quality for quality in segmentation.quality if quality.k == k)
    return {
        "suggested_k": float(k),
        "n_regions": float(quality.n_regions),
        "covering": _covering(segmentation.at(k), true),
        "covering_fixed": _covering(segmentation.at(FIXED_K), true),
    }


def _covering(labels: Array, true: TruePhoto) -> float | None:
    """Of the true regions by those of the map; None where there is no truth."""
    if not true.regions:
        return None
    regions = region_map(at_size(labels, true.photo.shape))
    return float(np.mean([covering(regions[drawn != LEFT_OUT], drawn[drawn != LEFT_OUT]) for drawn in true.regions]))


# --- tables, figures, sentence ------------------------------------------------------------------------------------------------


def _norm_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("depth", "Depth"),
        Column("median", "Median norm", digits=2),
        Column("largest", "Largest", "In medians.", digits=2),
        Column(
            "outliers",
            "Outlier share",
            "Tokens whose norm stands out: five robust standard deviations above the median.",
            digits=4,
        ),
        Column("plainness", "Variation under them", "Of the photo, as a share of that under other tokens: below 1 where plain."),
    ]
    return Table.of("norms", "Norms of tokens", columns, rows)


def _cluster_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("maps", "Feature maps"),
        *measure("suggested_k", "Suggested k", "Mean over photos.", digits=1),
        *measure("n_regions", "Regions", "At the suggested k; mean over photos.", digits=1),
        *measure("covering", "Covering, suggested k", "Of true regions."),
        *measure("covering_fixed", f"Covering, k = {FIXED_K}", "Of true regions."),
        *measure("alike", f"Alike, k = {FIXED_K}", "Adjusted mutual information with the clusters of the maps as they are."),
    ]
    return Table.of("clusters", "Clusters with and without outliers", columns, rows)


def _histogram(name: str, norms: Sequence[Norms]) -> Figure:
    """Shares of tokens by norm, per depth."""
    series = []
    for of_depth in norms:
        values = np.concatenate([n.ravel() for n in of_depth.of_photos]) / (of_depth.median or 1)
        counts = np.bincount(np.clip(np.digitize(values, BINS) - 1, 0, len(BINS) - 1), minlength=len(BINS))
        series.append(Series(f"depth {of_depth.depth}", BINS, tuple((counts / len(values)).tolist())))
    return Figure(f"norms-{name}", f"Norms of {name}", "lines", "norm, in medians of its depth", "share of tokens", tuple(series))


def _map(name: str, norms: Sequence[Norms]) -> Figure:
    """Where the norms of the last depth are large in the first photo: one series per row of the map, from the top."""
    last = norms[-1].of_photos[0] / (norms[-1].median or 1)
    columns = tuple(range(last.shape[1]))
    rows = tuple(Series(str(n), columns, tuple(row.round(3).tolist())) for n, row in enumerate(last))
    title = f"Norms of {name} at its last depth, first photo, in medians"
    return Figure(f"norm-map-{name}", title, "map", "column", "row", rows)


def _sentence(norms: Rows, clusters: Rows) -> str:
    """Whether there are outliers, where, and what taking them out changes; no outliers at all is said first."""
    trained = [row for row in norms if not row["encoder"].endswith(RANDOM)]
    none, some = [], []
    for name in dict.fromkeys(row["encoder"] for row in trained):
        own = [row for row in trained if row["encoder"] == name]
        most = max(own, key=lambda row: row["outliers"])
        if most["outliers"] == 0:
            none.append(name)
            continue
        under = "" if most["plainness"] is None else f", where photos vary {most['plainness']:.2f} times as much as elsewhere"
        some.append(f"{name} {most['outliers']:.1%} at depth {most['depth']}{under}{_changed(name, clusters)}")
    return sentences(("No token stands out at any depth of", [", ".join(none)] * bool(none)), ("Tokens stand out:", some))


def _changed(name: str, clusters: Rows) -> str:
    """What taking outliers out does to the covering at the suggested k, in words."""
    before, after = (
        next(row for row in clusters if (row["encoder"], row["maps"]) == (name, maps)) for maps in (AS_IS, TAKEN_OUT)
    )
    if before["covering"] is None:
        return ""
    difference = after["covering"] - before["covering"]
    clear = is_clear(difference, before["covering_sd"], after["covering_sd"])
    words = (
        "does not change the covering clearly"
        if not clear
        else "improves the covering"
        if difference > 0
        else "harms the covering"
    )
    values = " to ".join(measured(row, "covering") for row in (before, after))
    return f" (taking them out {words}: {values})"


STUDY = Study(
    name="tokens",
    title="Registers and artefact tokens",
    question="Do tokens stand out by their norm, and what do they do to clusters and to the suggested k?",
    measure="Share of tokens beyond the median plus five robust standard deviations of the norms at their depth; clusters with "
    "them, and with the nearest other token's activation in their place.",
    does_not_show="What such tokens hold. Artefacts were described in transformers of hundreds of millions of parameters; that "
    "small ones have none says nothing of those. In a CNN a large norm may be plain evidence of an object.",
    example=StudySettings(("scenes-vit",), n_scenes=6, n_seeds=2, input_size=224),
    run=run,
    needs="nothing",
)
