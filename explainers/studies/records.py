"""A study's result as JSON and CSV: page and command line write through here, and what is kept on disk is read here again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from explainers.results.files import as_csv, as_json
from explainers.results.records import encoder_record, jsonable, photo_record
from explainers.studies.findings import Findings, Table, findings_from, fits
from explainers.studies.settings import StudySettings
from explainers.studies.study import Study, StudyResult
from models.errors import EncoderscopeError

SCHEMA = "encoderscope/study/1"  # raised when a reader of the old one would misread the new one


class UnreadableStudy(EncoderscopeError):
    """A file holds no result of a study that can be read."""


@dataclass(frozen=True)
class Report:
    """A result as it is kept and shown."""

    study: str
    settings: StudySettings
    findings: Findings
    encoders: tuple[Mapping[str, Any], ...]
    photos: tuple[Mapping[str, Any], ...]  # empty where the study rendered scenes by itself
    seconds: float
    versions: Mapping[str, str]
    encoderscope: str
    made_at: str = ""  # ISO 8601, UTC


def report_of(result: StudyResult, made_at: str = "") -> Report:
    """A result as it is kept."""
    provenance = result.provenance
    return Report(
        result.study,
        result.settings,
        result.findings,
        tuple(encoder_record(info) for info in provenance.encoders),
        tuple(photo_record(photo) for photo in provenance.photos),
        float(sum(provenance.seconds.values())),
        dict(provenance.versions),
        provenance.encoderscope,
        made_at,
    )


def report_json(report: Report, study: Study) -> bytes:
    """The whole of it, with what the study states."""
    stated = {"title": study.title, "question": study.question, "measure": study.measure, "does_not_show": study.does_not_show}
    return as_json({"schema": SCHEMA, "stated": stated, **jsonable(report)})


def report_from(record: Any) -> Report:
    """A report from its JSON; raises UnreadableStudy for anything else."""
    try:
        if record["schema"] != SCHEMA:
            raise UnreadableStudy(f"It has the schema '{record['schema']}'; '{SCHEMA}' is needed.")
        settings = dict(record["settings"])
        settings["encoders"] = tuple(settings["encoders"])
        names = ("study", "seconds", "versions", "encoderscope", "made_at")
        report = Report(
            settings=StudySettings(**settings),
            findings=findings_from(record["findings"]),
            encoders=tuple(record["encoders"]),
            photos=tuple(record["photos"]),
            **{name: record[name] for name in names},
        )
        _require_types(report)
        _require_types(report.settings)
        return report
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableStudy("It is not the result of a study.") from error


def _require_types(part: Any) -> None:
    """Raises TypeError where a field of a dataclass holds something else than it should."""
    for name, hint in get_type_hints(type(part)).items():
        if not fits(getattr(part, name), hint):
            raise TypeError(f"{name} is something else")


def table_csv(table: Table) -> bytes:
    """One table: a line of names, then its rows; oracle columns are called ``oracle_...``."""
    names = {column.name: f"oracle_{column.name}" if column.oracle else column.name for column in table.columns}
    rows = [{names[name]: value for name, value in row.items()} for row in table.rows]
    return as_csv(rows, list(names.values()))
