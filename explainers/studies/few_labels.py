"""Study: how many photos must be labelled, until clusters that were named find the object in other photos?

Some photos are labelled: it is known where their object is. Their composite activations are clustered together, clusters are
named after the object, and the names are carried over: a position of another photo belongs to the nearest centroid
(explainers/nave/parts.py). Named are those clusters whose union has the largest IoU with the object in the labelled photos; how
many clusters there are is what serves labelled photos best whose labels are left out, one after the other. A single photo cannot
say, and gets K_OF_ONE.

    named clusters   IoU of the object with all positions whose nearest centroid has its name
    linear probe     ridge regression of the object on the same composite activations at the same grid positions, above one half
    best naming      the same clusters, named anew in every photo by its truth (oracle)
    all of it        IoU of the object with the whole photo: what knowing nothing gives
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explainers.drawing.clusters import at_size
from explainers.maps.localization import iou
from explainers.nave.parts import Parts, composite_as, find
from explainers.nave.segmentation import segment_together
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.service.photos import usable_settings
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, is_clearly_above, measured, sentences
from explainers.studies.study import RunStudy, Study
from explainers.studies.truths import TruePhoto
from models.encoder import Encoder
from models.encoder.read_out import Line, fit_line
from models.errors import BadSettings
from models.progress import Progress

LABELLED = (1, 5, 20)  # photos
JUDGED_SHARE = 1 / 4  # of the photos, the same whatever is labelled
K_OF_ONE, KS = 16, (4, 40)
MAX_POSITIONS = 2_000  # that the linear probe is fitted on
NAMED, PROBE, BEST, ALL = "named clusters", "linear probe", "best naming", "all of it"
Array = np.ndarray
Maps = Sequence[Tensor]  # of one photo, (C, h, w) per depth


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo as an encoder sees it, and where its object is in what it sees."""

    maps: Maps
    shape: tuple[int, int]
    mask: Array  # (H, W) bool, of that shape


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder on the photos of the question."""
    settings = question.settings
    n_photos = len(question.photos)
    if n_photos < 2:
        raise BadSettings(f"{n_photos} photo was given; at least 2 are needed, one to label and one to judge. Add photos.")
    rows: list[dict[str, Any]] = []
    for n, name in enumerate(settings.encoders):
        encoder = observatory.encoder(name, progress)
        asked_maps = NaveSettings(input_size=settings.input_size, min_clusters=KS[0], max_clusters=KS[1])
        nave = usable_settings(asked_maps, encoder, [true.photo for true in question.photos])
        seen = [*_seen(observatory, encoder, question.photos, nave, progress)]
        for seed in settings.seeds:
            labelled, judged = split_up(n_photos, seed)
            for count in (count for count in LABELLED if count <= len(labelled)):
                progress.report((n + seed / settings.n_seeds) / len(settings.encoders), f"{name}: {count} labelled, seed {seed}")
                chosen = [seen[place] for place in labelled[:count]]
                for method, value in _ious(chosen, [seen[place] for place in judged], nave, seed):
                    rows.append({"encoder": name, "labelled": count, "method": method, "seed": seed, "iou": value})
    table = averaged(rows, ("encoder", "labelled", "method"))
    return Findings(_sentence(table), (_table(table),), (_curves(table),))


def split_up(n_photos: int, seed: int) -> tuple[list[int], list[int]]:
    """Which photos may be labelled, in order, and which are judged."""
    order = np.random.default_rng(seed).permutation(n_photos).tolist()
    n_judged = max(1, round(JUDGED_SHARE * n_photos))
    return order[n_judged:], order[:n_judged]


def _seen(
    observatory: Observatory, encoder: Encoder, photos: Sequence[TruePhoto], settings: NaveSettings, progress: Progress
) -> Iterator[Seen]:
    given = [true.photo for true in photos]
    looking = observatory.feature_maps(encoder, given, settings.input_size, settings.depths, progress.silent())
    for true, maps in zip(photos, looking, strict=True):
        shape = encoder.input_shape(true.photo.shape, settings.input_size)
        if true.mask is not None:
            yield Seen(maps, shape, at_size(true.mask, shape))


# --- methods ----------------------------------------------------------------------------------------------------------------


def _ious(labelled: Sequence[Seen], judged: Sequence[Seen], settings: NaveSettings, seed: int) -> Iterator[tuple[str, float]]:
    """Every method's IoU on every photo that is judged."""
    each = segment_together([s.maps for s in labelled], settings, [s.shape for s in labelled])
    masks = [s.mask for s in labelled]
    k = k_for_others({k: Counts.of([m.at(k) for m in each], masks) for k in settings.ks}) if len(labelled) > 1 else K_OF_ONE
    parts, is_object = each[0].parts(k), named(Counts.of([m.at(k) for m in each], masks))
    probe = fit_probe(parts, labelled, seed)
    for photo in judged:
        labels = find(parts, np.zeros(k), photo.maps, photo.shape).nearest
        yield NAMED, iou(is_object[labels], photo.mask)
        yield PROBE, iou(probed(probe, parts, photo), photo.mask)
        yield BEST, iou(named(Counts.of([labels], [photo.mask]))[labels], photo.mask)
        yield ALL, float(photo.mask.mean())


