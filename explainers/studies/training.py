"""Study: what does training change? Encoders of one architecture beside each other, and beside random weights.

On scenes whose factors are drawn apart (factor_maps.py), per encoder, and per architecture with random weights, other ones for
every seed:

    follows     which factors the clusters follow: adjusted mutual information, over k
    readable    how well each factor is read off a depth by a straight line: balanced accuracy, R2 for position and size
    agreement   between two encoders' clusters of the same scenes; of one with itself, clustered from another seed
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from explainers.service.observatory import Observatory
from explainers.studies.factor_maps import FACTOR_NAMES, FactorScenes, agreement, alignment, scenes_of_seed
from explainers.studies.factor_read_outs import readable_rows
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.random_twins import random_name, with_random
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.studies.together import clusters_together
from models.encoder import Encoder
from models.progress import Progress
from models.scenes.factors import FACTORS

FIXED_K, KS = 8, (2, 4, 6, 8, 12, 16, 20)
OTHER_SEED = 100  # added to a seed: the same scenes, clustered from another one
Rows = list[dict[str, Any]]


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder, and for each of their architectures with random weights."""
    settings = question.settings
    encoders = [observatory.encoder(name, progress) for name in settings.encoders]
    follows: Rows = []
    agreed: Rows = []
    for seed in settings.seeds:
        part = progress.part(0.7 * seed / settings.n_seeds, 0.7 * (seed + 1) / settings.n_seeds)
        scenes = scenes_of_seed(settings.n_scenes, seed)
        of_seed = _cluster_rows(with_random(encoders, seed), scenes, settings, seed, observatory, part)
        follows += of_seed[0]
        agreed += of_seed[1]
    readable = readable_rows(encoders, settings.seeds, progress.part(0.7, 1.0))
    table = _follows(follows)
    beside = {encoder.info.name: random_name(encoder, encoders) for encoder in encoders}
    tables = (_follows_table(table), _readable_table(readable), _agreement_table(agreed))
    return Findings(_sentence(table, beside), tables, tuple(_curves(follows, factor) for factor in FACTOR_NAMES))


def _cluster_rows(
    named: Mapping[str, Encoder],
    scenes: FactorScenes,
    settings: StudySettings,
    seed: int,
    observatory: Observatory,
    progress: Progress,
) -> tuple[Rows, Rows]:
    """Per encoder, factor and k how well clusters follow; and per pair how well encoders agree."""
    follows: Rows = []
    maps: dict[str, Sequence[np.ndarray]] = {}
    agreed: Rows = []
    for n, (name, encoder) in enumerate(named.items()):
        progress.report(n / len(named), f"{name}: clusters, seed {seed}")
        by_k = clusters_together(observatory, encoder, scenes.photos, KS, settings.input_size, seed)
        again = clusters_together(observatory, encoder, scenes.photos, (FIXED_K,), settings.input_size, seed + OTHER_SEED)
        maps[name] = by_k[FIXED_K]
        follows += [{"encoder": name, "seed": seed, **row} for row in _following(by_k, scenes)]
        agreed.append({"first": name, "second": name, "seed": seed, "agreement": agreement(maps[name], again[FIXED_K])})
    pairs = combinations(maps, 2)
    agreed += [{"first": a, "second": b, "seed": seed, "agreement": agreement(maps[a], maps[b])} for a, b in pairs]
    return follows, agreed


def _following(by_k: Mapping[int, Sequence[np.ndarray]], scenes: FactorScenes) -> Iterator[dict[str, Any]]:
    """Per k and factor how well the maps (H, W) of the scenes follow it."""
    for k, maps in by_k.items():
        for factor in FACTOR_NAMES:
            yield {"factor": factor, "k": k, "follows": alignment(maps, scenes.maps[factor])}


# --- tables, figures, sentence ---------------------------------------------------------------------------------------------


