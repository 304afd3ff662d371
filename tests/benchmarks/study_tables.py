"""The studies of the Study page (explainers/studies) on photographs with ground truth and on rendered scenes, as tables.

Photographs: 14 of BSDS500 with the regions of every annotator (../shared/fixtures). The same code answers page and command line.
"""

from pathlib import Path

from explainers.service.service import ExplainerService
from explainers.studies.findings import Column, Table
from explainers.studies.settings import StudySettings
from explainers.studies.spread import in_words
from explainers.studies.study import RunStudy
from tests.benchmarks.segmentation_quality import INPUT_SIZE, load_bsds

N_SCENES = 16


def on_photographs(service: ExplainerService, name: str, encoders: list[str], fixtures: Path, n_seeds: int) -> list[dict]:
    """A study on the photographs; a row per row of its first table."""
    settings = StudySettings(tuple(encoders), n_seeds=n_seeds, input_size=INPUT_SIZE)
    return _rows(service, RunStudy(name, settings, tuple(load_bsds(fixtures))))


def on_scenes(service: ExplainerService, name: str, encoders: list[str], n_seeds: int) -> list[dict]:
    """A study on fresh scenes."""
    return _rows(service, RunStudy(name, StudySettings(tuple(encoders), N_SCENES, n_seeds, INPUT_SIZE)))


def _rows(service: ExplainerService, question: RunStudy) -> list[dict]:
    result = service.ask(question).result()
    print(f"\n{question.study}, {result.seconds['study']:.0f} s: {result.findings.sentence}", flush=True)
    return shown(result.findings.tables[0])


def shown(table: Table) -> list[dict]:
    """Rows with the spread behind every measure."""
    columns = [column for column in table.columns if not column.is_spread]
    return [{column.title + " (oracle)" * column.oracle: _cell(row, column) for column in columns} for row in table.rows]


def _cell(row: dict, column: Column) -> str:
    value = row[column.name]
    if not isinstance(value, float):
        return "-" if value is None else str(value).rpartition("/")[2]
    return in_words(value, row[column.spread] if column.spread else None, column.digits)
