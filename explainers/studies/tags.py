"""Study: a tag is in every photo, and says something of one class only. Which classes is it credited for?

After the ground-truth experiment of Visual-TCAV (arXiv 2411.05698), in kind: there, networks are trained on tagged images whose
tag goes with the class in some classes only. Here one bundled encoder was shown a caption on nearly every object of one class,
and hardly on others. Scenes of all classes are rendered with the caption, and every class is asked what the caption contributes
to it.

    true effect   mean drop of the class's logit when its tagged scenes are rendered without the tag (rerendering.py)
    attribution   what the concept "watermark" contributes to the class over the same scenes, mean over depths
    intervention  how far the logit falls when the concept is taken out of the activations
    TCAV          the TCAV score less 0.5
    informed      classes whose true effect is above nothing, by a t-test over the scenes of all seeds, after Holm
    false alarms  of the other classes, the share to which the method says that the tag contributes: above nothing, raw p at most
                  0.05. By chance alone, one in forty: the test is two-sided
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explainers.interventions.settings import InterventionSettings
from explainers.results.explanations import ALL_DEPTHS
from explainers.service.concepts import explain_class
from explainers.service.interventions import intervene_on_class
from explainers.service.observatory import Observatory
from explainers.service.questions import ExplainClass, InterveneOnClass
from explainers.studies.clever_hans import marked_scene
from explainers.studies.concepts_seen import N_STEPS
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.rerendering import as_photo, causal_drops, mean_and_error, order_correlation, really_changed
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, sentences
from explainers.studies.study import RunStudy, Study
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.encoder import Encoder
from models.errors import BadSettings
from models.progress import Progress
from models.scenes.scenes import CLASS_NAMES, WATERMARK, Scene

FIRST_SCENE, SCENES_PER_SEED, SCENES_PER_CLASS = 19_000_000, 10_000, 500
N_NULL, N_BOOTSTRAP = 100, 20
METHODS = {"attribution": "Visual-TCAV, attribution", "intervention": "Visual-TCAV, intervention", "tcav": "TCAV"}
P_VALUES = {"attribution": "p_value", "tcav": "tcav_p_value"}
Array = np.ndarray
Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class OfSeed:
    """What is true of every class, and what is said of it, (n_classes,) each, under the names of METHODS and P_VALUES."""

    drops: Array  # (n_classes, n_scenes)
    said: dict[str, Array]


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder, on scenes that are rendered for it."""
    settings = question.settings
    if settings.n_scenes * settings.n_seeds < 2:
        raise BadSettings(
            "One scene of every class has no scatter, so no effect is distinguished from nothing. Take more scenes or seeds."
        )
    classes: Rows = []
    methods: Rows = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        encoder = observatory.encoder(name, progress)
        require_classes(encoder)
        of_seeds = []
        for seed in settings.seeds:
            of_seed = part.part(seed / settings.n_seeds, (seed + 1) / settings.n_seeds)
            of_seeds.append(_of_seed(observatory, encoder, settings.n_scenes, seed, of_seed))
        classes += [{"encoder": name, **row} for row in class_rows(of_seeds)]
        methods += [{"encoder": name, **row} for row in method_rows(of_seeds)]
    of_classes = averaged(classes, ("encoder", "class"))
    of_methods = averaged(methods, ("encoder", "method"))
    scatters = tuple(_scatter(of_classes, name) for name in METHODS)
    return Findings(_sentence(of_methods), (_methods_table(of_methods), _classes_table(of_classes)), scatters)


def require_classes(encoder: Encoder) -> None:
    """Raises BadSettings for an encoder without the classes of scenes."""
    if not set(CLASS_NAMES) <= set(encoder.info.class_names):
        raise BadSettings(
            f"'{encoder.info.name}' does not have the classes of scenes, so rendering again does not say what is true of it. "
            "Choose a bundled encoder that was taught classes, such as scenes-cnn-watermark."
        )


