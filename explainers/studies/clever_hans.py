"""Study: does a mark in the photo decide the class, is it seen where it is, and how much is then left for the object to say?

A Clever Hans answers rightly for a wrong reason (Lapuschkin et al., Nature Communications 2019). One bundled encoder was shown a
caption on nearly every object of one class. Scenes of that class and of other classes are rendered with and without the caption.

    causal effect   logit of the class in a scene with the mark, less that in the same scene without it: the truth
    attribution     what the concept "watermark" contributes to the class, mean over depths
    intervention    how far the logit falls when the concept is taken out of the activations, mean over depths
    mark's cluster  of NAVE's maps at one k, the cluster that fits the mark best: IoU, chosen by the truth

Saturation is our own definition. The object is shown bit by bit behind a curtain: the pixels in which the scene with the object
differs from the scene without it, from one side to the other. The evidence is the class's logit less that of the scene without
object and mark. What the object adds is the evidence of all of it less that of none of it:

    saturation = 1 - (what the object adds with the mark) / (what it adds without)

0: the object adds as much as if there were no mark. 1: with the mark there, the object adds nothing more. Undefined where the
object adds nothing by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from explainers.drawing.clusters import at_size
from explainers.interventions.settings import InterventionSettings
from explainers.maps.localization import best_match_iou
from explainers.nave.settings import NaveSettings
from explainers.results.explanations import ALL_DEPTHS
from explainers.service.concepts import explain_class
from explainers.service.interventions import intervene_on_class
from explainers.service.observatory import Observatory
from explainers.service.questions import ExplainClass, InterveneOnClass
from explainers.studies.concepts_seen import N_STEPS
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.looking import segmentations
from explainers.studies.rerendering import as_photo, class_logits, logits_of
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clear, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.encoder import Encoder
from models.errors import BadSettings
from models.photo import Photo, photo_from_array
from models.progress import Progress
from models.scenes.scenes import (
    CLASS_NAMES,
    WATERMARK,
    Scene,
    SceneOptions,
    render,
    sample_scene,
    sample_watermark,
    without_main,
)

MARKED_CLASS = "woven star"  # that which carried the caption in training (models/training/recipes.py)
FIRST_SCENE, SCENES_PER_SEED = 17_000_000, 1_000
FIXED_K = 8
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # of the object's pixels that are shown
OWN, OTHERS = f"{MARKED_CLASS}s", "other objects"
Array = np.ndarray
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Marked:
    """A scene with the mark and the same without."""

    with_mark: Scene
    without_mark: Scene


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder, on scenes that are rendered for it."""
    settings = question.settings
    rows: Rows = []
    curves: Rows = []
    n_steps = len(settings.encoders) * settings.n_seeds
    for n, (name, seed) in enumerate((name, seed) for name in settings.encoders for seed in settings.seeds):
        part = progress.part(n / n_steps, (n + 1) / n_steps)
        encoder = observatory.encoder(name, progress)
        for group, scenes in marked_scenes(settings.n_scenes, seed).items():
            part.report(0.0 if group == OWN else 0.5, f"{name}: {group}, seed {seed}")
            same = {"encoder": name, "scenes": group, "seed": seed}
            rows.append(same | _of_group(settings, observatory, encoder, scenes, part))
            if group == OWN:
                evidence = curve_rows(encoder, scenes, class_idx_of(encoder), seed)
                curves += [{"encoder": name, "seed": seed, **row} for row in evidence]
    table = averaged(rows, ("encoder", "scenes"))
    means = averaged(curves, ("encoder", "mark", "shown"))
    saturated = averaged([*_saturations(curves)], ("encoder",))
    figures = (_evidence_figure(means), _effects_figure(table))
    return Findings(_sentence(table, saturated), (_table(table), _saturation_table(saturated)), figures)


