"""A gate before a release: does an encoder rest on what it must not?

What is forbidden is a concept (by the parts that respond to it; everywhere, or beside the object only), a part by its number, or
any part beside the object. It is found
where it carries a larger share of the evidence for a class than is allowed, and more than in other photos by more than chance
(permutations, Holm over everything that is checked together). What the class loses without the parts that are found
(release.py, on demand) stands beside it, and decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np

from explainers.datasets.audit import places_of, shares_of
from explainers.datasets.findings import NamedByConcept, ReplacedPart
from explainers.datasets.index import DICTIONARY, Index, dictionary_key
from explainers.dictionaries.ranking import PartEvidence, classes_to_test, rank_parts
from models.errors import BadSettings
from models.progress import IGNORED, Progress

SCHEMA = "encoderscope/check/1"
Kind = Literal["concept", "part", "beside"]


@dataclass(frozen=True)
class GateSettings:
    """What is allowed."""

    k: int
    max_share: float = 0.1  # of the evidence for a class
    level: float = 0.05  # of significance
    beside: bool = False  # whether every part beside the object is forbidden
    concepts_beside: bool = False  # whether concepts are forbidden beside the object only
    seed: int = 0


@dataclass(frozen=True)
class Forbidden:
    """Something that must not carry evidence: the parts that are it."""

    name: str
    parts: tuple[int, ...]
    kind: Kind = "part"
    only_beside: bool = False  # only what lies beside the object counts


@dataclass(frozen=True)
class Before:
    """What an earlier check measured in the place of a row (baselines.py)."""

    share: float
    difference: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Checked:
    """One forbidden thing in one class."""

    name: str
    parts: tuple[int, ...]
    class_name: str
    evidence: PartEvidence  # of its parts together
    is_finding: bool
    kind: Kind
    before: Before | None = None  # None: there is no baseline, or it has no such row
    replaced: tuple[ReplacedPart, ...] = ()  # its parts that carry most for the class, where that was asked for

    @property
    def sentence(self) -> str:
        """What was measured, in words."""
        row = self.evidence
        earlier = "" if self.before is None else f" It was {self.before.share:.0%} before."
        return (
            f"{self.name} carries {row.share:.0%} of the evidence for '{self.class_name}' "
            f"({row.share_elsewhere:.0%} in other photos; p = {row.corrected_p_value:.2g} after Holm).{earlier}"
            + "".join(f" {replaced_sentence(of_part)}" for of_part in self.replaced)
        )


def replaced_sentence(of_part: ReplacedPart) -> str:
    """What the class loses without a part, in words."""
    drop = of_part.drop
    value, low, high, elsewhere = (round(number, 2) + 0.0 for number in (drop.drop, *drop.interval, drop.elsewhere))
    return (
        f"Without part {of_part.part} its logit falls by {value:.2f} [{low:.2f}, {high:.2f}]; the same shape at other "
        f"places takes {elsewhere:.2f} (p = {drop.corrected_p_value:.2g} after Holm). {of_part.changed:.0%} of "
        f"{drop.n_images} photos are predicted otherwise then."
    )


@dataclass(frozen=True)
class Verdict:
    """What the gate says of an index."""

    index_key: str
    encoder: Mapping[str, Any]
    settings: GateSettings
    checked: tuple[Checked, ...]
    silent: tuple[str, ...]  # what is forbidden and no part responds to
    dictionary: str  # the key of the dictionary of parts
    baseline: str = ""  # the key of the index of an earlier check that this one is compared with

    @property
    def findings(self) -> tuple[Checked, ...]:
        return tuple(row for row in self.checked if row.is_finding)


def forbidden_things(
    index: Index, settings: GateSettings, concepts: Sequence[NamedByConcept], parts: Sequence[int]
) -> tuple[Forbidden, ...]:
    """Everything that is forbidden; raises BadSettings for a part that the index lacks, or where nobody has said where objects
    are."""
    if unknown := [part for part in parts if not 0 <= part < settings.k]:
        raise BadSettings(f"There is no part {unknown[0]} of {settings.k}; they are numbered from 0 to {settings.k - 1}.")
    where = ", beside the object," if settings.concepts_beside else ""
    things = [Forbidden(f"The concept '{c.name}'{where}", c.parts, "concept", settings.concepts_beside) for c in concepts]
    things += [Forbidden(f"Part {part}", (part,)) for part in parts]
    if settings.beside or settings.concepts_beside:
        shares = shares_of(index, settings.k)
        if shares.on_object is None:
            raise BadSettings(
                "This index does not know where objects are. Make it with --truth, or leave --parts and --beside out."
            )
    if settings.beside:
        places = places_of(index, settings.k, shares)
        beside = [place.part for place in places if place.place == "beside it"]
        things += [Forbidden(f"Part {part}, beside the object,", (part,), "beside") for part in beside]
    return tuple(things)


def check(index: Index, settings: GateSettings, things: Sequence[Forbidden], progress: Progress = IGNORED) -> Verdict:
    """Every forbidden thing in every class that enough photos are predicted as."""
    if settings.k not in index.ks:
        raise BadSettings(f"This index has no {settings.k} parts. Choose among {', '.join(map(str, index.ks))}.")
    at_hand = [thing for thing in things if thing.parts]
    evidence, present = _columns(index, settings.k, at_hand)
    predicted = index.photos["predicted"].to_numpy()
    classes = classes_to_test(predicted)
    rows = rank_parts(evidence, present, predicted, classes, settings.seed, progress) if at_hand else []
    checked = tuple(_checked(at_hand[row.part], index.class_names[row.class_idx], row, settings) for row in rows)
    silent = tuple(thing.name for thing in things if not thing.parts)
    key = dictionary_key((index.folder / DICTIONARY).read_bytes())
    return Verdict(index.key, index.manifest["encoder"], settings, checked, silent, key)


def _columns(index: Index, k: int, things: Sequence[Forbidden]) -> tuple[np.ndarray, np.ndarray]:
    """Share of the evidence, and whether the photo has any, for each of some things, (n, n_things) each."""
    shares = {beside: shares_of(index, k, only_beside=beside) for beside in {thing.only_beside for thing in things}}
    each = [shares[thing.only_beside].together([thing.parts]) for thing in things]
    evidence, present = ([column for column, _ in each], [column for _, column in each])
    return (np.hstack(evidence), np.hstack(present)) if each else (np.zeros((0, 0)), np.zeros((0, 0), dtype=bool))


def _checked(thing: Forbidden, class_name: str, row: PartEvidence, settings: GateSettings) -> Checked:
    is_finding = row.share > settings.max_share and row.corrected_p_value <= settings.level
    return Checked(thing.name, thing.parts, class_name, replace(row, part=thing.parts[0]), is_finding, thing.kind)


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """What the gate says, as JSON has it."""
    return {
        "schema": SCHEMA,
        "index": verdict.index_key,
        "dictionary": verdict.dictionary,
        "baseline": verdict.baseline,
        "encoder": verdict.encoder,
        "settings": verdict.settings,
        "passed": not verdict.findings,
        "findings": [row.sentence for row in verdict.findings],
        "silent": verdict.silent,
        "checked": verdict.checked,
    }


def junit(verdict: Verdict) -> bytes:
    """What the gate says, as a JUnit file: a test case for every forbidden thing in every class."""
    counts = {"tests": str(len(verdict.checked)), "failures": str(len(verdict.findings))}
    suite = ElementTree.Element("testsuite", {"name": "encoderscope check", **counts})
    for row in verdict.checked:
        case = ElementTree.SubElement(suite, "testcase", {"classname": row.class_name, "name": row.name})
        if row.is_finding:
            ElementTree.SubElement(case, "failure", {"message": row.sentence})
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
