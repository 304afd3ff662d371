"""How an index answers without anybody naming a concept: which parts carry the evidence for a class, where a network fails.

    s, p   per photo and part: share of the evidence for the predicted class, and whether the photo has the part

Parts of one k are tested together. How other ks see a part is asked of the part of theirs to which its middle belongs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from explainers.datasets.findings import Audit, PartPlace
from explainers.datasets.index import Index, open_index
from explainers.datasets.questions import AskAudit
from explainers.dictionaries.failures import rank_failures
from explainers.dictionaries.ranking import PartEvidence, classes_to_test, rank_parts
from explainers.service.observatory import Observatory
from models.errors import BadSettings
from models.progress import Progress


@dataclass(frozen=True, eq=False)
class Shares:
    """Photos by parts."""

    evidence: np.ndarray  # (n, k): share of the evidence for the predicted class
    n_cells: np.ndarray  # (n, k): positions
    on_object: np.ndarray | None  # (n, k): positions on objects

    @property
    def present(self) -> np.ndarray:
        """Whether each photo has each part, (n, k) bool."""
        return self.n_cells > 0

    def together(self, groups: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
        """Share of the evidence, and whether the photo has any, for each of some groups of parts, (n, n_groups) each."""
        evidence = np.stack([self.evidence[:, parts].sum(1) for parts in groups], 1)
        return evidence, np.stack([self.present[:, parts].any(1) for parts in groups], 1)


def audit(question: AskAudit, observatory: Observatory, progress: Progress) -> Audit:
    """The answer for one k; raises UnreadableIndex, and BadSettings for a k that the index lacks or for too many tests."""
    index = open_index(question.folder)
    if question.k not in index.ks:
        raise BadSettings(f"This index has no {question.k} parts. Choose among {', '.join(map(str, index.ks))}.")
    predicted = index.photos["predicted"].to_numpy()
    classes = [idx for idx in classes_to_test(predicted) if not question.classes or idx in question.classes]
    shares = shares_of(index, question.k)
    ranked = rank_parts(shares.evidence, shares.present, predicted, classes, question.seed, progress)
    labelled, wrong = wrong_of(index)
    return Audit(
        index_key=index.key,
        k=question.k,
        seed=question.seed,
        class_names=index.class_names,
        n_photos=len(predicted),
        tested=tuple(classes),
        parts=places_of(index, question.k, shares),
        evidence=tuple(ranked),
        agreeing=_agreeing(index, question, ranked),
        n_labelled=int(labelled.sum()),
        n_wrong=int(wrong.sum()),
        failures=tuple(rank_failures(shares.present[labelled], wrong[labelled])) if wrong.any() else (),
    )


def shares_of(index: Index, k: int, *, only_beside: bool = False) -> Shares:
    """Photos by parts, summed over regions: all, or only those that lie beside objects by more than half, where that is known."""
    table = index.regions(k, ("part", "n_cells", "evidence", "on_object"))
    if only_beside:
        table = table.filter(pa.array(table["on_object"].to_numpy() < 0.5))
    place = table["photo_idx"].to_numpy() * k + table["part"].to_numpy()
    shape = len(index.photos), k

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(place, values, minlength=shape[0] * k).reshape(shape)

    n_cells = table["n_cells"].to_numpy()
    on_object = table["on_object"].to_numpy() if table["on_object"].null_count == 0 and len(table) else None
    on = None if on_object is None else summed(on_object * n_cells)
    return Shares(summed(table["evidence"].to_numpy()), summed(n_cells), on)


def wrong_of(index: Index) -> tuple[np.ndarray, np.ndarray]:
    """Which photos are labelled with the name or the number of a class, and which of them are predicted as another one, (n,) bool
    each."""
    numbers = {str(idx): idx for idx in range(len(index.class_names))}  # as WebDataset writes labels
    names = numbers | {name: idx for idx, name in enumerate(index.class_names)}
    labels = np.array([names.get(label, -1) for label in index.photos["label"].to_pylist()])
    labelled = labels >= 0
    return labelled, labelled & (labels != index.photos["predicted"].to_numpy())


def places_of(index: Index, k: int, shares: Shares) -> tuple[PartPlace, ...]:
    """Where the parts of one k lie, by number."""
    n_regions = np.bincount(index.regions(k, ("part",))["part"].to_numpy(), minlength=k)
    area = shares.n_cells / np.maximum(shares.n_cells.sum(1, keepdims=True), 1)
    n_photos, n_cells = shares.present.sum(0), shares.n_cells.sum(0)
    return tuple(
        PartPlace(
            part,
            int(n_photos[part]),
            int(n_regions[part]),
            float(area[:, part].sum() / max(n_photos[part], 1)),
            None if shares.on_object is None else float(shares.on_object[:, part].sum() / max(n_cells[part], 1)),
            None if shares.on_object is None else float(shares.on_object.sum() / n_cells.sum()),
        )
        for part in range(k)
    )


def _agreeing(index: Index, question: AskAudit, ranked: Sequence[PartEvidence]) -> dict[tuple[int, int], tuple[int, ...]]:
    """By class and significant part, the other ks at which the part that its middle belongs to is significant as well, among all
    that are asked about at that k."""
    significant = [row for row in ranked if row.significant]
    agreeing: dict[tuple[int, int], tuple[int, ...]] = {(row.class_idx, row.part): () for row in significant}
    for other_k in (k for k in index.ks if k != question.k and significant):
        at_other = {row.part: index.dictionary.at_other_k(row.part, question.k, other_k) for row in significant}
        there = _significant_there(index, other_k, sorted(set(at_other.values())), significant, question.seed)
        for class_idx, part in agreeing:
            if (class_idx, at_other[part]) in there:
                agreeing[class_idx, part] += (other_k,)
    return agreeing


def _significant_there(
    index: Index, k: int, parts: list[int], asked_about: Sequence[PartEvidence], seed: int
) -> set[tuple[int, int]]:
    """The significant ones of some parts of another k, by class and part, in the classes that are asked about."""
    shares, predicted = shares_of(index, k), index.photos["predicted"].to_numpy()
    classes = sorted({row.class_idx for row in asked_about})
    ranked = rank_parts(shares.evidence[:, parts], shares.present[:, parts], predicted, classes, seed)
    return {(row.class_idx, parts[row.part]) for row in ranked if row.significant}
