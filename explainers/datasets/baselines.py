"""An earlier check as a baseline: what stood there before is not found again, what has become worse is.

A row that would be a finding is compared with the same concept in the same class before, or with the worst part beside the object
there (parts are numbered anew with every index). It is worse where its difference lies above the earlier one with both 95 %
intervals apart: stricter than a test at 5 %. What was not checked before counts as it would without a baseline.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from explainers.datasets.gate import SCHEMA, Before, Checked, Kind, Verdict
from models.errors import BadSettings

MAX_BYTES = 2**28


@dataclass(frozen=True)
class Baseline:
    """What an earlier check measured."""

    index_key: str
    dictionary: str  # the key of the dictionary whose parts it names
    k: int
    rows: Mapping[tuple[Kind, str, str], Before]  # by kind, name (empty of parts beside the object) and class


def read_baseline(path: Path) -> Baseline:
    """The check in a file that `check --json` wrote; raises BadSettings where it holds none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadSettings(f"'{path}' has more than {MAX_BYTES >> 20} MB. Name what an earlier check wrote with --json.")
        record = json.loads(path.read_bytes())
        if record["schema"] != SCHEMA:
            raise ValueError
        rows = _worst(_row(row) for row in record["checked"])
        return Baseline(str(record["index"]), str(record["dictionary"]), int(record["settings"]["k"]), rows)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadSettings(
            f"'{path}' is not what an earlier check wrote with --json. Check the earlier checkpoint again."
        ) from error


def _row(row: Mapping[str, Any]) -> tuple[tuple[Kind, str, str], Before]:
    evidence = row["evidence"]
    low, high = (float(end) for end in evidence["interval"])
    before = Before(float(evidence["share"]), float(evidence["difference"]), (low, high))
    return _place(row["kind"], row["name"], row["class_name"]), before


def _place(kind: Kind, name: str, class_name: str) -> tuple[Kind, str, str]:
    return kind, "" if kind == "beside" else name, class_name


def _worst(rows: Iterable[tuple[tuple[Kind, str, str], Before]]) -> dict[tuple[Kind, str, str], Before]:
    worst: dict[tuple[Kind, str, str], Before] = {}
    for place, before in rows:
        if place not in worst or before.difference > worst[place].difference:
            worst[place] = before
    return worst


def against(verdict: Verdict, baseline: Baseline) -> Verdict:
    """The verdict, in which only what is worse than in the baseline is a finding; raises BadSettings where parts are others."""
    if verdict.settings.k != baseline.k:
        raise BadSettings(
            f"The baseline was checked with {baseline.k} parts, this index with {verdict.settings.k}. Choose --k {baseline.k}."
        )
    if verdict.dictionary != baseline.dictionary and any(row.kind == "part" for row in verdict.checked):
        raise BadSettings(
            "The parts of the baseline are others than those of this index. Forbid a concept, or every part beside the object."
        )
    checked = tuple(_compared(row, baseline) for row in verdict.checked)
    return replace(verdict, checked=checked, baseline=baseline.index_key)


def _compared(row: Checked, baseline: Baseline) -> Checked:
    before = baseline.rows.get(_place(row.kind, row.name, row.class_name))
    is_worse = before is None or row.evidence.interval[0] > before.interval[1]
    return replace(row, before=before, is_finding=row.is_finding and is_worse)