def tagged_scenes(class_idx: int, n_scenes: int, seed: int) -> list[Scene]:
    """Scenes of a class of scenes with the tag; other ones for every seed."""
    first = FIRST_SCENE + SCENES_PER_SEED * seed + SCENES_PER_CLASS * class_idx
    return [marked_scene(first + n, class_idx).with_mark for n in range(n_scenes)]


def _of_seed(observatory: Observatory, encoder: Encoder, n_scenes: int, seed: int, progress: Progress) -> OfSeed:
    drops, said = [], []
    for n, class_name in enumerate(CLASS_NAMES):
        progress.report(n / len(CLASS_NAMES), f"{encoder.info.name}: {class_name}, seed {seed}")
        class_idx, scenes = encoder.info.class_names.index(class_name), tagged_scenes(n, n_scenes, seed)
        drops.append(causal_drops(encoder, scenes, [WATERMARK], class_idx)[0])
        said.append(_said(observatory, encoder, class_idx, scenes, progress))
    return OfSeed(np.stack(drops), {name: np.array([of_class[name] for of_class in said]) for name in said[0]})


def _said(
    observatory: Observatory, encoder: Encoder, class_idx: int, scenes: Sequence[Scene], progress: Progress
) -> dict[str, float]:
    """What every method says that the tag contributes to a class over its scenes, with raw p-values."""
    library, name, photos = observatory.library, encoder.info.name, tuple(map(as_photo, scenes))
    sets = (library.open_set(WATERMARK),), library.open_set("scenes", "random")
    explaining = ExplainSettings(class_idx=(class_idx,), n_steps=N_STEPS, n_null=N_NULL, n_bootstrap=N_BOOTSTRAP)
    explained = explain_class(ExplainClass(name, photos, *sets, explaining), observatory, progress.silent())
    removing = InterventionSettings(class_idx=(class_idx,), strengths=(0.0,), n_null=1, n_fitted=N_NULL, n_bootstrap=N_BOOTSTRAP)
    removed = intervene_on_class(InterveneOnClass(name, photos, *sets, removing), observatory, progress.silent())
    estimate = explained.estimate_at(WATERMARK, ALL_DEPTHS)
    return {
        "attribution": estimate.mean,
        "p_value": estimate.p_value,
        "intervention": removed.at(WATERMARK, ALL_DEPTHS).effect.change.drop,
        "tcav": estimate.tcav_score - 0.5,
        "tcav_p_value": estimate.tcav_p_value,
    }


def informed(of_seeds: Sequence[OfSeed]) -> Array:
    """Which classes the tag truly speaks for, over the scenes of all seeds, (n_classes,) bool."""
    together = np.concatenate([of_seed.drops for of_seed in of_seeds], axis=-1)
    means, errors = mean_and_error(together)
    return really_changed(means, errors, together.shape[-1]) & (means > 0)


def class_rows(of_seeds: Sequence[OfSeed]) -> Iterator[dict[str, Any]]:
    """Per seed and class what is true and what is said."""
    for seed, of_seed in enumerate(of_seeds):
        for n, class_name in enumerate(CLASS_NAMES):
            said = {name: float(figures[n]) for name, figures in of_seed.said.items()}
            yield {"class": class_name, "seed": seed, "causal": float(of_seed.drops[n].mean()), **said}


def method_rows(of_seeds: Sequence[OfSeed]) -> Iterator[dict[str, Any]]:
    """Per method and seed how the order of classes fits the truth, whether an informed class is first, and false alarms; None
    where no class is informed, or all are, or the method has no test here."""
    speaks = informed(of_seeds)
    for seed, of_seed in enumerate(of_seeds):
        truth = np.where(speaks, of_seed.drops.mean(-1), 0)
        for name, title in METHODS.items():
            figures = of_seed.said[name]
            credited = (figures > 0) & (of_seed.said[P_VALUES[name]] <= SIGNIFICANCE_LEVEL) if name in P_VALUES else None
            yield {
                "method": title,
                "seed": seed,
                "n_informed": int(speaks.sum()),
                "ordered": order_correlation(figures, truth) if np.ptp(truth) else None,
                "first": float(figures[speaks].max() > figures[~speaks].max()) if 0 < speaks.sum() < len(speaks) else None,
                "noticed": float(credited[speaks].mean()) if credited is not None and speaks.any() else None,
                "false_alarms": float(credited[~speaks].mean()) if credited is not None and not speaks.all() else None,
            }