@dataclass(frozen=True, eq=False)
class Counts:
    """Positions of clusters in photos, (n_photos, k) each: in the object, and at all."""

    inside: Array
    area: Array

    @classmethod
    def of(cls, maps: Sequence[Array], masks: Sequence[Array]) -> "Counts":
        """From label maps (H, W), and where their object is, (H, W) bool each."""
        k = 1 + max(int(labels.max()) for labels in maps)
        pairs = [*zip(maps, masks, strict=True)]
        inside = [np.bincount(labels[mask], minlength=k) for labels, mask in pairs]
        return cls(np.stack(inside), np.stack([np.bincount(labels.ravel(), minlength=k) for labels, _ in pairs]))

    def at(self, photos: Array) -> "Counts":
        """Of some of the photos, (n_photos,) bool."""
        return Counts(self.inside[photos], self.area[photos])


def named(counts: Counts) -> Array:
    """The clusters whose union has the largest IoU with the object over all photos together, (k,) bool: those that lie in it
    most, as many of them as raise it."""
    inside, area = counts.inside.sum(0), counts.area.sum(0)
    order = np.argsort(-inside / np.maximum(area, 1), kind="stable")
    ious = inside[order].cumsum() / (inside.sum() + (area - inside)[order].cumsum()).clip(min=1)
    is_object = np.zeros(len(order), dtype=bool)
    is_object[order[: int(ious.argmax()) + 1]] = inside.any()
    return is_object


def k_for_others(counts: dict[int, Counts]) -> int:
    """The number of clusters at which names from all photos but one find the object of that one best, over all of them; of
    several as good, the smallest."""
    return max(counts, key=lambda k: (_left_out_iou(counts[k]), -k))


def _left_out_iou(counts: Counts) -> float:
    n_photos = len(counts.area)
    ious = []
    for photo in range(n_photos):
        is_object = named(counts.at(np.arange(n_photos) != photo))
        inside, area = counts.inside[photo], counts.area[photo]
        ious.append(inside[is_object].sum() / max(1, inside.sum() + (area - inside)[is_object].sum()))
    return float(np.mean(ious))


def fit_probe(parts: Parts, labelled: Sequence[Seen], seed: int) -> Line:
    """Reads the object off composite activations, at as many grid positions of the photos as MAX_POSITIONS allow."""
    each = max(1, MAX_POSITIONS // len(labelled))
    rng = np.random.default_rng(seed)
    activations, truths = [], []
    for photo in labelled:
        composite = composite_as(parts, photo.maps, photo.shape)
        some = rng.permutation(composite.n_positions)[:each]
        activations.append(composite.at(torch.from_numpy(some)).double().numpy())
        truths.append(at_size(photo.mask, composite.shape).ravel()[some])
    return fit_line(np.concatenate(activations), np.concatenate(truths)[:, None].astype(float))


def probed(probe: Line, parts: Parts, photo: Seen) -> Array:
    """Where the probe sees the object in a photo, (H, W) bool."""
    composite = composite_as(parts, photo.maps, photo.shape)
    values = probe(composite.at(torch.arange(composite.n_positions)).double().numpy())[:, 0]
    return at_size((values > 0.5).reshape(composite.shape), photo.shape)


# --- table, figure, sentence --------------------------------------------------------------------------------------------------


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("labelled", "Photos labelled"),
        Column("method", "Method", f"'{BEST}' is an oracle: the truth of every photo names its clusters."),
        *measure("iou", "IoU", "Of the object, on photos without labels."),
    ]
    return Table.of("few-labels", "The object in photos without labels", columns, rows)


def _curves(rows: Sequence[dict[str, Any]]) -> Figure:
    groups = dict.fromkeys((row["encoder"], row["method"]) for row in rows)
    series = tuple(series_of(f"{encoder}, {method}", _of(rows, encoder, method), "labelled", "iou") for encoder, method in groups)
    return Figure("iou", "IoU of the object over photos labelled", "lines", "photos labelled", "IoU", series)


def _of(rows: Sequence[dict[str, Any]], encoder: str, method: str) -> list[dict[str, Any]]:
    return [row for row in rows if (row["encoder"], row["method"]) == (encoder, method)]


def _sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Where a linear probe does as well or better comes first."""
    by_case = {(row["encoder"], row["labelled"], row["method"]): row for row in rows}
    worse, alike, better = [], [], []
    for encoder, count in dict.fromkeys((row["encoder"], row["labelled"]) for row in rows):
        own, probe = (by_case[encoder, count, method] for method in (NAMED, PROBE))
        words = f"{encoder}, {count} labelled: {measured(own, 'iou', 2)}, probe {measured(probe, 'iou', 2)}"
        if is_clearly_above(own, probe, "iou"):
            better.append(words)
        else:
            (worse if is_clearly_above(probe, own, "iou") else alike).append(words)
    return sentences(
        ("Named clusters find the object clearly worse than a linear probe does:", worse),
        ("Not clearly different:", alike),
        ("Clearly better:", better),
    )


STUDY = Study(
    name="few-labels",
    title="Few labels",
    question="How many photos must be labelled until clusters that were named find the object in other photos?",
    measure=f"IoU of the object on photos without labels, after {', '.join(map(str, LABELLED))} labelled ones: clusters of "
    "composite activations, named where their union fits the object best, carried over by the nearest centroid; beside a linear "
    f"probe on the same activations. How many clusters there are, {KS[0]} to {KS[1]}, is what serves labelled photos best that "
    f"are left out ({K_OF_ONE} with one photo). As many as there are photos for; a quarter of them is judged.",
    does_not_show="What a person would name: here the truth names whole clusters. Objects of scenes fill much of the picture, "
    "and their background is of other materials.",
    example=StudySettings(("scenes-cnn",), n_scenes=28, n_seeds=3, input_size=128),
    run=run,
    needs="mask",
)
