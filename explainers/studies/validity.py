"""Study: is Visual-TCAV right? Attribution and intervention beside the causal effect of rendering again, and TCAV beside.

    true effect   mean drop of a class's logit when scenes of the class are rendered without a concept (rerendering.py)
    attribution   what the concept contributes to the class over the same scenes, mean over depths, with its bootstrap interval
    intervention  how far the logit falls when the concept is taken out of the activations, mean over depths
    TCAV          the TCAV score less 0.5: of the share of scenes whose logit rises along the concept
    ordered       Somers' D over pairs of class and concept whose true effects differ; what a t-test over the scenes of all seeds
                  does not distinguish from nothing counts as nothing
    first         share of classes whose own concept, which makes the class, is put before all others

Deletion and insertion (explainers/saliency/curves.py) stand beside: area under the class's probability while a scene is removed,
or restored, in the order of the evidence map of the last depth that attribution starts from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explainers.interventions.settings import InterventionSettings
from explainers.results.explanations import ALL_DEPTHS
from explainers.saliency.settings import SaliencySettings
from explainers.service.concepts import explain_class
from explainers.service.interventions import intervene_on_class
from explainers.service.observatory import Observatory
from explainers.service.photo_questions import AskSecondOpinion
from explainers.service.questions import ExplainClass, InterveneOnClass
from explainers.service.saliency import second_opinion
from explainers.studies.concepts_seen import N_STEPS
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.rerendering import as_photo, causal_drops, mean_and_error, order_correlation, really_changed
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.visual_tcav.settings import ExplainSettings
from models.encoder import Encoder
from models.errors import BadSettings
from models.progress import Progress
from models.scenes.scenes import CLASS_NAMES, CLASSES, Scene, SceneOptions, sample_scene

TRIED = ("striped disc", "dotted square", "zigzag cross", "woven star", "red plain disc", "blue plain disc")
CONCEPTS = ("striped", "dotted", "zigzag", "woven", "red", "blue", "green", "orange")
FIRST_SCENE, SCENES_PER_SEED = 18_000_000, 10_000
N_NULL, N_BOOTSTRAP = 100, 50
N_SHARES, N_RANDOM = 8, 19  # of deletion and insertion
METHODS = {"attribution": "Visual-TCAV, attribution", "intervention": "Visual-TCAV, intervention", "tcav": "TCAV"}
ORDERED = 0.8  # what was wanted of the order (tests/benchmarks/RESULTS.md)
Array = np.ndarray
Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class OfSeed:
    """Figures of every class that is tried and every concept, (n_classes, n_concepts) each, and the true drops of every scene."""

    drops: Array  # (n_classes, n_concepts, n_scenes)
    attribution: Array
    low: Array  # of the attribution's interval
    high: Array
    intervention: Array
    tcav: Array

    @property
    def causal(self) -> Array:
        """The true effects, (n_classes, n_concepts)."""
        return self.drops.mean(-1)


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder, on scenes of some classes."""
    settings = question.settings
    pairs: Rows = []
    methods: Rows = []
    curves: Rows = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        encoder = observatory.encoder(name, progress)
        class_idx = class_indices(encoder)
        of_seeds = []
        for seed in settings.seeds:
            scenes = [_scenes_of(class_name, settings.n_scenes, seed) for class_name in TRIED]
            of_seed = part.part(seed / settings.n_seeds, (seed + 1) / settings.n_seeds)
            of_seeds.append(_of_seed(observatory, encoder, class_idx, scenes, of_seed))
            of_curves = _curve_rows(observatory, encoder, class_idx, scenes, of_seed)
            curves += [{"encoder": name, "seed": seed, **row} for row in of_curves]
        pairs += [{"encoder": name, **row} for row in pair_rows(of_seeds)]
        methods += [{"encoder": name, **row} for row in method_rows(of_seeds)]
    table = averaged(methods, ("encoder", "method"))
    of_pairs = averaged(pairs, ("encoder", "class", "concept"))
    of_maps = averaged(curves, ("encoder", "map"))
    scatters = tuple(_scatter(of_pairs, name) for name in METHODS)
    return Findings(_sentence(table), (_methods_table(table), _pairs_table(of_pairs), _curves_table(of_maps)), scatters)


def class_indices(encoder: Encoder) -> tuple[int, ...]:
    """Where an encoder has the classes that are tried; raises BadSettings where it lacks one."""
    missing = [name for name in TRIED if name not in encoder.info.class_names]
    if missing:
        raise BadSettings(
            f"'{encoder.info.name}' has no class '{missing[0]}', so scenes do not say what is true of it. Choose a bundled "
            "encoder that was taught classes, such as scenes-cnn."
        )
    return tuple(encoder.info.class_names.index(name) for name in TRIED)


