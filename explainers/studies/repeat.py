"""Study: do maps, attributions and p-values repeat when something changes that should not matter?

another seed     of clustering, of replicates and pseudo-concepts
other threads    two instead of one, or one instead of several: sums are taken in another order
half precision   weights and outputs of modules rounded to bfloat16 (models/encoder/altered.py); concepts fitted anew
JPEG             the photo written and read again; examples of concepts stay as they are
one pixel        the photo moved right and down by one pixel, its first row and column repeated

alike     with what came out before: adjusted Rand index of segmentation maps at one k, of what both show; rank correlation of
          concept maps and of attributions
p-values  of every photo and concept over all depths: mean absolute change, and the share that stays on its side of 0.05
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image

from explainers.maps.partitions import adjusted_rand_index
from explainers.nave.settings import NaveSettings
from explainers.service.observatory import Observatory
from explainers.studies.concepts_seen import (
    EvidenceShared,
    Examples,
    Explained,
    Seen,
    Stacks,
    about_top_classes,
    apart,
    maps_alike,
    rank_correlation,
    seen_with,
    settings_for,
    stacks_of,
    starter_examples,
)
from explainers.studies.findings import Column, Figure, Findings, Table, measure, series_of
from explainers.studies.looking import segmentations
from explainers.studies.settings import StudySettings
from explainers.studies.spread import averaged, in_words, sentences
from explainers.studies.study import RunStudy, Study
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.encoder import Encoder
from models.encoder.altered import in_half_precision
from models.photo import Photo, photo_from_array
from models.progress import IGNORED, Progress

STABLE = 0.9  # alike by less than this has not repeated
FIXED_K = 6
N_NULL, N_BOOTSTRAP = 100, 20
OTHER_SEED = 100
QUALITIES = (90, 50)
SEED, THREADS, HALF, SHIFT = "another seed", "other threads", "half precision", "one pixel"
MEASURES = {
    "maps": "segmentation maps",
    "concept_maps": "concept maps",
    "attributions": "attributions",
    "verdicts": "verdicts at 0.05",
}
Array = np.ndarray
Change = Callable[[Photo], Photo]


@dataclass(frozen=True, eq=False)
class Looked:
    """What an encoder shows in photos."""

    labels: tuple[Array, ...]  # segmentation maps (H, W), one per photo
    seen: Seen


@dataclass(frozen=True, eq=False)
class _Look:
    """Looks at photos, for the classes that the untouched encoder gives them."""

    settings: StudySettings
    observatory: Observatory
    examples: Examples
    explained: Explained
    evidence: EvidenceShared = field(default_factory=EvidenceShared)

    def fit(self, encoder: Encoder, seed: int, progress: Progress) -> Stacks:
        """The concepts with what they are tested against."""
        settings = settings_for(encoder, N_NULL, N_BOOTSTRAP, seed)
        return stacks_of(self.observatory, encoder, self.examples, settings, progress.silent())

    def __call__(self, encoder: Encoder, stacks: Stacks, seed: int, progress: Progress, change: Change = lambda p: p) -> Looked:
        photos = tuple(map(change, self.explained.photos))
        nave = NaveSettings((), input_size=self.settings.input_size, min_clusters=FIXED_K, max_clusters=FIXED_K, seed=seed)
        maps = segmentations(apart(self.observatory), encoder, photos, nave, progress)
        settings = settings_for(encoder, N_NULL, N_BOOTSTRAP, seed)
        explained = Explained(photos, self.explained.class_idx)
        evidence = self.evidence(encoder, explained, settings, progress)
        seen = seen_with(encoder, stacks, explained, evidence, settings, progress.silent())
        return Looked(tuple(of_photo.at(FIXED_K) for of_photo in maps), seen)


def run(question: RunStudy, observatory: Observatory, progress: Progress) -> Findings:
    """The findings for every encoder on the photos of the question."""
    settings = question.settings
    rows: list[dict[str, Any]] = []
    for n, name in enumerate(settings.encoders):
        part = progress.part(n / len(settings.encoders), (n + 1) / len(settings.encoders))
        encoder = observatory.encoder(name, progress)
        photos = [true.photo for true in question.photos]
        look = _Look(settings, observatory, starter_examples(observatory, half=0), about_top_classes(encoder, photos))
        rows += [{"encoder": name, **row} for row in _rows(look, encoder, part)]
    table = averaged(rows, ("encoder", "change"))
    return Findings(_sentence(table), (_table(table),), tuple(_bars(table, name) for name in MEASURES))


def _rows(look: _Look, encoder: Encoder, progress: Progress) -> Iterator[dict[str, Any]]:
    """How alike everything is after every change, seed by seed."""
    seeds, name, half = look.settings.seeds, encoder.info.name, in_half_precision(encoder)
    for seed in seeds:
        part = progress.part(seed / len(seeds), (seed + 1) / len(seeds))
        part.report(0, f"{name}: as it is, seed {seed}")
        stacks = look.fit(encoder, seed, part)
        whole = look(encoder, stacks, seed, part)
        for n, (change, looked) in enumerate(_changed(look, (encoder, half), stacks, seed, part)):
            part.report((n + 2) / (5 + len(QUALITIES)), f"{name}: {change}, seed {seed}")
            yield {"change": change, "seed": seed, **alike(whole, looked, moved_px=1 if change == SHIFT else 0)}


def _changed(
    look: _Look, encoders: tuple[Encoder, Encoder], stacks: Stacks, seed: int, progress: Progress
) -> Iterator[tuple[str, Looked]]:
    """What is seen after every change, by the encoder and by its copy in half precision."""
    encoder, half = encoders
    other = seed + OTHER_SEED
    yield SEED, look(encoder, look.fit(encoder, other, progress), other, progress)
    with other_threads():  # nobody gets a turn meanwhile
        anew = replace(look, evidence=EvidenceShared())
        looked = anew(encoder, anew.fit(encoder, seed, IGNORED), seed, IGNORED)
    yield THREADS, looked
    yield HALF, look(half, look.fit(half, seed, progress), seed, progress)
    for change, changed in changes().items():
        yield change, look(encoder, stacks, seed, progress, changed)


# --- changes ----------------------------------------------------------------------------------------------------------------


def changes() -> Mapping[str, Change]:
    """Changes of photos, by name."""
    of_quality = {f"JPEG, quality {quality}": _jpeg_of(quality) for quality in QUALITIES}
    return {**of_quality, SHIFT: moved}


def _jpeg_of(quality: int) -> Change:
    def written_again(photo: Photo) -> Photo:
        """The photo after JPEG."""
        encoded = BytesIO()
        Image.fromarray(photo.pixels).save(encoded, "JPEG", quality=quality)
        with Image.open(encoded) as picture:
            return photo_from_array(np.array(picture), photo.name)

    return written_again


def moved(photo: Photo) -> Photo:
    """The photo moved right and down by one pixel; its first row and column are there twice."""
    height, width = photo.shape
    rows, columns = (np.maximum(np.arange(side) - 1, 0) for side in (height, width))
    return photo_from_array(photo.pixels[rows][:, columns].copy(), photo.name)


@contextmanager
def other_threads() -> Generator[None]:
    """While active, torch works with two threads if it had one, else with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# --- comparing --------------------------------------------------------------------------------------------------------------