def _follows(rows: Rows) -> Rows:
    """Per encoder and factor, at one k and at the best one."""
    by_k = averaged(rows, ("encoder", "factor", "k"))
    table = []
    for row in (row for row in by_k if row["k"] == FIXED_K):
        same = [other for other in by_k if (other["encoder"], other["factor"]) == (row["encoder"], row["factor"])]
        best = max(same, key=lambda other: other["follows"])
        table.append({**row, "best": best["follows"], "best_sd": best["follows_sd"], "best_k": best["k"]})
    return table


def _follows_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("factor", "Factor"),
        *measure("follows", f"Clusters follow it, k = {FIXED_K}", "Adjusted mutual information: 1 the same division, 0 chance."),
        *measure("best", "Best k", "The same at the k that follows this factor best.", oracle=True),
        Column("best_k", "k", "The k that follows this factor best.", oracle=True),
    ]
    return Table.of("follows", "Which factors the clusters follow", columns, rows)


def _readable_table(rows: Rows) -> Table:
    columns = [Column("encoder", "Encoder"), Column("depth", "Depth")]
    for factor in FACTORS:
        kind = f"Balanced accuracy; chance {factor.chance:.2f}." if factor.n_values else "R2; chance 0."
        meaning = f"{kind} Read by a straight line, on scenes that it was not fitted on."
        columns += measure(factor.name, factor.name.capitalize(), meaning, digits=2)
    table = averaged(rows, ("encoder", "depth"))
    return Table.of("readable", "How well each factor is read off each depth", columns, table)


def _agreement_table(rows: Rows) -> Table:
    columns = [
        Column("first", "Encoder"),
        Column("second", "Beside"),
        *measure("agreement", f"Agreement, k = {FIXED_K}", "Adjusted mutual information of their clusters of the same scenes."),
    ]
    title = "How alike their clusters are; an encoder beside itself: clustered from another seed"
    return Table.of("agreement", title, columns, averaged(rows, ("first", "second")))


def _curves(rows: Rows, factor: str) -> Figure:
    """How well clusters follow one factor, over k."""
    means = averaged([row for row in rows if row["factor"] == factor], ("encoder", "factor", "k"))
    series = []
    for encoder in dict.fromkeys(row["encoder"] for row in means):
        own = [row for row in means if row["encoder"] == encoder]
        values = {name: tuple(row[name] for row in own) for name in ("k", "follows", "follows_sd")}
        series.append(Series(encoder, values["k"], values["follows"], values["follows_sd"]))
    return Figure(factor, f"Clusters and {factor}", "lines", "k", "adjusted mutual information", tuple(series), guide=0.0)


def _sentence(rows: Rows, beside: Mapping[str, str]) -> str:
    """Factors that training does not bring nearer come first; ``beside`` names the random weights of every encoder."""
    named = {(row["encoder"], row["factor"]): row for row in rows}
    against, gained = [], []
    for name, random_weights in beside.items():
        words = {True: [], False: []}
        for factor in FACTOR_NAMES:
            own, random = named[name, factor], named[random_weights, factor]
            ours, theirs = (measured(row, "follows", 2) for row in (own, random))
            words[is_clearly_above(own, random, "follows")].append(f"{factor} {ours} ({theirs})")
        against += [f"{name}: {', '.join(words[False])}"] * bool(words[False])
        gained += [f"{name}: {', '.join(words[True])}"] * bool(words[True])
    return sentences(
        ("Clusters follow no better than with random weights (in brackets)", against), ("Training makes them follow", gained)
    )


STUDY = Study(
    name="training",
    title="What training changes",
    question="Which properties of a scene do an encoder's clusters follow, and what of that is owed to its training?",
    measure="Adjusted mutual information of clusters with each true factor, over k; read-out of each factor by a straight line "
    "at every depth; agreement of encoders. Beside each architecture with random weights.",
    does_not_show="Why training changes it, or what an encoder would follow in photographs: scenes are simple, and some encoders "
    "were trained on such. A factor that clusters do not follow may still be read off.",
    example=StudySettings(("scenes-cnn",), n_scenes=6, n_seeds=2, input_size=224),
    run=run,
    needs="nothing",
    scenes_only=True,
)