def _scenes_of(class_name: str, n_scenes: int, seed: int) -> list[Scene]:
    """Scenes of a class; other ones for every seed."""
    idx = CLASS_NAMES.index(class_name)
    first = FIRST_SCENE + SCENES_PER_SEED * seed + 100 * idx
    return [sample_scene(first + n, SceneOptions(class_idx=idx)) for n in range(n_scenes)]


# --- figures beside the truth -------------------------------------------------------------------------------------------------


def _of_seed(
    observatory: Observatory,
    encoder: Encoder,
    class_idx: Sequence[int],
    scenes: Sequence[Sequence[Scene]],
    progress: Progress,
) -> OfSeed:
    """What is true and what is said of every class and concept over its scenes."""
    rows = []
    for n, (idx, of_class) in enumerate(zip(class_idx, scenes, strict=True)):
        progress.report(0.9 * n / len(class_idx), f"{encoder.info.name}: {TRIED[n]}")
        rows.append((causal_drops(encoder, of_class, CONCEPTS, idx), *_said(observatory, encoder, idx, of_class, progress)))
    return OfSeed(*(np.stack(column) for column in zip(*rows, strict=True)))


def _said(
    observatory: Observatory, encoder: Encoder, class_idx: int, scenes: Sequence[Scene], progress: Progress
) -> tuple[Array, ...]:
    """Attribution, the two ends of its interval, intervention and TCAV of every concept over scenes of a class, (n_concepts,)
    each."""
    library, name, photos = observatory.library, encoder.info.name, tuple(map(as_photo, scenes))
    sets = tuple(map(library.open_set, CONCEPTS)), library.open_set("scenes", "random")
    explaining = ExplainSettings(class_idx=(class_idx,), n_steps=N_STEPS, n_null=N_NULL, n_bootstrap=N_BOOTSTRAP)
    explained = explain_class(ExplainClass(name, photos, *sets, explaining), observatory, progress.silent())
    removing = InterventionSettings(class_idx=(class_idx,), strengths=(0.0,), n_null=1, n_fitted=N_NULL, n_bootstrap=N_BOOTSTRAP)
    removed = intervene_on_class(InterveneOnClass(name, photos, *sets, removing), observatory, progress.silent())
    estimates = [explained.estimate_at(concept, ALL_DEPTHS) for concept in CONCEPTS]
    rows = [
        (estimate.mean, *estimate.interval, removed.at(concept, ALL_DEPTHS).effect.change.drop, estimate.tcav_score - 0.5)
        for concept, estimate in zip(CONCEPTS, estimates, strict=True)
    ]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def pair_rows(of_seeds: Sequence[OfSeed]) -> Rows:
    """Per class, concept and seed what is true and what is said."""
    return [
        {
            "class": class_name,
            "concept": concept,
            "seed": seed,
            "causal": float(of_seed.causal[c, k]),
            **{name: float(getattr(of_seed, name)[c, k]) for name in (*METHODS, "low", "high")},
        }
        for seed, of_seed in enumerate(of_seeds)
        for c, class_name in enumerate(TRIED)
        for k, concept in enumerate(CONCEPTS)
    ]


def method_rows(of_seeds: Sequence[OfSeed]) -> Rows:
    """Per method and seed how well it orders the pairs, and how often a class's own concept comes first."""
    together = np.concatenate([of_seed.drops for of_seed in of_seeds], axis=-1)
    changed = really_changed(*mean_and_error(together), together.shape[-1])
    own = own_concepts()
    rows = []
    for seed, of_seed in enumerate(of_seeds):
        truth = np.where(changed, of_seed.causal, 0)
        for name, title in METHODS.items():
            figures = getattr(of_seed, name)
            first = float((figures.max(1, where=own, initial=-np.inf) > figures.max(1, where=~own, initial=-np.inf)).mean())
            ordered = order_correlation(figures, truth) if np.ptp(truth) else None
            rows.append({"method": title, "seed": seed, "ordered": ordered, "first": first})
    return rows


def own_concepts() -> Array:
    """Which concept makes which class, (n_classes, n_concepts) bool: its texture, or its colour where that decides."""
    tried = [CLASSES[CLASS_NAMES.index(name)] for name in TRIED]
    return np.array([[concept in (c.texture, c.colour) for concept in CONCEPTS] for c in tried])


# --- deletion and insertion ---------------------------------------------------------------------------------------------------


