"""Study: can k-means take the classifier's place, and which parts then decide?

The positions of the last depth's feature maps of some scenes are clustered. Every part (cluster over many photos) says how often
its positions lie in scenes of each class. A scene is called what its positions say together:

    p(c | i)   share of the positions of part i that lie in scenes of class c, one position of every class added
    s_i        share of a scene's positions that belong to part i
    evidence   sum over parts of s_i log p(c | i); the class with the most is taken

    deciding   the part that does most for the class taken, over the mean of all classes
    in object  share of the deciding part's positions that lie in the main object, beside the share of all positions that do

Beside it a ridge regression of classes on the network's embedding of the same scenes, and the encoder's own answer where it has
these classes. In kind: the paper that put k-means in the classifier's place trains with it; here encoders stay frozen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans

from explainers.service.observatory import Observatory
from explainers.studies.concepts_seen import apart
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.rerendering import logits_of
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from models.encoder import Encoder
from models.encoder.altered import embeddings
from models.encoder.read_out import fit_line
from models.photo import Photo, photo_from_array
from models.progress import Progress
from models.scenes.scenes import CLASS_NAMES, CLASSES, SceneOptions, render, sample_scene

N_PARTS = (16, 32, 64, 128)
JUDGED_SHARE = 1 / 4
FIRST_SCENE, SCENES_PER_SEED = 19_000_000, 10_000
KMEANS, RIDGE, OWN = "k-means, {} parts", "ridge regression", "the encoder's own classifier"
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Labelled:
    """Scenes of every class: photos, classes (N,), where their main objects are (H, W) bool each."""

    photos: tuple[Photo, ...]
    classes: Array
    masks: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class PartClassifier:
    """What every part says of every class."""

    parts: KMeans
    log_shares: Array  # (n_parts, n_classes): log p(c | i)

    def contributions(self, activations: Array) -> Array:
        """What every part adds to the evidence for every class, (n_parts, n_classes), at the positions (P, C) of one scene."""
        shares = np.bincount(self.parts.predict(activations), minlength=len(self.log_shares)) / len(activations)
        return shares[:, None] * self.log_shares


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder, on scenes of every class."""
    settings = question.settings
    rows: list[dict[str, Any]] = []
    n_steps = len(settings.encoders) * settings.n_seeds
    for n, (name, seed) in enumerate((name, seed) for name in settings.encoders for seed in settings.seeds):
        progress.report(n / n_steps, f"{name}: scenes of every class, seed {seed}")
        encoder = observatory.encoder(name, progress)
        of_seed = _rows(observatory, encoder, labelled_scenes(settings.n_scenes, seed), settings, seed, progress)
        rows += [{"encoder": name, "seed": seed, **row} for row in of_seed]
    table = averaged(rows, ("encoder", "method", "n_parts"))
    return Findings(_sentence(table), (_table(table),), (_curves(table),))


def labelled_scenes(per_class: int, seed: int) -> Labelled:
    """As many scenes of every class, class by class in turn; other ones for every seed."""
    classes = np.tile(np.arange(len(CLASSES)), per_class)
    first = FIRST_SCENE + SCENES_PER_SEED * seed
    scenes = [sample_scene(first + n, SceneOptions(class_idx=int(idx))) for n, idx in enumerate(classes)]
    rendered = [render(scene) for scene in scenes]
    photos = tuple(photo_from_array(r.image, f"scene-{s.seed}") for r, s in zip(rendered, scenes, strict=True))
    masks = tuple(r.object_map == 1 + (s.main_idx or 0) for r, s in zip(rendered, scenes, strict=True))
    return Labelled(photos, classes, masks)


# --- methods ----------------------------------------------------------------------------------------------------------------


