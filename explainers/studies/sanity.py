"""Study: do maps and attributions fall apart when the encoder, or the labels, are made meaningless?

Source: Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018. What survives random weights shows the picture, not what
the network has learnt.

    weights         of a copy are replaced by random ones, from the head down, stage by stage (models/encoder/altered.py)
    example labels  chance decides which images are whose: a concept's, another's, or random
    class labels    the classifier of a copy is fitted anew on scenes whose labels are shuffled; beside it, on the true ones. As
                    Adebayo et al. do, a network trained anew on them, for the encoder that such a pair is bundled for
    alike           with the untouched encoder: adjusted Rand index of segmentation maps at one k; rank correlation of concept
                    maps and of evidence maps, position by position; that of attributions over photos, concepts and depths
    itself again    the untouched encoder, clustered from another seed, its concepts fitted on the other half of the examples

Something has fallen apart where it is alike by less than THRESHOLD.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from explainers.maps.partitions import adjusted_rand_index
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.studies.concepts_seen import (
    EvidenceShared,
    Examples,
    Explained,
    Seen,
    about_top_classes,
    apart,
    maps_alike,
    rank_correlation,
    seen_with,
    settings_for,
    shuffled,
    stacks_of,
    starter_examples,
)
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.looking import segmentations
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, in_words, sentences
from explainers.studies.study import RunStudy, Study
from models.encoder import Encoder
from models.encoder.altered import embeddings, n_stages, randomised_from_head, with_classifier
from models.encoder.read_out import fit_line
from models.errors import UnsupportedEncoder
from models.photo import Photo, photo_from_array
from models.progress import Progress
from models.scenes.scenes import CLASSES, SceneOptions, render, sample_scene

THRESHOLD = 0.5
FIXED_K = 6
OTHER_SEED = 100
FIRST_SCENE = 16_000_000  # scenes from here on fit classifiers, and belong to this study alone
PER_CLASS = 20
ITSELF, EXAMPLES, SHUFFLED, REFITTED = (
    "itself again", "example labels shuffled", "class labels shuffled, classifier fitted anew", "classifier fitted anew"
)  # fmt: skip
TRAINED, TRAINED_SHUFFLED = "network trained anew", "class labels shuffled, network trained anew"
RETRAINED = {"scenes-cnn": {TRAINED: "scenes-cnn-retrained", TRAINED_SHUFFLED: "scenes-cnn-shuffled"}}  # bundled, see their cards
MEASURES = {
    "maps": "segmentation maps",
    "concept_maps": "concept maps",
    "evidence": "evidence maps",
    "attributions": "attributions",
}
Array = np.ndarray
Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Looked:
    """What an encoder shows in photos."""

    labels: tuple[Array, ...]  # segmentation maps (H, W), one per photo
    seen: Seen


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder on the photos of the question."""
    settings = question.settings
    photos = [true.photo for true in question.photos]
    rows: Rows = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        encoder = observatory.encoder(name, progress)
        rows += [{"encoder": name, **row} for row in _rows(settings, observatory, encoder, photos, part)]
    table = averaged(rows, ("encoder", "altered", "n_randomised"))
    curves = tuple(_curves(table, name) for name in MEASURES)
    return Findings(_sentence(table), (_weights_table(table), _labels_table(table)), curves)


def _rows(
    settings: StudySettings, observatory: Observatory, encoder: Encoder, photos: Sequence[Photo], progress: Progress
) -> Iterator[dict[str, Any]]:
    """How alike every altered copy is, seed by seed."""
    examples = starter_examples(observatory, half=0)
    look, refitting = _Look(settings, observatory, about_top_classes(encoder, photos)), _Refitting.of(encoder)
    retrained = [(how, observatory.encoder(name, progress)) for how, name in RETRAINED.get(encoder.info.name, {}).items()]
    whole = {seed: look(encoder, examples, seed, progress) for seed in settings.seeds}
    for seed in settings.seeds:
        part = progress.part(seed / settings.n_seeds, (seed + 1) / settings.n_seeds)
        part.report(0, f"{encoder.info.name}: itself again, seed {seed}")
        again = look(encoder, starter_examples(observatory, half=1), seed + OTHER_SEED, part)
        yield {"altered": ITSELF, "n_randomised": 0, "seed": seed, **alike(whole[seed], again)}
        for n in range(1, n_stages(encoder) + 1):
            part.report(n / (n_stages(encoder) + 2), f"{encoder.info.name}: {n} stages random, seed {seed}")
            copied = look(randomised_from_head(encoder, n, seed), examples, seed, part)
            yield {"altered": stage_name(encoder, n), "n_randomised": n, "seed": seed, **alike(whole[seed], copied)}
        part.report(1 - 1 / (n_stages(encoder) + 2), f"{encoder.info.name}: shuffled labels, seed {seed}")
        others = look(encoder, shuffled(examples, seed), seed, part)
        yield {
            "altered": EXAMPLES,
            "n_randomised": None,
            "seed": seed,
            **alike(whole[seed], others),
            "maps": None,
            "evidence": None,
        }
        if refitting is not None:
            yield from _refitted_rows(look, refitting, examples, seed, part)
        for how, twin in retrained:
            measures = alike(whole[seed], look(twin, examples, seed, part))
            yield {"altered": how, "n_randomised": None, "seed": seed, **measures}


