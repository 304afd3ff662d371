"""What comes of comparing two encoders over a data set (comparison.py): as plain data, as JSON, and in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from explainers.datasets.findings import PartPlace
from explainers.datasets.questions import Chosen
from explainers.datasets.soundness import MOST_CELLS, is_shaped
from explainers.dictionaries.differences import Carried, PartDifference
from explainers.results.provenance import versions
from models.version import __version__

SCHEMA = "encoderscope/changes/1"
_SHAPE: dict[str, Any] = {  # of a record: what is read of it
    "encoders": [{"name": str}],
    "sentences": [str],
    "differences": [
        {
            **{"class": str, "part": int, "first": float, "second": float, "difference": float, "interval": [float]},
            **{"corrected_p_value": float, "carried": str, "place": str},
            "regions": [{"photo": str, "shares": [float], "mask": [str]}],
        }
    ],
    "changes": [{"name": str, "label": str, "predicted": [str]}],
}


@dataclass(frozen=True)
class ComparisonSettings:
    """What decides a comparison, besides the photos."""

    encoders: tuple[str, str]
    depths: tuple[int | None, int | None] = (None, None)  # None: the one before the deepest of the usual ones
    k: int = 64  # joint parts
    n_positions: int = 20_000
    seed: int = 0


@dataclass(frozen=True)
class Change:
    """A photo that the encoders predict differently."""

    name: str
    label: str
    predicted: tuple[str, str]
    probabilities: tuple[float, float]


@dataclass(frozen=True)
class Labelled:
    """How both do on photos whose label is a class."""

    n: int
    n_right: tuple[int, int]
    n_mended: int  # wrong with the first, right with the second
    n_broken: int  # right with the first, wrong with the second


@dataclass(frozen=True, eq=False)
class RegionOfPart:
    """Where a joint part lies in a photo, and what it carries there with either encoder."""

    photo: str
    mask: np.ndarray  # (h, w) bool
    shares: tuple[float, float]


@dataclass(frozen=True, eq=False)
class DataComparison:
    """Two encoders over a data set."""

    settings: ComparisonSettings
    data: str
    chosen: tuple[Chosen, Chosen]
    class_names: tuple[str, ...]
    stability: float  # of the joint parts between seeds
    differences: tuple[PartDifference, ...]  # what the second encoder gains first, what it loses last
    places: tuple[PartPlace, ...]  # of the parts, by number
    n_photos: int
    n_same: int  # photos that both predict alike
    changes: tuple[Change, ...]
    labelled: Labelled
    refused: Mapping[str, str]  # photos that could not be read, and why
    regions: Mapping[tuple[int, int], tuple[RegionOfPart, ...]] = field(default_factory=dict)  # by class and part


def comparison_record(comparison: DataComparison) -> dict[str, Any]:
    """A comparison as JSON has it: all parts and classes, the first of them with pictures."""
    names = comparison.class_names
    return {
        "schema": SCHEMA,
        "data": comparison.data,
        "encoders": [of.encoder for of in comparison.chosen],
        "settings": comparison.settings,
        "class_names": names,
        "sentences": sentences(comparison),
        "stability": comparison.stability,
        "n_photos": comparison.n_photos,
        "n_same": comparison.n_same,
        "labelled": comparison.labelled,
        "differences": [_row_record(row, comparison) for row in comparison.differences],
        "places": comparison.places,
        "changes": comparison.changes,
        "refused": comparison.refused,
        "encoderscope": __version__,
        "versions": versions(),
    }


def read_comparison(data: bytes) -> dict[str, Any] | None:
    """What `comparison_record` gave, from its JSON; None where it is anything else."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return record if is_shaped(record, _SHAPE) and _is_as_written(record) else None


def _is_as_written(record: Mapping[str, Any]) -> bool:
    """Whether there are two of what is there for each encoder, and every region is rows of noughts and ones."""
    rows = record["differences"]
    regions = [region for row in rows for region in row["regions"]]
    pairs = [record["encoders"], *(row["interval"] for row in rows), *(region["shares"] for region in regions)]
    pairs += [change["predicted"] for change in record["changes"]]
    are_known = all(row["carried"] in get_args(Carried) for row in rows)
    return are_known and all(len(pair) == 2 for pair in pairs) and all(_is_mask(region["mask"]) for region in regions)


def _is_mask(lines: list[str]) -> bool:
    widths = {len(line) for line in lines}
    return len(widths) == 1 and 0 < max(widths) <= MOST_CELLS and len(lines) <= MOST_CELLS


def _row_record(row: PartDifference, comparison: DataComparison) -> dict[str, Any]:
    regions = comparison.regions.get((row.class_idx, row.part), ())
    pictures = [{"photo": of.photo, "shares": of.shares, "mask": _lines(of.mask)} for of in regions]
    return {
        "class": comparison.class_names[row.class_idx],
        **{name: getattr(row, name) for name in PartDifference.__dataclass_fields__},
        "place": comparison.places[row.part].place,
        "regions": pictures,
    }


def _lines(mask: np.ndarray) -> list[str]:
    """A region (h, w) row by row, 1 where it is."""
    return ["".join("01"[int(cell)] for cell in row) for row in mask]


def sentences(comparison: DataComparison, n_parts: int = 2) -> list[str]:
    """What came out, in words that follow from the figures: predictions, labels, the parts that differ most."""
    first, second = (of.encoder.name for of in comparison.chosen)
    n_changed = comparison.n_photos - comparison.n_same
    said = [f"{n_changed} of {comparison.n_photos} photos are predicted otherwise by '{second}' than by '{first}'."]
    labelled = comparison.labelled
    if labelled.n:
        said.append(
            f"Of {labelled.n} labelled photos, {labelled.n_right[0]} are right with '{first}' and {labelled.n_right[1]} with "
            f"'{second}': {labelled.n_mended} become right, {labelled.n_broken} wrong."
        )
    gains = [row for row in comparison.differences if row.significant and row.difference > 0][:n_parts]
    losses = [row for row in reversed(comparison.differences) if row.significant and row.difference < 0][:n_parts]
    said += [_part_sentence(row, comparison) for row in (*gains, *losses)]
    nothing = "No part carries more evidence with one encoder than with the other, beyond chance."
    return said if gains or losses else [*said, nothing]


def _part_sentence(row: PartDifference, comparison: DataComparison) -> str:
    first, second = (of.encoder.name for of in comparison.chosen)
    place = comparison.places[row.part].place
    where = f", {'beside the object' if place == 'beside it' else place}," if place else ""
    low, high = row.interval
    return (
        f"Part {row.part}{where} carries {row.second:.0%} of the evidence for '{comparison.class_names[row.class_idx]}' with "
        f"'{second}', {row.first:.0%} with '{first}' (difference {row.difference:+.2f} [{low:+.2f}, {high:+.2f}], "
        f"p = {row.corrected_p_value:.2g} after Holm)."
    )
