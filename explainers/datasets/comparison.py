"""Two encoders compared over a data set, by joint parts and by what they predict. Nobody names a concept.

Three passes as in making.py: hash, sample and cluster, describe. Of each photo the joint part and the evidence of every position
stay in memory: one or two kilobytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from explainers.datasets.changes import SCHEMA, Change, ComparisonSettings, DataComparison, Labelled, RegionOfPart
from explainers.datasets.findings import PartPlace
from explainers.datasets.items import Item, UnreadableData
from explainers.datasets.making import Ask, OnObjects, Read, groups_of, hashed, nothing_known, photos_in
from explainers.datasets.questions import ChooseDepth, Chosen, PhotosAtDepth
from explainers.datasets.shards import Known, hash_of
from explainers.datasets.together import DescribeTogether, FitTogether, RankDifferences, SampleTogether, SeenTwice
from explainers.dictionaries.differences import Evidence, PartDifference
from explainers.dictionaries.joint import JointDictionary
from explainers.dictionaries.sample import sampled_photos
from explainers.dictionaries.settings import DictionarySettings, require_valid
from models.encoder.labels import class_name
from models.errors import BadSettings
from models.progress import IGNORED, Progress

HASHED, SAMPLED, DESCRIBED = 0.03, 0.25, 0.95  # shares of the progress at which the passes end
N_ROWS = 100  # of part and class, at either end, that are kept with pictures in a record
N_REGIONS = 6  # pictures of each


@dataclass(frozen=True)
class Comparing:
    """What it takes to compare two encoders over a data set."""

    items: Sequence[Item]
    settings: ComparisonSettings
    data_name: str
    ask: Ask
    on_objects: OnObjects = nothing_known


@dataclass(frozen=True, eq=False)
class _Seen:
    """One photo after the last pass: what stays in memory of it."""

    item: Item
    twice: SeenTwice
    on_object: np.ndarray | None  # (h, w)

    def shares_of_parts(self, k: int) -> np.ndarray:
        """The shares (2, k) of the evidence on every part."""
        flat = self.twice.parts.ravel()
        return np.stack([np.bincount(flat, shares.ravel(), minlength=k) for shares in self.twice.shares]).astype(np.float32)


def compare_encoders(comparing: Comparing, progress: Progress = IGNORED) -> DataComparison:
    """The comparison; raises BadSettings where the encoders have different classes, UnreadableData where no photo can be read."""
    settings = comparing.settings
    dictionary_settings = DictionarySettings((settings.k,), settings.n_positions, seed=settings.seed)
    require_valid(dictionary_settings)
    each = zip(settings.encoders, settings.depths, strict=True)
    first, second = (comparing.ask(ChooseDepth(name, depth, 0)) for name, depth in each)
    class_names = _class_names(first, second)
    photos = hashed(comparing.items, progress.part(0, HASHED))
    key, dictionary = _fitted(comparing, photos, (first, second), dictionary_settings, progress.part(HASHED, SAMPLED))
    refused: dict[str, str] = {}
    seen = list(_described(comparing, photos, (first, second), (key, dictionary), refused, progress.part(SAMPLED, DESCRIBED)))
    shares = np.stack([of.shares_of_parts(settings.k) for of in seen])  # (n, 2, k)
    present = np.stack([np.bincount(of.twice.parts.ravel(), minlength=settings.k) > 0 for of in seen])
    predicted = np.array([of.twice.predicted for of in seen])
    evidence = Evidence(predicted[:, 0], shares[:, 0]), Evidence(predicted[:, 1], shares[:, 1])
    progress.report(DESCRIBED, "Comparing evidence")
    differences = comparing.ask(RankDifferences(hash_of([key, len(seen)]), settings.seed, evidence, present))
    return DataComparison(
        settings=replace(settings, depths=(first.depth, second.depth)),
        data=comparing.data_name,
        chosen=(first, second),
        class_names=class_names,
        stability=dictionary.stability,
        differences=differences,
        places=_places(seen, settings.k),
        n_photos=len(seen),
        n_same=int((predicted[:, 0] == predicted[:, 1]).sum()),
        changes=tuple(_changes(seen, class_names)),
        labelled=_labelled(seen, class_names),
        refused=refused,
        regions=_regions(seen, shares, [*differences[:N_ROWS], *differences[N_ROWS:][-N_ROWS:]]),
    )


def _class_names(first: Chosen, second: Chosen) -> tuple[str, ...]:
    names = [_names(chosen) for chosen in (first, second)]
    if names[0] != names[1]:
        raise BadSettings(
            f"'{first.encoder.name}' and '{second.encoder.name}' have different classes, so no evidence for a class can be "
            "compared. Choose two encoders of the same classes."
        )
    return names[0]


def _names(chosen: Chosen) -> tuple[str, ...]:
    names = chosen.encoder.class_names
    return tuple(class_name(names, idx) for idx in range(max(2, len(names))))


def _seen_by(chosen: tuple[Chosen, Chosen], group: Sequence[Read]) -> tuple[PhotosAtDepth, PhotosAtDepth]:
    photos = photos_in(group)
    first, second = (PhotosAtDepth(of.encoder.name, of.depth, of.input_size, photos) for of in chosen)
    return first, second


def _fitted(
    comparing: Comparing,
    photos: Sequence[Known],
    chosen: tuple[Chosen, Chosen],
    settings: DictionarySettings,
    progress: Progress,
) -> tuple[str, JointDictionary]:
    """The joint dictionary, and a hash of all that decides it."""
    by_hash = {known.sha256: known for known in sorted(photos, key=lambda known: known.item.name, reverse=True) if known.sha256}
    hashes, n_each = sampled_photos(by_hash, settings.n_positions, settings.seed)
    looks = [(of.encoder.fingerprint, of.depth, of.input_size) for of in chosen]
    key = hash_of([SCHEMA, looks, comparing.settings.k, settings.seed, hashes])
    sampled: list[tuple[np.ndarray, np.ndarray]] = []
    for group in groups_of([by_hash[sha256] for sha256 in hashes]):
        progress.report(len(sampled) / len(hashes), "Sampling positions")
        seen = _seen_by(chosen, group)
        sampled += comparing.ask(SampleTogether(*seen, n_each, settings.seed)) if seen[0].photos else ()
    if not sampled:
        raise UnreadableData("Not one photo of this data set can be read. Choose another one.")
    progress.report(1.0, "Clustering positions")
    of_first, of_second = (np.concatenate(of_photos) for of_photos in zip(*sampled, strict=True))
    return key, comparing.ask(FitTogether(key, comparing.settings.k, settings, (of_first, of_second)))


def _described(
    comparing: Comparing,
    photos: Sequence[Known],
    chosen: tuple[Chosen, Chosen],
    fitted: tuple[str, JointDictionary],
    refused: dict[str, str],
    progress: Progress,
) -> Iterator[_Seen]:
    """Every photo that can be read, in the order of hashes; what cannot be is noted in ``refused``."""
    ordered = sorted(photos, key=lambda known: (known.sha256, known.item.name))
    n_done = 0
    for group in groups_of(ordered):
        progress.report(n_done / len(ordered), f"{n_done} of {len(ordered)} photos")
        seen = _seen_by(chosen, group)
        answers = iter(comparing.ask(DescribeTogether(*seen, *fitted)) if seen[0].photos else ())
        for known, photo, error in group:
            if photo is None:
                refused[known.item.name] = error
            else:
                twice = next(answers)
                yield _Seen(known.item, twice, comparing.on_objects(known.item, photo, twice.parts.shape))
        n_done += len(group)


def _places(seen: Sequence[_Seen], k: int) -> tuple[PartPlace, ...]:
    """Where the parts lie; their regions are not counted apart."""
    n_cells = np.stack([np.bincount(of.twice.parts.ravel(), minlength=k) for of in seen])
    n_photos = (n_cells > 0).sum(0)
    area = (n_cells / n_cells.sum(1, keepdims=True)).sum(0) / np.maximum(n_photos, 1)
    known = [(of.twice.parts.ravel(), of.on_object.ravel()) for of in seen if of.on_object is not None]
    if len(known) < len(seen):
        return tuple(PartPlace(part, int(n_photos[part]), int(n_photos[part]), float(area[part])) for part in range(k))
    on = np.sum([np.bincount(parts, on_object, minlength=k) for parts, on_object in known], 0)
    return tuple(
        PartPlace(
            part,
            int(n_photos[part]),
            int(n_photos[part]),
            float(area[part]),
            float(on[part] / max(n_cells[:, part].sum(), 1)),
            float(on.sum() / n_cells.sum()),
        )
        for part in range(k)
    )


def _changes(seen: Sequence[_Seen], class_names: Sequence[str]) -> Iterator[Change]:
    for of in seen:
        before, after = of.twice.predicted
        if before != after:
            yield Change(of.item.name, of.item.label, (class_names[before], class_names[after]), of.twice.probabilities)


def _labelled(seen: Sequence[_Seen], class_names: Sequence[str]) -> Labelled:
    idx_of = {str(idx): idx for idx in range(len(class_names))} | {name: idx for idx, name in enumerate(class_names)}
    right = np.array([[p == idx_of[of.item.label] for p in of.twice.predicted] for of in seen if of.item.label in idx_of], bool)
    right = right.reshape(-1, 2)
    n_first, n_second = right.sum(0).tolist()
    mended, broken = (~right[:, 0] & right[:, 1]).sum(), (right[:, 0] & ~right[:, 1]).sum()
    return Labelled(len(right), (n_first, n_second), int(mended), int(broken))


def _regions(
    seen: Sequence[_Seen], shares: np.ndarray, rows: Sequence[PartDifference]
) -> dict[tuple[int, int], tuple[RegionOfPart, ...]]:
    """For each of some parts and classes the photos of the class in which it differs most; ``shares`` (n, 2, k)."""
    predicted = np.array([of.twice.predicted for of in seen])
    regions = {}
    for row in rows:
        within = np.flatnonzero((predicted == row.class_idx).all(1))
        gained = (shares[within, 1, row.part] - shares[within, 0, row.part]) * np.sign(row.difference)
        most = within[np.argsort(-gained, kind="stable")[:N_REGIONS]]
        at = [(seen[idx], shares[idx, :, row.part].tolist()) for idx in most]
        regions[row.class_idx, row.part] = tuple(
            RegionOfPart(of.item.name, of.twice.parts == row.part, (s, t))
            for of, (s, t) in at
            if (of.twice.parts == row.part).any()
        )
    return regions
