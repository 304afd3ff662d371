"""An audit to take away: tables, all of it as JSON, and a report that opens without a network. The same bytes when made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from explainers.datasets.findings import Audit, RankedConcepts, ReplacedPart
from explainers.datasets.index import Index
from explainers.datasets.search import regions_of_part
from explainers.results.files import as_csv, as_json
from pages.audit import wall
from pages.audit.rows import (
    Row,
    as_text,
    concept_row,
    evidence_row,
    evidence_rows,
    failure_rows,
    replaced_rows,
    sentence,
    standing_out,
)
from pages.common import html_report
from pages.common.downloads import Download, file_stem

SCHEMA = "encoderscope/audit/1"
_MOST = 12  # parts of a report that are shown with pictures
_PICTURES = 6
_MOST_ROWS = 40  # of a table in a report


@dataclass(frozen=True)
class Taken:
    """What is taken away: an audit, and what was asked about its parts besides."""

    index: Index
    audit: Audit
    replaced: Sequence[ReplacedPart] = ()  # of the class that is shown
    concepts: RankedConcepts | None = None


def files(taken: Taken) -> Sequence[Download]:
    """What can be taken away."""
    stem = file_stem(taken.index.name, f"k{taken.audit.k}")
    return (
        Download("Data", f"{stem}.json", "application/json", partial(as_record, taken), "All of it as JSON."),
        Download("Table", f"{stem}.csv", "text/csv", partial(as_table, taken), "Parts of every class as a CSV file."),
        Download("Report", f"{stem}.html", "text/html", partial(as_html, taken), "Findings with pictures in one file."),
    )


def as_record(taken: Taken) -> bytes:
    """The audit as JSON."""
    index, audit = taken.index, taken.audit
    agreeing = [{"class_idx": idx, "part": part, "ks": ks} for (idx, part), ks in audit.agreeing.items()]
    facts = {name: index.manifest[name] for name in ("data", "encoder", "settings", "stability", "versions", "encoderscope")}
    content = {"schema": SCHEMA, "sentence": sentence(audit), "index": index.key, **facts, "k": audit.k, "seed": audit.seed}
    content |= {"class_names": audit.class_names, "tested": audit.tested, "n_photos": audit.n_photos, "parts": audit.parts}
    content |= {"evidence": audit.evidence, "agreeing": agreeing, "replaced": taken.replaced, "concepts": taken.concepts}
    return as_json(content | {"n_labelled": audit.n_labelled, "n_wrong": audit.n_wrong, "failures": audit.failures})


def as_table(taken: Taken) -> bytes:
    """Parts of every class as CSV, with concepts among them."""
    audit = taken.audit
    of_classes = ((audit.class_names[idx], evidence_rows(audit, idx, taken.concepts)) for idx in audit.tested)
    return as_csv([{"Class": name} | row for name, rows in of_classes for row in rows])


def as_html(taken: Taken) -> bytes:
    """Question, data, findings with pictures, method and limits, in the order of an audit."""
    index, audit, replaced = taken.index, taken.audit, taken.replaced
    rows = standing_out(audit)
    named = [{"Class": audit.class_names[row.class_idx]} | evidence_row(audit, row, taken.concepts) for row in rows]
    parts = [f"<p>{escape(sentence(audit))}</p>", html_report.facts(_facts(index, audit))]
    parts += ["<h2>Parts that carry more than chance</h2>", table(named)] if named else []
    for row in rows[:_MOST]:
        hits = regions_of_part(index, audit.k, row.part, row.class_idx, _PICTURES)
        tiles = [
            html_report.picture(picture, f"{index.label_of(hit.photo)} · {hit.evidence:.0%}")
            for picture, hit in zip(wall.pictures(index, hits), hits, strict=True)
        ]
        parts.append(f"<h3>Part {row.part} for {escape(audit.class_names[row.class_idx])}</h3>")
        parts.append(f"<div class='tiles'>{''.join(tiles)}</div>")
    if replaced:
        parts.append(f"<h2>What {escape(audit.class_names[replaced[0].class_idx])} loses without its first parts</h2>")
        parts += [f"<p>{_REPLACED}</p>", table(replaced_rows(audit, replaced))]
    if taken.concepts is not None and (of_concepts := _concept_rows(audit, taken.concepts)):
        parts += ["<h2>Concepts that carry more than chance</h2>", table(of_concepts)]
    if failures := failure_rows(audit, taken.concepts):
        parts += ["<h2>Where it fails</h2>", table(failures)]
    return html_report.page(f"Audit of {index.manifest['data']} by {index.encoder_name}", [*parts, _LIMITS])


def table(rows: Sequence[Row]) -> str:
    """Rows as people read them; of very many the first."""
    shown = html_report.table([as_text(row) for row in rows[:_MOST_ROWS]])
    further = f"<p class=quiet>The first {_MOST_ROWS} of {len(rows)}; the data file (JSON) has all of them.</p>"
    return shown + (further if len(rows) > _MOST_ROWS else "")


def _concept_rows(audit: Audit, concepts: RankedConcepts) -> list[Row]:
    """The significant concepts of every class, the largest share first."""
    rows = sorted((row for row in concepts.evidence if row.significant), key=lambda row: -row.difference)
    return [{"Class": audit.class_names[row.class_idx]} | concept_row(audit, concepts, row) for row in rows]


_REPLACED = (
    "Each part is replaced by the mean activation of what surrounds it, in photos that are predicted as the class, and the rest "
    "of the network answers anew. Drop: of the class's logit, with its 95 % interval over photos. Other places: the same shape "
    "there."
)
_LIMITS = (
    "<h2>Limits</h2><p>That a part carries evidence says that the network uses it, not that it should not. Evidence is gradient "
    "times activation of the predicted class at one depth; shares compete. Parts are clusters: another number of them divides "
    "otherwise.</p>"
)


def _facts(index: Index, audit: Audit) -> dict[str, object]:
    settings = index.manifest["settings"]
    return {
        "data": index.manifest["data"],
        "photos": audit.n_photos,
        "encoder": f"{index.encoder_name} ({index.manifest['encoder']['fingerprint']})",
        "depth": settings["depth"],
        "input size": f"{settings['input_size']} px",
        "parts": audit.k,
        "seed": audit.seed,
        "classes tested": len(audit.tested),
        "index": index.key,
        "Encoderscope": index.manifest["encoderscope"],
    }
