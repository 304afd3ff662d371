"""Explanations as rows, CSV and JSON. Pure functions."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from explainers.results.explanations import (
    ALL_DEPTHS,
    ClassConcept,
    ClassExplanation,
    ConceptAtDepth,
    DepthFacts,
    LocalExplanation,
)
from explainers.visual_tcav.estimates import ClassEstimate, Estimate
from explainers.visual_tcav.verdicts import Verdict
from models.encoder.encoder import EncoderInfo

Row = dict[str, Any]
GAP_LIMIT = 0.01  # of the logit change, above which more steps are advised


def local_rows(explanation: LocalExplanation) -> list[Row]:
    """One row per class, concept and depth; where depths are several, one over all of them as well."""
    facts = {f.depth: f for f in explanation.depths}

    def beside(c: ConceptAtDepth, row: int) -> Row:
        off_map, gap = facts[c.depth].off_map_shares[row], gap_share(facts[c.depth], row)
        return {"off_map_share": off_map, "completeness_gap": gap, "map_peak": float(c.concept_map.max()), **_health_cells(c)}

    return [
        {"class_idx": idx, "class": name, **cells}
        for row, (idx, name) in enumerate(zip(explanation.class_idx, explanation.class_names, strict=True))
        for cells in _rows(explanation, lambda c: _local_cells(c.estimates[row]), lambda c: beside(c, row))  # noqa: B023
    ]


def class_rows(explanation: ClassExplanation) -> list[Row]:
    """One row per concept and depth; where depths are several, one over all of them as well."""
    of_class = {"class_idx": explanation.class_idx, "class": explanation.class_name}
    return [of_class | cells for cells in _rows(explanation, lambda c: _class_cells(c.estimate), _health_cells)]


def _rows(
    explanation: LocalExplanation | ClassExplanation, estimates_of: Callable[[Any], Row], beside: Callable[[Any], Row]
) -> Iterator[Row]:
    """Per concept a row for every depth and, if they are several, one over all; ``beside`` is what only a depth has."""
    for together in explanation.over_depths:
        at_depths = [c for c in explanation.concepts if c.concept == together.concept]
        for c in at_depths:
            yield {"concept": c.concept, "depth": c.depth, **estimates_of(c), **beside(c)}
        if len(at_depths) > 1:
            nothing = dict.fromkeys(beside(at_depths[0]))
            verdict = {"verdict": "all depths", "verdict_in_words": _verdict_over_depths(at_depths)}
            yield {"concept": together.concept, "depth": ALL_DEPTHS, **estimates_of(together), **nothing, **verdict}


def _local_cells(figure: Estimate) -> Row:
    return {
        "attribution": figure.value,
        "interval_low": figure.interval[0],
        "interval_high": figure.interval[1],
        "p_value": figure.p_value,
        "corrected_p_value": figure.corrected_p_value,
        "significant": figure.significant,
        "evidence_against": figure.negative,
        "chance": figure.null_mean,
    }


def _class_cells(figure: ClassEstimate) -> Row:
    return {
        "n_images": len(figure.values),
        "mean": figure.mean,
        "interval_low": figure.interval[0],
        "interval_high": figure.interval[1],
        "std": figure.std,
        "p_value": figure.p_value,
        "corrected_p_value": figure.corrected_p_value,
        "significant": figure.significant,
        "evidence_against": float(np.mean(figure.negatives)),
        "chance": figure.null_mean,
        "tcav_score": figure.tcav_score,
        "tcav_p_value": figure.tcav_p_value,
    }


def _health_cells(found: ConceptAtDepth | ClassConcept) -> Row:
    verdict = found.health.verdict
    return {"auc": found.health.auc, "verdict": verdict.value, "verdict_in_words": verdict.sentence}


def _verdict_over_depths(at_depths: Sequence[ConceptAtDepth | ClassConcept]) -> str:
    n_good = sum(c.health.verdict in (Verdict.SOUND, Verdict.FAIR) for c in at_depths)
    return f"Sound or fair at {n_good} of {len(at_depths)} depths."


def rows_of(explanation: LocalExplanation | ClassExplanation) -> list[Row]:
    """The table of either kind."""
    return local_rows(explanation) if isinstance(explanation, LocalExplanation) else class_rows(explanation)


def gap_share(facts: DepthFacts, row: int) -> float:
    """The completeness gap as a share of the logit's change; infinite where the logit does not change but the sum does."""
    gap, change = facts.completeness_gaps[row], abs(facts.logit_changes[row])
    if change == 0:
        return 0.0 if gap == 0 else math.inf
    return gap / change


def depths_with_gap(explanation: LocalExplanation) -> dict[int, float]:
    """Depths at which a class's completeness gap exceeds the limit, with the largest share."""
    largest = {f.depth: max(gap_share(f, row) for row in range(len(explanation.class_idx))) for f in explanation.depths}
    return {depth: share for depth, share in largest.items() if share > GAP_LIMIT}


def as_csv(rows: Sequence[Row]) -> bytes:
    """The rows under their names."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()


def as_json(explanation: LocalExplanation | ClassExplanation) -> bytes:
    """Everything that was found, its settings and provenance."""
    return json.dumps(plain_data(explanation), indent=1, ensure_ascii=False, allow_nan=False).encode()


def plain_data(value: Any) -> Any:
    """Dataclasses, arrays and mappings as dicts, lists and numbers; what JSON cannot say is None."""
    if isinstance(value, EncoderInfo):
        return {
            name: plain_data(getattr(value, name)) for name in ("name", "architecture", "fingerprint", "licence", "preprocessing")
        }
    if is_dataclass(value):
        return {field.name: plain_data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return plain_data(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain_data(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
