"""An audit as rows of tables: the same on the screen, in files and in the report. Pure functions."""

from collections.abc import Sequence

from explainers.datasets.findings import Audit, NamedByConcept, RankedConcepts, ReplacedPart
from explainers.dictionaries.ranking import PartEvidence

STAR = " ★"
RESPONDS_TO = "Responds to"
MOST_REPLACED = 5  # parts of a class
SHARES = ("Evidence", "Elsewhere", "In the class", "In others", "Changed")
NUMBERS = ("Superiority", "Other places")
P_VALUES = ("p", "p, Holm")
_UNBROKEN = ("Part", "Difference", "Drop", "Risk ratio", "Lies")  # in a report, each on a line of its own
Row = dict[str, str | float | int]
_IN_A_SENTENCE = {"beside it": "beside the object"}


def standing_out(audit: Audit) -> list[PartEvidence]:
    """The significant parts of every class: those beside the object first, where that is known, the largest share first."""
    rows = [row for row in audit.evidence if row.significant]
    return sorted(rows, key=lambda row: (audit.parts[row.part].place != "beside it", -row.difference))


def top_parts(audit: Audit, class_idx: int) -> list[PartEvidence]:
    """The first parts of a class, which are worth a closer look."""
    return [row for row in audit.of_class(class_idx) if row.presence > 0][:MOST_REPLACED]


def evidence_rows(audit: Audit, class_idx: int, concepts: RankedConcepts | None = None) -> list[Row]:
    """The parts for one class, and concepts among them, in the order of the difference."""
    rows = [(row.difference, evidence_row(audit, row, concepts)) for row in audit.of_class(class_idx)]
    if concepts is None:
        return [row for _, row in rows]
    rows += [(row.difference, concept_row(audit, concepts, row)) for row in concepts.of_class(class_idx)]
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def evidence_row(audit: Audit, row: PartEvidence, concepts: RankedConcepts | None = None) -> Row:
    """One part for one class, as people read it, with the concepts that it responds to, where any were asked about."""
    responds = {} if concepts is None else {RESPONDS_TO: ", ".join(concepts.responding(row.part))}
    others = audit.agreeing.get((row.class_idx, row.part), ())
    return {
        "Part": f"{row.part}{STAR * row.significant}",
        **responds,
        **_measured(row),
        "Other k": ", ".join(map(str, others)),
        "Lies": audit.parts[row.part].place,
    }


def concept_row(audit: Audit, concepts: RankedConcepts, row: PartEvidence) -> Row:
    """One concept for one class, as people read it: what its parts carry together."""
    concept = concepts.named[row.part]
    return {
        "Part": f"{concept.name}{STAR * row.significant}",
        RESPONDS_TO: _of_parts(concept),
        **_measured(row),
        "Other k": "",
        "Lies": _place(audit, concept),
    }


def _measured(row: PartEvidence) -> Row:
    return {
        "Evidence": row.share,
        "Elsewhere": row.share_elsewhere,
        "Difference": _with_interval(row.difference, row.interval),
        "Superiority": row.superiority,
        "In the class": row.presence,
        "In others": row.presence_elsewhere,
        "p": row.p_value,
        "p, Holm": row.corrected_p_value,
    }


def _of_parts(concept: NamedByConcept) -> str:
    return f"{'part' if len(concept.parts) == 1 else 'parts'} {', '.join(map(str, concept.parts))}"


def _place(audit: Audit, concept: NamedByConcept) -> str:
    """Where the parts of a concept lie, each place once."""
    return ", ".join(dict.fromkeys(audit.parts[part].place for part in concept.parts))


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    value, low, high = (round(number, 2) + 0.0 for number in (value, *interval))  # no minus before a zero
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def replaced_rows(audit: Audit, replaced: Sequence[ReplacedPart]) -> list[Row]:
    """The parts that were replaced, in their order, with what they carry and what the class loses without them."""
    carried = {(row.class_idx, row.part): row.share for row in audit.evidence}
    return [
        {
            "Part": f"{of_part.part}{STAR * of_part.drop.significant}",
            "Evidence": carried[of_part.class_idx, of_part.part],
            "Drop": _with_interval(of_part.drop.drop, of_part.drop.interval),
            "Other places": round(of_part.drop.elsewhere, 2) + 0.0,
            "Changed": of_part.changed,
            "Photos": of_part.drop.n_images,
            "p": of_part.drop.p_value,
            "p, Holm": of_part.drop.corrected_p_value,
            "Lies": audit.parts[of_part.part].place,
        }
        for of_part in replaced
    ]


def failure_rows(audit: Audit, concepts: RankedConcepts | None = None) -> list[Row]:
    """The parts, and concepts among them, by how they go with errors; those that no error has are left out."""
    rows = [(row, f"{row.part}", audit.parts[row.part].place) for row in audit.failures]
    if concepts is not None:
        named = [(row, concepts.named[row.part]) for row in concepts.failures]
        rows += [(row, concept.name, _place(audit, concept)) for row, concept in named]
    return [
        {
            "Part": f"{name}{STAR * row.significant}",
            "Photos with it": row.n_with,
            "Errors": row.n_errors_with,
            "Photos without": row.n_without,
            "Errors without": row.n_errors_without,
            "Risk ratio": f"{row.risk_ratio:.1f} [{row.interval[0]:.1f}, {row.interval[1]:.1f}]",
            "p": row.p_value,
            "p, Holm": row.corrected_p_value,
            "Lies": place,
        }
        for row, name, place in sorted(rows, key=lambda named: -named[0].interval[0])
        if row.n_errors_with
    ]


def as_text(row: Row) -> Row:
    """A row for people who cannot point at a figure for more digits: whole percents, two digits of a p-value."""
    percents = {name: f"{row[name]:.0%}" for name in SHARES if name in row}
    p_values = {name: f"{row[name]:.2g}".replace("-", "\N{MINUS SIGN}") for name in P_VALUES if name in row}  # stays in a line
    numbers = {name: f"{row[name]:.2f}" for name in NUMBERS if name in row}
    kept_together = {name: str(row[name]).replace(" ", "\N{NO-BREAK SPACE}") for name in _UNBROKEN if name in row}
    return row | percents | p_values | numbers | kept_together


def sentence(audit: Audit) -> str:
    """What stands out most, in words that follow from the figures."""
    first = next(iter(standing_out(audit)), None)
    if first is None:
        return "No part carries more of the evidence for any class than chance would give it."
    place = audit.parts[first.part].place
    where = f", which lies {_IN_A_SENTENCE.get(place, place)}," if place else ""
    return (
        f"Part {first.part}{where} carries {first.share:.0%} of the evidence for “{audit.class_names[first.class_idx]}” and "
        f"{first.share_elsewhere:.0%} of that for what is predicted in other photos. It is in {first.presence:.0%} of the photos "
        f"of the class and in {first.presence_elsewhere:.0%} of others."
    )
