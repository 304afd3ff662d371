"""Study: how good is the k that Encoderscope suggests? Beside other rules that know no truth, and what the truth would choose.

    suggested               the product's rule: centrality and silhouette (explainers/nave/quality.py)
    elbow among the stable  what was suggested before: the elbow of the explained variance, of the k nearly as stable as the best
    silhouette, stability   the k where each is largest
    k = 4                   the same everywhere
    best fixed k, best k    oracle: the truth chooses one k for all photos, or one for each

Covering is that of true regions by connected pixels of one cluster (coverings.py).
"""

from collections.abc import Callable, Sequence
from typing import Any

from explainers.nave.quality import Quality
from explainers.nave.quality import suggested_k as by_the_product
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.studies.coverings import ByK, best_fixed_k, coverings_of
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.looking import segmentations
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from models.progress import Progress

STABLE_ENOUGH = 0.15  # of the elbow: a k counts if its stability is this close to the best
FIXED = 4
SUGGESTED, BEST_FIXED, BEST = "suggested", "best fixed k", "best k for each photo"
ORACLES = (BEST_FIXED, BEST)


def elbow(quality: Sequence[Quality]) -> int:
    """Of the k whose stability is near the best, the one farthest above the straight line from the first to the last explained
    share."""
    best = max(q.stability for q in quality)
    first, last = quality[0], quality[-1]
    if first.k == last.k:
        return first.k
    slope = (last.explained - first.explained) / (last.k - first.k)
    stable = [q for q in quality if q.stability >= best - STABLE_ENOUGH]
    return max(stable, key=lambda q: q.explained - first.explained - slope * (q.k - first.k)).k


RULES: dict[str, Callable[[Sequence[Quality]], int]] = {
    SUGGESTED: by_the_product,
    "elbow among the stable": elbow,
    "largest silhouette": lambda quality: max(quality, key=lambda q: q.silhouette).k,
    "largest stability": lambda quality: max(quality, key=lambda q: q.stability).k,
    f"k = {FIXED}": lambda quality: FIXED,
}


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder on the photos of the question."""
    settings = question.settings
    rows: list[dict[str, Any]] = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        rows += [{"encoder": name, **row} for row in _rows(question, observatory, name, part)]
    table = averaged(rows, ("encoder", "rule"))
    return Findings(_sentence(table), (_table(table),), (_bars(table),))


def _rows(question: RunStudy, observatory: Observatory, name: str, progress: Progress) -> list[dict[str, Any]]:
    """Every rule's covering in every photo with every seed, and what the truth would choose."""
    settings, encoder = question.settings, observatory.encoder(name, progress)
    photos = [true.photo for true in question.photos]
    judged: list[tuple[int, ByK, tuple[Quality, ...]]] = []  # seed, covering by k, quality
    for seed in settings.seeds:
        part = progress.part(seed / settings.n_seeds, (seed + 1) / settings.n_seeds)
        nave = NaveSettings(input_size=settings.input_size, seed=seed)
        for place, maps in enumerate(segmentations(observatory, encoder, photos, nave, progress)):
            judged.append((seed, coverings_of(maps, question.photos[place]), maps.quality))
            part.report((place + 1) / len(photos), f"{name}, seed {seed}")
    return rows_of(judged)


def rows_of(judged: Sequence[tuple[int, ByK, tuple[Quality, ...]]]) -> list[dict[str, Any]]:
    """One row per rule and photo, from seed, covering by k and quality of each."""
    fixed = best_fixed_k([by_k for _, by_k, _ in judged])
    rows = []
    for seed, by_k, quality in judged:
        ks = {rule: choose(quality) for rule, choose in RULES.items()}
        ks |= {BEST_FIXED: fixed or FIXED, BEST: max(by_k, key=lambda k, by_k=by_k: by_k[k])}
        rows += [{"rule": rule, "seed": seed, "covering": by_k[k], "k": k} for rule, k in ks.items()]
    return rows


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    """Rules that know no truth in one column, what the truth chooses in another."""
    columns = [
        Column("encoder", "Encoder"),
        Column("rule", "Which k"),
        *measure("covering", "Covering", "Of true regions, at the k of a rule that knows no truth."),
        *measure("k", "Mean k", "Over photos.", digits=1),
        *measure("chosen", "Covering, k by the truth", "At a k that the truth chose.", oracle=True),
    ]
    split = []
    for row in rows:
        covering = {"covering": row["covering"], "covering_sd": row["covering_sd"]}
        chosen = {"chosen": row["covering"], "chosen_sd": row["covering_sd"]}
        nothing = dict.fromkeys(covering if row["rule"] in ORACLES else chosen)
        split.append({**row, **covering, **chosen, **nothing})
    return Table.of("suggested_k", "Covering at the k of every rule", columns, split)


def _bars(rows: Sequence[dict[str, Any]]) -> Figure:
    encoders = list(dict.fromkeys(row["encoder"] for row in rows))
    series = []
    for rule in dict.fromkeys(row["rule"] for row in rows):
        own = [row for row in rows if row["rule"] == rule]
        values = {name: tuple(row[name] for row in own) for name in ("covering", "covering_sd")}
        series.append(Series(rule, tuple(encoders), values["covering"], values["covering_sd"], oracle=rule in ORACLES))
    return Figure("suggested_k", "Covering at the k of every rule", "bars", "encoder", "covering", tuple(series))


def _sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Beside the best fixed k, which the truth chose; where the suggestion is not above it, that comes first."""
    named = {(row["encoder"], row["rule"]): row for row in rows}
    above, below = [], []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own, fixed = named[encoder, SUGGESTED], named[encoder, BEST_FIXED]
        words = f"{encoder} {measured(own, 'covering')} against {fixed['covering']:.3f}"
        (above if is_clearly_above(own, fixed, "covering") else below).append(words)
    return sentences(
        ("The suggested k is not clearly above the best fixed k that the truth would choose:", below),
        ("The suggested k covers more than any fixed k:", above),
    )


STUDY = Study(
    name="suggested-k",
    title="Suggested k",
    question="How good is the granularity that Encoderscope suggests, which knows nothing of the truth?",
    measure="Covering of true regions at the suggested k, at that of other rules, and at k = 4; beside what the truth would "
    "choose: the best k for all photos together, and the best for each.",
    does_not_show="Which k is right: people draw the same photo more and less finely. The suggestion was chosen on other "
    "rendered scenes, so photographs are the harder test.",
    example=StudySettings(("scenes-cnn",), n_scenes=8, n_seeds=3, input_size=224),
    run=run,
)