@dataclass(frozen=True, eq=False)
class _Look:
    """Looks at the same photos, for the same classes, through any copy of an encoder."""

    settings: StudySettings
    observatory: Observatory
    explained: Explained
    evidence: EvidenceShared = field(default_factory=EvidenceShared)

    def __call__(self, encoder: Encoder, examples: Examples, seed: int, progress: Progress) -> Looked:
        nave = NaveSettings((), input_size=self.settings.input_size, min_clusters=FIXED_K, max_clusters=FIXED_K, seed=seed)
        maps = segmentations(apart(self.observatory), encoder, self.explained.photos, nave, progress)
        settings, silent = settings_for(encoder), progress.silent()
        stacks = stacks_of(self.observatory, encoder, examples, settings, silent)
        evidence = self.evidence(encoder, self.explained, settings, silent)
        seen = seen_with(encoder, stacks, self.explained, evidence, settings, silent)
        return Looked(tuple(of_photo.at(FIXED_K) for of_photo in maps), seen)


def alike(first: Looked, second: Looked) -> dict[str, float | None]:
    """How alike what two encoders show is, measure by measure; None where there is nothing to compare."""
    pairs = zip(first.labels, second.labels, strict=True)
    has_classes = first.seen.attributions.size > 0
    return {
        "maps": float(np.mean([adjusted_rand_index(a, b, FIXED_K) for a, b in pairs])),
        "concept_maps": maps_alike(first.seen.maps, second.seen.maps),
        "evidence": maps_alike(first.seen.evidence, second.seen.evidence),
        "attributions": rank_correlation(first.seen.attributions, second.seen.attributions) if has_classes else None,
    }


def stage_name(encoder: Encoder, n_randomised: int) -> str:
    """What is random, in words: everything from here on."""
    if n_randomised == 1:
        return "after the last depth"
    depth = len(encoder.info.depths) + 1 - n_randomised
    return f"from depth {depth} on" if depth else "everything"


# --- shuffled class labels ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Refitting:
    """Classifiers fitted on scenes: on one half of them, on the other, and on the first with shuffled labels."""

    encoder: Encoder
    activations: Array  # (N, C), of the scenes
    labels: Array  # (N,), their classes
    fitted: Encoder
    others: Encoder

    @classmethod
    def of(cls, encoder: Encoder) -> "_Refitting | None":
        """None for an encoder that has no classifier, or one that cannot be put in another's place."""
        if not encoder.info.has_classifier:
            return None
        images, labels = _labelled_scenes(encoder)
        activations, half = embeddings(encoder, images).double().numpy(), len(labels) // 2
        try:
            fitted = refitted(encoder, activations[:half], labels[:half])
            return cls(encoder, activations, labels, fitted, refitted(encoder, activations[half:], labels[half:]))
        except UnsupportedEncoder:  # the other rows say enough
            return None

    def shuffled(self, seed: int) -> Encoder:
        """Fitted on the first half of the scenes, whose labels chance decides."""
        half = len(self.labels) // 2
        return refitted(self.encoder, self.activations[:half], np.random.default_rng(seed).permutation(self.labels)[:half])