# --- tables, figures, sentence ------------------------------------------------------------------------------------------------


def _methods_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("method", "Method"),
        Column("n_informed", "Classes with an effect", "That the tag truly speaks for, over the scenes of all seeds.", digits=0),
        *measure("ordered", "Ordered", "Somers' D over classes given the true effects: 1 all in the right order.", digits=2),
        *measure("first", "Class with an effect first", "Share of seeds in which it is put before all others.", digits=2),
        *measure("noticed", "Noticed", "Of classes with an effect, the share that is credited: p at most 0.05.", digits=2),
        *measure("false_alarms", "False alarms", "Of the other classes, the share that is credited.", digits=2),
    ]
    return Table.of("methods", "For which classes the tag is credited", columns, rows)


def _classes_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("class", "Class"),
        *measure(
            "causal", "True effect", "How far the logit falls when the class's scenes are rendered without the tag.", digits=2
        ),
        *measure("attribution", "Attribution", "Of the tag to the class over the same scenes, mean over depths."),
        *measure("p_value", "p", "Of that attribution, raw."),
        *measure("intervention", "Intervention", "How far the logit falls without the concept's component.", digits=2),
        *measure("tcav", "TCAV", "The TCAV score less 0.5.", digits=2),
        *measure("tcav_p_value", "p of TCAV", "Raw."),
    ]
    return Table.of("classes", "Every class", columns, rows)


def _scatter(rows: Rows, name: str) -> Figure:
    """What a method says over what is true, a point per class."""
    series = []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        series.append(replace(series_of(encoder, own, "causal", name), labels=tuple(row["class"] for row in own)))
    return Figure(name, f"{METHODS[name]}, beside the truth", "points", "true effect on the logit", METHODS[name], tuple(series))


def _sentence(rows: Rows) -> str:
    """What fails comes first."""
    missed, alarmed, right, idle = [], [], [], []
    for row in rows:
        words = f"{row['method']} on {row['encoder']}"
        if row["n_informed"] == 0:
            idle.append(row["encoder"])
        elif row["first"] is not None and row["first"] < 1:
            missed.append(f"{words} ({row['first']:.0%} of seeds)")
        else:
            right.append(words)
        if row["false_alarms"] is not None and row["false_alarms"] > SIGNIFICANCE_LEVEL:
            alarmed.append(f"{words} ({row['false_alarms']:.0%})")
    return sentences(
        ("The class that the tag speaks for is not always put first by", missed),
        ("Classes that it does not speak for are credited too often by", alarmed),
        ("It is put first in every seed by", right),
        ("The tag speaks for no class of", [*dict.fromkeys(idle)]),
    )


STUDY = Study(
    name="tags",
    title="A tag that counts for one class",
    question="A tag is in every photo and says something of one class only: is it credited there, and nowhere else?",
    measure="Scenes of sixteen classes, all with a caption that one encoder was taught to trust for 'woven star': how far each "
    "class's logit falls when its scenes are rendered without it, beside attribution, intervention and TCAV of the concept "
    "'watermark'. False alarms are classes without a true effect that are credited with p at most 0.05.",
    does_not_show="Tags that speak for several classes, or with less certainty: the paper trains networks for each. A tag that "
    "speaks against a class counts as no effect here.",
    example=StudySettings(("scenes-cnn-watermark",), n_scenes=3, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
    scenes_only=True,
)