def alike(before: Looked, after: Looked, moved_px: int = 0) -> dict[str, float | None]:
    """How alike two looks are, measure by measure; ``moved_px`` is how far photos were moved right and down in between."""
    pairs = zip(before.labels, after.labels, strict=True)
    has_classes = before.seen.attributions.size > 0
    first, second = before.seen.p_values, after.seen.p_values
    return {
        "maps": float(np.mean([map_agreement(a, b, moved_px) for a, b in pairs])),
        "concept_maps": maps_alike(before.seen.maps, after.seen.maps),
        "attributions": rank_correlation(before.seen.attributions, after.seen.attributions) if has_classes else None,
        "p_change": float(np.abs(first - second).mean()) if has_classes else None,
        "verdicts": same_verdicts(first, second) if has_classes else None,
    }


def map_agreement(before: Array, after: Array, moved_px: int) -> float:
    """Adjusted Rand index of two label maps (H, W), the second of a photo that was moved; of what both show."""
    height, width = before.shape
    kept = before[: height - moved_px, : width - moved_px], after[moved_px:, moved_px:]
    return adjusted_rand_index(*kept, FIXED_K)


def same_verdicts(first: Array, second: Array) -> float:
    """Share of p-values (N, ...) that are on the same side of the significance level."""
    return float(((first <= SIGNIFICANCE_LEVEL) == (second <= SIGNIFICANCE_LEVEL)).mean())


# --- table, figures, sentence -------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("encoder", "Encoder"),
        Column("change", "What was changed"),
        *measure("maps", "Segmentation maps", f"Adjusted Rand index with those before, k = {FIXED_K}."),
        *measure("concept_maps", "Concept maps", "Rank correlation with those before, position by position."),
        *measure("attributions", "Attributions", "Rank correlation with those before, over photos, concepts and depths."),
        *measure("p_change", "Change of p-values", "Mean absolute change, over photos and concepts; raw, over all depths."),
        *measure("verdicts", "Same verdicts", "Share of p-values that stay on the same side of 0.05."),
    ]
    return Table.of("repeat", "What stays alike", columns, rows)


def _bars(rows: Sequence[Mapping[str, Any]], name: str) -> Figure:
    encoders = dict.fromkeys(row["encoder"] for row in rows)
    series = [series_of(encoder, [row for row in rows if row["encoder"] == encoder], "change", name) for encoder in encoders]
    title = f"{MEASURES[name].capitalize()}: how alike they stay"
    return Figure(name, title, "bars", "what was changed", "alike", tuple(series), guide=STABLE)


def _sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """What does not repeat comes first."""
    failed, stable = [], []
    for row in rows:
        below = [
            f"{title} {in_words(row[name], row[f'{name}_sd'], 2)}"
            for name, title in MEASURES.items()
            if row[name] is not None and row[name] < STABLE
        ]
        (failed if below else stable).append(f"{row['encoder']} with {row['change']}" + f": {', '.join(below)}" * bool(below))
    return sentences((f"Alike by less than {STABLE}:", failed), (f"All alike by {STABLE} or more:", stable))


STUDY = Study(
    name="repeat",
    title="Does it repeat?",
    question="Do maps, attributions and p-values stay the same when something changes that should not matter?",
    measure="How alike they are with what came out before, after another seed, other threads, half precision, JPEG, and a shift "
    f"by one pixel. Alike by less than {STABLE} counts as not repeated.",
    does_not_show="That what repeats is right: a mistake repeats, too. Threads are changed within one process of this machine; "
    "half precision is rounding to bfloat16 with sums in float32, as accelerators do, not an accelerator. Examples of concepts "
    "are not drawn again.",
    example=StudySettings(("scenes-cnn",), n_scenes=2, n_seeds=2, input_size=128),
    run=run,
    needs="nothing",
)