def _refitted_rows(
    look: _Look, refitting: _Refitting, examples: Examples, seed: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Beside a classifier fitted on true labels: one fitted on other scenes, and one fitted on shuffled labels."""
    look = replace(look, explained=about_top_classes(refitting.fitted, look.explained.photos))
    whole = look(refitting.fitted, examples, seed, progress)
    for name, copied in ((REFITTED, refitting.others), (SHUFFLED, refitting.shuffled(seed))):
        measures = alike(whole, look(copied, examples, seed, progress))
        yield {"altered": name, "n_randomised": None, "seed": seed, **measures, "maps": None, "concept_maps": None}


def _labelled_scenes(encoder: Encoder) -> tuple[list[torch.Tensor], Array]:
    """Scenes of every class as the encoder sees them, and their classes (N,)."""
    classes = np.tile(np.arange(len(CLASSES)), PER_CLASS)
    scenes = [sample_scene(FIRST_SCENE + n, SceneOptions(class_idx=int(idx))) for n, idx in enumerate(classes)]
    photos = [photo_from_array(render(scene).image, f"scene-{scene.seed}") for scene in scenes]
    return [encoder.prepare(photo, encoder.info.preprocessing.input_size) for photo in photos], classes


def refitted(encoder: Encoder, activations: Array, labels: Array) -> Encoder:
    """A copy whose classifier is a ridge regression of classes (N,) on embeddings (N, C)."""
    line = fit_line(activations, np.eye(len(CLASSES))[labels])
    weights = line.weights.T / line.spread
    offsets = line.offset - weights @ line.centre
    return with_classifier(encoder, torch.from_numpy(weights).float(), torch.from_numpy(offsets).float())


# --- tables, figures, sentence ------------------------------------------------------------------------------------------------


def _columns() -> list[Column]:
    meanings = {
        "maps": f"Adjusted Rand index with those of the untouched encoder, k = {FIXED_K}. They do not read what comes after the "
        "last depth that they are made of.",
        "concept_maps": "Rank correlation with those of the untouched encoder, position by position.",
        "evidence": "Rank correlation of what speaks for the class, position by position.",
        "attributions": "Rank correlation over photos, concepts and depths.",
    }
    return [c for name, title in MEASURES.items() for c in measure(name, title.capitalize(), meanings[name])]


def _weights_table(rows: Rows) -> Table:
    columns = [Column("encoder", "Encoder"), Column("altered", "Random weights"), *_columns()]
    return Table.of("weights", "Random weights, from the head down", columns, [r for r in rows if r["n_randomised"] is not None])


def _labels_table(rows: Rows) -> Table:
    columns = [Column("encoder", "Encoder"), Column("altered", "What was done to the labels"), *_columns()]
    title = "Shuffled labels. Fitted classifiers stand beside one fitted on true labels, all else beside the untouched encoder"
    return Table.of("labels", title, columns, [r for r in rows if r["n_randomised"] is None])


def _curves(rows: Rows, name: str) -> Figure:
    """How alike one measure stays as more stages are random; at 0, the untouched encoder again."""
    stages = [row for row in rows if row["n_randomised"] is not None]
    encoders = dict.fromkeys(row["encoder"] for row in rows)
    series = [series_of(e, [row for row in stages if row["encoder"] == e], "n_randomised", name) for e in encoders]
    title = f"{MEASURES[name].capitalize()}: how alike they stay"
    return Figure(name, title, "lines", "stages with random weights, from the head down", "alike", tuple(series), guide=THRESHOLD)


def fallen_at(curve: Sequence[float | None]) -> int | None:
    """From how many random stages on a curve, whose first value is of none, stays below the threshold; None if it never does."""
    below = [value is not None and value < THRESHOLD for value in curve]
    return next((n for n in range(1, len(below)) if all(below[n:])), None)


def _sentence(rows: Rows) -> str:
    """What survives comes first."""
    survived, fell, kept = [], [], []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        stages = [row for row in own if row["n_randomised"] is not None]
        for name, title in MEASURES.items():
            curve = [row[name] for row in stages]
            if curve[-1] is None:
                continue
            words, at = in_words(curve[-1], stages[-1][f"{name}_sd"], 2), fallen_at(curve)
            if at is None:
                survived.append(f"{title} of {encoder} ({words})")
            else:
                fell.append(f"{title} of {encoder} from {at} of {len(stages) - 1} stages on (to {words})")
        kept += [
            f"{MEASURES[name]} of {encoder} with {row['altered']} ({in_words(row[name], row[f'{name}_sd'], 2)})"
            for row in own
            if row["altered"] in (EXAMPLES, SHUFFLED, TRAINED_SHUFFLED)
            for name in MEASURES
            if row[name] is not None and row[name] >= THRESHOLD
        ]
    return sentences(
        (f"Random weights throughout leave what is still alike by {THRESHOLD} or more:", survived),
        ("Shuffled labels do:", kept),
        (f"Below {THRESHOLD} fall", fell),
    )


STUDY = Study(
    name="sanity",
    title="Sanity",
    question="Do segmentation maps, concept maps and attributions fall apart when weights or labels are made meaningless?",
    measure="How alike they are with those of the untouched encoder while a copy gets random weights from the head down, stage "
    "by stage; with shuffled examples, and with a classifier fitted on shuffled labels. Fallen apart: alike by less than "
    f"{THRESHOLD}. At no random stage: the encoder itself, with another seed and the other half of the examples.",
    does_not_show="That what falls apart is right. Random weights, too, distinguish parts of a picture that differ in colour, so "
    "segmentation maps may survive without being wrong. Labels are shuffled for the classifier alone; for scenes-cnn a network "
    "that was trained on shuffled labels stands beside one trained alike on true ones, each from one seed.",
    example=StudySettings(("scenes-cnn",), n_scenes=4, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
)