def _rows(
    observatory: Observatory,
    encoder: Encoder,
    scenes: Labelled,
    settings: StudySettings,
    seed: int,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Every method's accuracy on the last quarter of the scenes, and of k-means which parts decide."""
    n_fitted = len(scenes.photos) - max(1, round(JUDGED_SHARE * len(scenes.photos)))
    depth = encoder.info.depths[-1].idx
    looking = apart(observatory).feature_maps(encoder, scenes.photos, settings.input_size, [depth], progress.silent())
    maps = [of_photo[0].double().numpy() for of_photo in looking]
    truth, rows = scenes.classes[n_fitted:], []
    for n_parts in N_PARTS:
        progress.check()
        fitted = fit_parts([positions_of(m) for m in maps[:n_fitted]], scenes.classes[:n_fitted], n_parts, seed)
        judged = [fitted.contributions(positions_of(m)) for m in maps[n_fitted:]]
        calls = np.array([int(of_photo.sum(0).argmax()) for of_photo in judged])
        inside = [
            inside_of(fitted, m, mask, deciding_part(of_photo))
            for m, mask, of_photo in zip(maps[n_fitted:], scenes.masks[n_fitted:], judged, strict=True)
        ]
        in_object, everywhere = (float(np.mean(values)) for values in zip(*inside, strict=True))
        row = {"method": KMEANS.format(n_parts), "n_parts": n_parts, "accuracy": float((calls == truth).mean())}
        rows.append(row | {"in_object": in_object, "everywhere": everywhere})
    others = {RIDGE: _ridge_calls(encoder, scenes, n_fitted), OWN: _own_calls(encoder, scenes.photos[n_fitted:])}
    blank = {"n_parts": None, "in_object": None, "everywhere": None}
    rows += [
        {"method": name, "accuracy": float((calls == truth).mean()), **blank}
        for name, calls in others.items()
        if calls is not None
    ]
    return rows


def positions_of(feature_map: Array) -> Array:
    """The activations of all positions of a map (C, h, w), (h * w, C)."""
    return feature_map.reshape(len(feature_map), -1).T


def fit_parts(activations: Sequence[Array], classes: Array, n_parts: int, seed: int) -> PartClassifier:
    """Parts of the positions (P, C) of scenes, and what they say of the scenes' classes (N,)."""
    together = np.concatenate(activations)
    of_positions = np.repeat(classes, [len(of_scene) for of_scene in activations])
    parts = KMeans(n_parts, n_init=1, random_state=seed).fit(together)
    counts = np.ones((n_parts, len(CLASSES)))
    np.add.at(counts, (parts.labels_, of_positions), 1)
    return PartClassifier(parts, np.log(counts / counts.sum(1, keepdims=True)))


def deciding_part(contributions: Array) -> int:
    """The part that does most for the class taken, over the mean of all classes, from contributions (n_parts, n_classes)."""
    taken = int(contributions.sum(0).argmax())
    return int((contributions[:, taken] - contributions.mean(1)).argmax())


def inside_of(classifier: PartClassifier, feature_map: Array, mask: Array, part: int) -> tuple[float, float]:
    """How much of a part, and of all positions of a map (C, h, w), lies in the boolean mask of an object (H, W)."""
    _, height, width = feature_map.shape
    weights = _area_shares(mask, (height, width)).ravel()
    return float(weights[classifier.parts.predict(positions_of(feature_map)) == part].mean()), float(weights.mean())


def _area_shares(mask: Array, grid: tuple[int, int]) -> Array:
    """How much of every position of a grid lies in a boolean mask (H, W)."""
    shares = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(mask)[None, None].double(), grid)
    return shares[0, 0].numpy()


def _ridge_calls(encoder: Encoder, scenes: Labelled, n_fitted: int) -> Array:
    size = encoder.info.preprocessing.input_size
    given = embeddings(encoder, [encoder.prepare(photo, size) for photo in scenes.photos]).double().numpy()
    return fit_line(given[:n_fitted], np.eye(len(CLASSES))[scenes.classes[:n_fitted]])(given[n_fitted:]).argmax(1)


def _own_calls(encoder: Encoder, photos: Sequence[Photo]) -> Array | None:
    """The encoder's own answers; None where it does not have the classes of scenes."""
    return logits_of(encoder, photos).argmax(1) if encoder.info.class_names == CLASS_NAMES else None


# --- table, figure, sentence --------------------------------------------------------------------------------------------------


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("method", "Method"),
        *measure("accuracy", "Accuracy", f"On scenes that nothing was fitted on; chance {1 / len(CLASSES):.2f}.", digits=2),
        *measure("in_object", "Deciding part in the object", "Share of its positions, mean over scenes.", digits=2),
        *measure("everywhere", "All positions in the object", "The same of all positions, whatever their part.", digits=2),
    ]
    return Table.of("k-means", "K-means in the classifier's place", columns, rows)


def _curves(rows: Sequence[dict[str, Any]]) -> Figure:
    encoders = dict.fromkeys(row["encoder"] for row in rows)
    with_parts = [row for row in rows if row["n_parts"] is not None]
    series = tuple(series_of(e, [row for row in with_parts if row["encoder"] == e], "n_parts", "accuracy") for e in encoders)
    return Figure("accuracy", "Accuracy over the number of parts", "lines", "parts", "accuracy", series, guide=1 / len(CLASSES))


def _sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Where k-means falls clearly short of a linear classifier, or parts outside the object decide, comes first."""
    short, enough, outside, inside = [], [], [], []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        ridge = next(row for row in own if row["method"] == RIDGE)
        most = max((row for row in own if row["n_parts"]), key=lambda row: row["n_parts"])
        values = [measured(row, "accuracy", 2) for row in (most, ridge)]
        words = f"{encoder} {values[0]} with {most['n_parts']} parts, ridge regression {values[1]}"
        (short if is_clearly_above(ridge, most, "accuracy") else enough).append(words)
        shares = f"{encoder} {measured(most, 'in_object', 2)}, all positions {measured(most, 'everywhere', 2)}"
        is_more = most["in_object"] > most["everywhere"]
        (inside if is_more else outside).append(shares)
    return sentences(
        ("K-means is clearly worse than a straight line on the embedding:", short),
        ("The parts that decide lie no more in the object than chance would have it:", outside),
        ("K-means is not clearly worse than a straight line on the embedding:", enough),
        ("The parts that decide lie in the object:", inside),
    )


STUDY = Study(
    name="k-means-classifier",
    title="K-means as classifier",
    question="Can parts of photos take the classifier's place, and which of them then decide?",
    measure="Accuracy on scenes of sixteen classes: positions of the last depth are clustered, parts say how often they lie in "
    "each class, a scene is called what its positions say together; beside ridge regression on the embedding, and the encoder's "
    "own answer. How much of the part that decides lies in the object. 'Scenes' are scenes per class.",
    does_not_show="What training with k-means in that place would give: encoders stay frozen. Parts of the last depth see much "
    "of the picture each, so a part outside the object may still know of it.",
    example=StudySettings(("scenes-cnn",), n_scenes=12, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
    scenes_only=True,
)
