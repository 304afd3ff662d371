"""The studies of the Study page (explainers/studies) on photographs with ground truth and on rendered scenes, as tables.

Photographs (../shared/fixtures): 14 of BSDS500 with the regions of every annotator; 30 frames of DAVIS with the object's mask.
The same code answers page and command line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from explainers.service.service import ExplainerService
from explainers.studies.findings import Column, Table
from explainers.studies.settings import StudySettings
from explainers.studies.spread import in_words
from explainers.studies.study import RunStudy
from explainers.studies.table import study_named
from models.errors import EncoderscopeError
from tests.benchmarks.segmentation_quality import INPUT_SIZE, load_bsds, load_davis

ON_PHOTOGRAPHS = ("alignment", "suggested-k", "depths", "few-labels")
FEW_LABELS_SIZE = 224


def on_photographs(service: ExplainerService, name: str, encoders: Sequence[str], fixtures: Path, n_seeds: int) -> list[dict]:
    """A study on the photographs that have what it needs; a row per row of its first table."""
    frames = study_named(name).needs == "mask"
    photos = load_davis(fixtures) if frames else load_bsds(fixtures)
    settings = StudySettings(tuple(encoders), n_seeds=n_seeds, input_size=FEW_LABELS_SIZE if frames else INPUT_SIZE)
    return [*_rows(service, RunStudy(name, settings, tuple(photos)))]


def on_scenes(service: ExplainerService, name: str, encoders: Sequence[str], n_seeds: int) -> list[dict]:
    """A study on fresh scenes, as many and as large as those of its example, one encoder after the other."""
    settings = replace(study_named(name).example, n_seeds=n_seeds)
    return [row for encoder in encoders for row in _rows(service, RunStudy(name, replace(settings, encoders=(encoder,))))]


def _rows(service: ExplainerService, question: RunStudy) -> Iterator[dict]:
    encoders = ", ".join(question.settings.encoders)
    try:
        result = service.ask(question).result()
    except EncoderscopeError as error:  # a study says which encoders it cannot take
        print(f"\n{question.study}, {encoders}: {error}", flush=True)
        return
    print(f"\n{question.study}, {encoders}, {result.seconds['study']:.0f} s: {result.findings.sentence}", flush=True)
    yield from shown(result.findings.tables[0])


def shown(table: Table) -> list[dict]:
    """Rows with the spread behind every measure."""
    columns = [column for column in table.columns if not column.is_spread]
    return [{column.title + " (oracle)" * column.oracle: _cell(row, column) for column in columns} for row in table.rows]


def _cell(row: dict, column: Column) -> str:
    value = row[column.name]
    if not isinstance(value, float):
        return "-" if value is None else str(value).rpartition("/")[2]
    return in_words(value, row[column.spread] if column.spread else None, column.digits)