def _curve_rows(
    observatory: Observatory,
    encoder: Encoder,
    class_idx: Sequence[int],
    scenes: Sequence[Sequence[Scene]],
    progress: Progress,
) -> Rows:
    """Areas under deletion and insertion of one scene of every class, in the order of Visual-TCAV's map and by chance."""
    rows: Rows = []
    depths = encoder.info.attributed_depths[-1:]
    for n, (idx, of_class) in enumerate(zip(class_idx, scenes, strict=True)):
        progress.report(0.9 + 0.1 * n / len(class_idx), f"{encoder.info.name}: deletion and insertion, {TRIED[n]}")
        settings = SaliencySettings(depths, idx, N_STEPS, N_SHARES, N_RANDOM)
        asked_for = AskSecondOpinion(encoder.info.name, as_photo(of_class[0]), settings)
        (at_depth,) = second_opinion(asked_for, observatory, progress.silent()).depths
        evidence = at_depth.maps[0]
        by_chance = {"deletion": at_depth.deletion_chance.mean_area, "insertion": at_depth.insertion_chance.mean_area}
        rows.append({"map": "evidence map", "deletion": evidence.deletion.area, "insertion": evidence.insertion.area})
        rows.append({"map": "random orders", **by_chance})
    return rows


# --- tables, figures, sentence ------------------------------------------------------------------------------------------------


def _methods_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("method", "Method"),
        *measure("ordered", "Ordered", "Somers' D given the true effects: 1 all in the right order, 0 chance.", digits=2),
        *measure("first", "Own concept first", "Share of classes; a tie is not first.", digits=2),
    ]
    return Table.of("methods", "Which method puts concepts in the order of their true effects", columns, rows)


def _pairs_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("class", "Class"),
        Column("concept", "Concept"),
        *measure("causal", "True effect", "How far the logit falls when scenes are rendered without the concept.", digits=2),
        *measure("attribution", "Attribution", "Over the same scenes, mean over depths."),
        *measure("low", "Low end", "Of its interval, bootstrap over scenes and examples, 95 %; mean over seeds."),
        *measure("high", "High end", "Of the same interval."),
        *measure("intervention", "Intervention", "How far the logit falls without the concept's component.", digits=2),
        *measure("tcav", "TCAV", "The TCAV score less 0.5.", digits=2),
    ]
    return Table.of("pairs", "Every class and concept", columns, rows)


def _curves_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("map", "Order"),
        *measure("deletion", "Deletion", "Area under the class's probability while the scene is removed: small is good."),
        *measure("insertion", "Insertion", "The same while it is restored: large is good."),
    ]
    return Table.of("curves", "Deletion and insertion, one scene of every class", columns, rows)


def _scatter(rows: Rows, name: str) -> Figure:
    """What a method says over what is true, a point per pair of class and concept, with the spread over seeds."""
    series = []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        labels = tuple(f"{row['class']}, {row['concept']}" for row in own)
        series.append(replace(series_of(encoder, own, "causal", name), labels=labels))
    return Figure(name, f"{METHODS[name]}, beside the truth", "points", "true effect on the logit", METHODS[name], tuple(series))


def _sentence(rows: Rows) -> str:
    """Where attribution or intervention falls short of what was wanted, or is not above TCAV, comes first."""
    short, enough, beside = [], [], []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        by_method = {row["method"]: row for row in rows if row["encoder"] == encoder}
        tcav = by_method.pop(METHODS["tcav"])
        for method, row in by_method.items():
            if row["ordered"] is None:
                continue
            words = f"{method} on {encoder} {measured(row, 'ordered', 2)} (TCAV {measured(tcav, 'ordered', 2)})"
            (enough if row["ordered"] >= ORDERED else short).append(words)
            if not is_clearly_above(row, tcav, "ordered"):
                beside.append(words)
    said = sentences(
        (f"Ordered by less than {ORDERED} (Somers' D):", short),
        ("Not clearly above TCAV:", beside),
        (f"Ordered by {ORDERED} or more:", enough),
    )
    return said or "No concept changes the logit of any class, so there is nothing to order."


STUDY = Study(
    name="validity",
    title="Is Visual-TCAV right?",
    question="Do attribution and intervention put concepts in the order of what they truly do to a class, and does TCAV?",
    measure="The true effect: how far a class's logit falls when its scenes are rendered without a concept. Beside it "
    "attribution with its interval, intervention, and TCAV, over six classes and eight concepts; the order by Somers' D. "
    "Deletion and insertion of one scene of every class beside random orders.",
    does_not_show="Whether the size of an attribution is right: only orders are compared. What holds of concepts that are absent "
    "from the scenes, or of photographs, where nobody can render again. Nearly all pairs truly have no effect, so the order is "
    "mostly that of the few that have one above the rest.",
    example=StudySettings(("scenes-cnn",), n_scenes=4, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
    scenes_only=True,
)
