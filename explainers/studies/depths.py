"""Study: which depths matter? Every depth alone, neighbours together, all of them, and the default composite.

covering   of true regions at the suggested k; at the best fixed k as an oracle
stability  mean adjusted Rand index between seeds of k-means, at the suggested k
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.studies.coverings import ByK, best_fixed_k, coverings_of
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.looking import segmentations
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from models.encoder import EncoderInfo
from models.progress import Progress

DEFAULT, SINGLE, NEIGHBOURS, ALL = "default", "alone", "neighbours", "all"


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder on the photos of the question."""
    settings = question.settings
    rows: list[dict[str, Any]] = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        rows += [{"encoder": name, **row} for row in _rows(question, observatory, name, part)]
    return Findings(_sentence(rows), (_table(rows),), (_figure(rows, "covering"), _figure(rows, "stability")))


def selections(info: EncoderInfo) -> dict[tuple[int, ...], str]:
    """Which depths are tried, and what they are to each other; the default comes first."""
    every = tuple(depth.idx for depth in info.depths)
    singles = {(depth,): SINGLE for depth in every}
    neighbours = dict.fromkeys(pairwise(every), NEIGHBOURS)
    return {info.default_depths: DEFAULT} | {
        depths: kind
        for depths, kind in (singles | neighbours | {every: ALL}).items()
        if depths != info.default_depths  # it has its row already
    }


def _rows(question: RunStudy, observatory: Observatory, name: str, progress: Progress) -> list[dict[str, Any]]:
    """One averaged row per selection of depths."""
    info = observatory.encoder(name, progress).info
    tried = selections(info)
    rows = []
    for n, (depths, kind) in enumerate(tried.items()):
        part = progress.part(n / len(tried), (n + 1) / len(tried))
        shown = " + ".join(map(str, depths))
        rows.append({"depths": shown, "kind": kind, **_row(question, observatory, (name, depths), part)})
    return rows


def _row(question: RunStudy, observatory: Observatory, of: tuple[str, tuple[int, ...]], progress: Progress) -> dict[str, Any]:
    """Means over photos of one encoder's selection of depths, with their spread over seeds."""
    (name, depths), settings = of, question.settings
    encoder, photos = observatory.encoder(name, progress), [true.photo for true in question.photos]
    rows: list[dict[str, Any]] = []
    coverings: list[ByK] = []
    for seed in settings.seeds:
        nave = NaveSettings(depths, input_size=settings.input_size, seed=seed)
        for place, maps in enumerate(segmentations(observatory, encoder, photos, nave, progress)):
            done = (seed + (place + 1) / len(photos)) / settings.n_seeds
            progress.report(done, f"{name}: depths {', '.join(map(str, depths))}, seed {seed}")
            by_k, k = coverings_of(maps, question.photos[place]), maps.suggested_k
            stability = next(quality.stability for quality in maps.quality if quality.k == k)
            rows.append({"seed": seed, "covering": by_k[k], "stability": stability, "k": k})
            coverings.append(by_k)
    best_k = best_fixed_k(coverings)
    best = [{"covering_best_fixed": by_k[best_k]} for by_k in coverings if best_k]
    return averaged([row | at_best for row, at_best in zip(rows, best, strict=True)], ())[0]


# --- table, figures, sentence -------------------------------------------------------------------------------------------------


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("depths", "Depths", "Together, as one composite."),
        Column("kind", "Kind", "The default, a depth alone, two neighbours, or all."),
        *measure("covering", "Covering, suggested k", "Of true regions."),
        *measure("stability", "Stability", "Agreement between seeds of k-means, at the suggested k."),
        *measure("k", "Suggested k", "Mean over photos.", digits=1),
        *measure("covering_best_fixed", "Covering, best fixed k", "At the one k that is best for all photos.", oracle=True),
    ]
    return Table.of("depths", "Depths alone and together", columns, rows)


def _figure(rows: Sequence[dict[str, Any]], name: str) -> Figure:
    """Every depth alone as a curve, the default composite as a straight line beside it."""
    series = []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        singles = [row for row in own if len(row["depths"].split(" + ")) == 1]
        depths = tuple(int(row["depths"]) for row in singles)
        order = sorted(range(len(depths)), key=depths.__getitem__)
        values = {part: tuple(singles[n][part] for n in order) for part in (name, f"{name}_sd")}
        xs = tuple(depths[n] for n in order)
        series.append(Series(f"{encoder}, one depth", xs, values[name], values[f"{name}_sd"]))
        default = own[0]
        beside = (default[name],) * len(xs), (default[f"{name}_sd"],) * len(xs)
        series.append(Series(f"{encoder}, default ({default['depths']})", xs, *beside))
    return Figure(name, f"{name.capitalize()} at every depth", "lines", "depth", name, tuple(series))


def _sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Where another selection is clearly better than the default comes first."""
    better, fine = [], []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        default, *others = [row for row in rows if row["encoder"] == encoder]
        words = measured(default, "covering")
        best = max(others, key=lambda row: row["covering"], default=default)
        if is_clearly_above(best, default, "covering"):
            best_words = measured(best, "covering")
            better.append(f"{encoder}: {best['depths']} with {best_words}, default {default['depths']} with {words}")
        else:
            fine.append(f"{encoder}: {default['depths']} with {words}")
    return sentences(
        ("Other depths cover more than the default ones:", better),
        ("No depth alone and no neighbours are clearly better than the default depths:", fine),
    )


STUDY = Study(
    name="depths",
    title="Depths",
    question="Which depths of an encoder give parts that people see, and are the default depths well chosen?",
    measure="Covering of true regions and stability of every depth alone, of neighbours, of all depths, and of the default "
    "composite; at the suggested k, and, as an oracle, at the best k for all photos.",
    does_not_show="Which depths the encoder's decisions rest on. The best of many selections is partly luck: with few photos, "
    "differences of one or two hundredths mean little, whatever the spread over seeds.",
    example=StudySettings(("scenes-cnn",), n_scenes=4, n_seeds=2, input_size=224),
    run=run,
)