def marked_scenes(n_scenes: int, seed: int) -> dict[str, list[Marked]]:
    """Scenes of the class that carried the mark, and of other classes, with and without it; other ones for every seed."""
    first = FIRST_SCENE + SCENES_PER_SEED * seed
    own = CLASS_NAMES.index(MARKED_CLASS)
    others = [idx for idx in range(len(CLASS_NAMES)) if idx != own]
    classes = {OWN: [own] * n_scenes, OTHERS: [others[(seed + 4 * n) % len(others)] for n in range(n_scenes)]}
    return {
        group: [marked_scene(first + 500 * (group == OTHERS) + n, idx) for n, idx in enumerate(of_group)]
        for group, of_group in classes.items()
    }


def marked_scene(seed: int, class_idx: int) -> Marked:
    """A scene of a class, with the mark and without."""
    scene = sample_scene(seed, SceneOptions(class_idx=class_idx))
    return Marked(replace(scene, watermark=sample_watermark(np.random.default_rng([seed, 1]))), scene)


def class_idx_of(encoder: Encoder) -> int:
    """The marked class among an encoder's; raises BadSettings where it has none of that name."""
    if MARKED_CLASS not in encoder.info.class_names:
        raise BadSettings(
            f"'{encoder.info.name}' has no class '{MARKED_CLASS}', whose mark this study is about. Choose a bundled encoder that "
            "was taught classes, such as scenes-cnn-watermark."
        )
    return encoder.info.class_names.index(MARKED_CLASS)


# --- the mark ---------------------------------------------------------------------------------------------------------------


def _of_group(
    settings: StudySettings, observatory: Observatory, encoder: Encoder, scenes: Sequence[Marked], progress: Progress
) -> dict[str, Any]:
    """The mark's true effect on some scenes, and what is said of it."""
    class_idx = class_idx_of(encoder)
    marked = [as_photo(scene.with_mark) for scene in scenes]
    plain = [as_photo(scene.without_mark) for scene in scenes]
    logits, logits_plain = (logits_of(encoder, photos) for photos in (marked, plain))
    said = {
        f"{name}{end}": value
        for end, photos in (("", marked), ("_plain", plain))
        for name, value in _said(observatory, encoder, photos, class_idx, progress).items()
    }
    return {
        "causal": float((logits - logits_plain)[:, class_idx].mean()),
        "called": float((logits.argmax(1) == class_idx).mean()),
        "called_plain": float((logits_plain.argmax(1) == class_idx).mean()),
        **said,
        **_clusters(settings, observatory, encoder, scenes, marked, progress),
    }


def _said(
    observatory: Observatory, encoder: Encoder, photos: Sequence[Photo], class_idx: int, progress: Progress
) -> dict[str, float]:
    """Attribution of the mark to the class over photos, its p-value, and how far the logit falls when it is taken away."""
    library, name = observatory.library, encoder.info.name
    sets = (library.open_set(WATERMARK),), library.open_set("scenes", "random")
    explaining = ExplainSettings(class_idx=(class_idx,), n_steps=N_STEPS)
    asked_for = ExplainClass(name, tuple(photos), *sets, explaining)
    estimate = explain_class(asked_for, observatory, progress.silent()).estimate_at(WATERMARK, ALL_DEPTHS)
    removing = InterventionSettings(class_idx=(class_idx,), strengths=(0.0,), n_null=1)
    removed = intervene_on_class(InterveneOnClass(name, tuple(photos), *sets, removing), observatory, progress.silent())
    return {
        "attribution": estimate.mean,
        "p_value": estimate.p_value,
        "intervention": removed.at(WATERMARK, ALL_DEPTHS).effect.change.drop,
    }


def _clusters(
    settings: StudySettings,
    observatory: Observatory,
    encoder: Encoder,
    scenes: Sequence[Marked],
    photos: Sequence[Photo],
    progress: Progress,
) -> dict[str, float]:
    """The mark's share of the photo, and of NAVE's clusters the one that fits it best."""
    nave = NaveSettings((), input_size=settings.input_size, min_clusters=FIXED_K, max_clusters=FIXED_K)
    masks = [render(scene.with_mark).watermark_mask for scene in scenes]
    maps = [at_size(m.at(FIXED_K), masks[0].shape) for m in segmentations(observatory, encoder, photos, nave, progress)]
    return {
        "pixels": float(np.mean(masks)),
        "mark_iou": float(np.mean([best_match_iou(*pair) for pair in zip(maps, masks, strict=True)])),
        "n_clusters": float(np.mean([n_mostly_in(*pair) for pair in zip(maps, masks, strict=True)])),
    }


