"""Study: how does the architecture shape the clusters? Encoders beside each other, and beside their random weights.

Photos are clustered together at one k and at several input sizes; per encoder, size and seed:

    region area   share of the photo that the region of an average pixel covers
    border        share of the pairs of neighbouring pixels in two clusters: the smoother, the smaller
    dependence    on position: how much of what chance leaves open the position alone predicts of the cluster
    grid          positions per side at the deepest of the default depths
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from explainers.maps.geometry import border_share, mean_region_area, position_dependence
from explainers.maps.regions import without_small_regions
from explainers.service.observatory import Observatory
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.random_twins import with_random
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.studies.together import clusters_together
from explainers.studies.truths import true_scenes
from models.encoder import Encoder
from models.photo import Photo
from models.progress import Progress

FIXED_K = 8
SHARES = (0.5, 1.0, 1.5)  # of the input size
MEASURES = ("region_area", "border", "position_dependence")
TRANSFORMERS = ("Transformer", "Hybrid")  # families whose tokens look at one another
Rows = list[dict[str, Any]]


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder, and for each of their architectures with random weights."""
    settings = question.settings
    encoders = [observatory.encoder(name, progress) for name in settings.encoders]
    photos = [true.photo for true in question.photos or true_scenes(settings.n_scenes)]
    rows: Rows = []
    for seed in settings.seeds:
        named = with_random(encoders, seed)
        for n, (name, encoder) in enumerate(named.items()):
            progress.report((seed + n / len(named)) / settings.n_seeds, f"{name}, seed {seed}")
            of_sizes = _of_sizes(observatory, encoder, photos, settings.input_size, seed)
            rows += [{"encoder": name, "seed": seed, **row} for row in of_sizes]
    table = averaged(rows, ("encoder", "family", "input_size", "grid"))
    figures = tuple(_curves(table, name) for name in MEASURES)
    families = {encoder.info.name: encoder.info.family for encoder in encoders}
    at_size = {row["encoder"]: row for row in table if row["input_size"] == settings.input_size}
    return Findings(_sentence(at_size, families), (_table(table),), figures)


def sizes_of(encoder: Encoder, input_size: int) -> list[int]:
    """The input sizes at which an encoder is looked at: three, or its own where it takes no other."""
    return [input_size] if encoder.info.fixed_input else [round(input_size * share) for share in SHARES]


def _of_sizes(
    observatory: Observatory, encoder: Encoder, photos: Sequence[Photo], input_size: int, seed: int
) -> Iterator[dict[str, Any]]:
    """The measures at every input size."""
    deepest = encoder.info.depths[encoder.info.default_depths[-1]]
    for size in sizes_of(encoder, input_size):
        maps = clusters_together(observatory, encoder, photos, (FIXED_K,), size, seed)[FIXED_K]
        grid = round(min(maps[0].shape) / deepest.reduction)
        yield {"family": encoder.info.family, "input_size": size, "grid": grid, **geometry(maps)}


def geometry(maps: Sequence[np.ndarray]) -> dict[str, float]:
    """The measures of maps (H, W) of several photos whose clusters mean one thing; specks are not regions."""
    return {
        "region_area": float(np.mean([mean_region_area(without_small_regions(labels)) for labels in maps])),
        "border": float(np.mean([border_share(labels) for labels in maps])),
        "position_dependence": position_dependence(maps),
    }


# --- table, figures, sentence ------------------------------------------------------------------------------------------------


def _table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("family", "Family"),
        Column("input_size", "Input", "Side of a square of as many pixels."),
        Column("grid", "Grid", "Positions per side at the deepest default depth."),
        *measure("region_area", "Region area", "Share of the photo that the region of an average pixel covers."),
        *measure("border", "Border", "Share of the pairs of neighbouring pixels in two clusters."),
        *measure(
            "position_dependence",
            "Position dependence",
            "Of what chance leaves open, predicted by the position alone: 0 nothing, 1 all.",
        ),
    ]
    return Table.of("architectures", f"Clusters of all photos together, k = {FIXED_K}", columns, rows)


def _curves(rows: Rows, name: str) -> Figure:
    """One measure over the input size."""
    titles = {"region_area": "Region area", "border": "Border", "position_dependence": "Position dependence"}
    series = []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        xs, ys, spreads = (tuple(row[key] for row in own) for key in ("input_size", name, f"{name}_sd"))
        series.append(Series(encoder, xs, ys, spreads))
    return Figure(name, f"{titles[name]} over the input size", "lines", "input size, px", titles[name].lower(), tuple(series))


def _sentence(rows: dict[str, dict[str, Any]], families: dict[str, str]) -> str:
    """Transformers, which are given positions, against the others, which are not: where that does not show comes first."""
    values = {name: rows[name] for name in families}
    transformers = [name for name, family in families.items() if family in TRANSFORMERS]
    others = [name for name in families if name not in transformers]
    dependence = {name: measured(row, "position_dependence", 2) for name, row in values.items()}
    against, for_it = [], []
    for name in transformers:
        for other in others:
            is_more = is_clearly_above(values[name], values[other], "position_dependence")
            (for_it if is_more else against).append(f"{name} {dependence[name]}, {other} {dependence[other]}")
    said = sentences(
        ("Position tells no more of a transformer's clusters than of others':", against),
        ("Position tells more of a transformer's clusters:", for_it),
    )
    every = ", ".join(f"{name} {words}" for name, words in dependence.items())
    return said or f"How much position tells of the clusters: {every}."


STUDY = Study(
    name="architectures",
    title="Architectures",
    question="How does an encoder's architecture shape its clusters: their size, their smoothness, their dependence on position?",
    measure="Region area, border, and how well position alone predicts the cluster, at one k and three input sizes; beside each "
    "architecture with random weights.",
    does_not_show="What is owed to the architecture alone: encoders of different families differ in size and depth, too, and all "
    "but the bundled ones were trained on different data.",
    example=StudySettings(("scenes-cnn", "scenes-vit"), n_scenes=24, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
)