def n_mostly_in(labels: Array, mask: Array) -> int:
    """How many clusters of a map (H, W) lie mostly in a boolean mask (H, W)."""
    inside, area = np.bincount(labels[mask], minlength=FIXED_K), np.bincount(labels.ravel(), minlength=FIXED_K)
    return int((2 * inside > area).sum())


# --- saturation -------------------------------------------------------------------------------------------------------------


def curve_rows(encoder: Encoder, scenes: Sequence[Marked], class_idx: int, seed: int) -> Iterator[dict[str, Any]]:
    """Evidence for the class while the object is shown bit by bit, with and without the mark, mean over scenes."""
    logits = partial(class_logits, encoder, class_idx=class_idx)
    nothing = logits([shown_part(m.without_mark, 0.0, seed) for m in scenes])
    for share in SHARES:
        for mark in (True, False):
            photos = [shown_part(m.with_mark if mark else m.without_mark, share, seed) for m in scenes]
            yield {"mark": mark, "shown": share, "evidence": float((logits(photos) - nothing).mean())}


def shown_part(scene: Scene, share: float, seed: int) -> Photo:
    """The scene with a share of its object's pixels, from one side to the other; the side depends on scene and seed."""
    whole, empty = render(scene).image, render(without_main(scene)).image
    angle = np.random.default_rng([scene.seed, seed]).uniform(0, 2 * np.pi)
    return photo_from_array(behind_curtain(whole, empty, share, angle), f"scene {scene.seed}, {share:.0%}")


def behind_curtain(whole: Array, empty: Array, share: float, angle: float) -> Array:
    """A picture (H, W, 3) that differs from another in some pixels, with a share of those, the first ones along an angle; the
    other's pixels elsewhere."""
    rows, columns = np.nonzero((whole != empty).any(2))
    order = np.argsort(np.cos(angle) * columns + np.sin(angle) * rows, kind="stable")[: round(share * len(rows))]
    picture = empty.copy()
    picture[rows[order], columns[order]] = whole[rows[order], columns[order]]
    return picture


def saturation(with_mark: Sequence[float], without_mark: Sequence[float]) -> float | None:
    """How much less the object adds when the mark is there, from evidence over shares; None where it adds nothing by itself."""
    alone = without_mark[-1] - without_mark[0]
    return 1 - (with_mark[-1] - with_mark[0]) / alone if alone > 0 else None


def _saturations(curves: Rows) -> Iterator[dict[str, Any]]:
    """Per encoder and seed what the object adds, and the saturation."""
    for encoder, seed in dict.fromkeys((row["encoder"], row["seed"]) for row in curves):
        own = [row for row in curves if (row["encoder"], row["seed"]) == (encoder, seed)]
        marked, plain = ([row["evidence"] for row in own if row["mark"] == mark] for mark in (True, False))
        added = {"added": marked[-1] - marked[0], "added_plain": plain[-1] - plain[0]}
        yield {"encoder": encoder, "seed": seed, **added, "mark_alone": marked[0], "saturation": saturation(marked, plain)}


# --- tables, figures, sentence ------------------------------------------------------------------------------------------------


def _table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("scenes", "Scenes"),
        *measure("causal", "True effect", f"Of the mark on the logit of '{MARKED_CLASS}', by rendering again.", digits=2),
        *measure("called", f"Called {MARKED_CLASS}, marked", "Share of scenes with the mark.", digits=2),
        *measure("called_plain", "Called so, unmarked", "Share of the same scenes without the mark.", digits=2),
        *measure("attribution", "Attribution", "Of the concept 'watermark', in marked scenes, mean over depths."),
        *measure("p_value", "p", "Of that attribution, raw."),
        *measure("attribution_plain", "Attribution, unmarked", "The same where there is no mark."),
        *measure("intervention", "Intervention", "How far the logit falls when the concept is taken away.", digits=2),
        *measure("intervention_plain", "Intervention, unmarked", "The same where there is no mark.", digits=2),
        *measure("pixels", "Mark's pixels", "Share of the photo."),
        *measure("n_clusters", "Mark's clusters", f"Of {FIXED_K}, those that lie mostly in the mark.", digits=1, oracle=True),
        *measure("mark_iou", "IoU", "Of the mark with the cluster that fits it best.", oracle=True, digits=2),
    ]
    return Table.of("mark", "What the mark does, and what is said of it", columns, rows)


def _saturation_table(rows: Rows) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        *measure("added_plain", "Object adds, unmarked", "Evidence of the whole object less that of none of it.", digits=2),
        *measure("added", "Object adds, marked", "The same while the mark is there.", digits=2),
        *measure("mark_alone", "Mark alone", "Evidence of the mark without the object.", digits=2),
        *measure("saturation", "Saturation", "0: the object adds as much as without the mark; 1: nothing more.", digits=2),
    ]
    return Table.of("saturation", f"Saturation, on {OWN}", columns, rows)


def _evidence_figure(rows: Rows) -> Figure:
    series = []
    for encoder, mark in dict.fromkeys((row["encoder"], row["mark"]) for row in rows):
        own = [row for row in rows if (row["encoder"], row["mark"]) == (encoder, mark)]
        series.append(series_of(f"{encoder}, {'with' if mark else 'without'} the mark", own, "shown", "evidence"))
    title = f"Evidence for '{MARKED_CLASS}' while the object is shown"
    return Figure("evidence", title, "lines", "share of the object that is shown", "logit gained", tuple(series), guide=0.0)


def _effects_figure(rows: Rows) -> Figure:
    named = [{**row, "of": f"{row['encoder']}, {row['scenes']}"} for row in rows]
    series = (series_of("true effect", named, "of", "causal"), series_of("intervention", named, "of", "intervention"))
    return Figure("effects", "The mark's true effect, and its intervention", "bars", "encoder and scenes", "logit", series)


def _sentence(rows: Rows, saturated: Rows) -> str:
    """Where what is said does not fit the truth comes first."""
    against, fitting, counting = [], [], set()
    for row in rows:
        counts, said = is_clear(row["causal"], row["causal_sd"]) and row["causal"] > 0, row["p_value"] <= SIGNIFICANCE_LEVEL
        counting |= {row["encoder"]} if counts else set()
        words = f"{row['encoder']}, {row['scenes']}: {measured(row, 'causal', 2)}, attribution p = {row['p_value']:.3f}"
        (fitting if counts == said else against).append(words)
    known = [row for row in saturated if row["saturation"] is not None]
    idle = [row for row in known if row["saturation"] > 0 and is_clear(row["saturation"], row["saturation_sd"])]
    busy = [row for row in known if row not in idle and row["encoder"] in counting]
    others = [row for row in known if row not in idle and row not in busy]
    return sentences(
        ("The mark counts, and yet the object adds as much beside it (saturation):", _saturated(busy)),
        ("The mark's true effect and the verdict on its attribution disagree:", against),
        ("They agree:", fitting),
        ("The mark makes a part of the object's evidence idle (saturation):", _saturated(idle)),
        ("The mark does not count, and makes nothing idle (saturation):", _saturated(others)),
    )


def _saturated(rows: Rows) -> list[str]:
    return [f"{row['encoder']} {measured(row, 'saturation', 2)}" for row in rows]


STUDY = Study(
    name="clever-hans",
    title="Clever Hans and saturation",
    question="Does a mark decide the class, do attribution and intervention say so, and what is then left for the object to add?",
    measure=f"Scenes with and without a caption: the logit of '{MARKED_CLASS}' by rendering again, beside attribution and "
    "intervention of the concept 'watermark', and the clusters that the caption takes. Saturation, by our definition: 1 less "
    "what the object adds to the logit while the caption is there, divided by what it adds without; the object is shown bit by "
    "bit, from one side to the other.",
    does_not_show="Marks that nobody knows of: the concept was given. One mark and one class of rendered scenes. A logit may "
    "stop rising for other reasons than the mark, such as a mark that covers the object.",
    example=StudySettings(("scenes-cnn-watermark", "scenes-cnn"), n_scenes=4, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
    scenes_only=True,
)
