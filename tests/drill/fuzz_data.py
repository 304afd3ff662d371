"""Files of data sets, of indexes and of studies for the fuzzing (fuzz.py), with what reads them.

An index is read as the Audit page and the gate do: its parts, their evidence, its regions, its pictures, and a search. A study's
result is read as the Study page does, down to its tables and charts.
"""

import io
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from explainers.datasets import kept
from explainers.datasets.adding import fits_of, newest_fit
from explainers.datasets.audit import audit
from explainers.datasets.gate import Forbidden, GateSettings, check, verdict_record
from explainers.datasets.index import DICTIONARY, MANIFEST, SCHEMA, dictionary_bytes, open_index
from explainers.datasets.originals import MissingPhotos, originals_of
from explainers.datasets.part_examples import part_maps
from explainers.datasets.questions import AskAudit, Described, SearchRegions
from explainers.datasets.search import query_of_part, regions_of_part, search_regions
from explainers.datasets.shards import PHOTOS, REGIONS, Known, Shard, row_of, unreadable_row, write_shard
from explainers.datasets.sources import Item, list_items
from explainers.dictionaries.clustering import Dictionary, Space
from explainers.dictionaries.regions import regions_of
from explainers.studies.findings import Column, Figure, Findings, Series, Table
from explainers.studies.kept import KeptStudies
from explainers.studies.records import Report, report_json, table_csv
from explainers.studies.settings import StudySettings
from explainers.studies.table import STUDIES
from models.photo import photo_from_array
from models.progress import IGNORED
from pages.audit import downloads, part_map, views
from pages.study import charts
from pages.study.cells import shown_rows
from pages.study.results import as_html, name_of

K, N_PHOTOS, N_CHANNELS = 3, 12, 4
COLUMNS = {"colour": "string", "year": "int64"}  # that a table says of the photos besides


# --- indexes --------------------------------------------------------------------------------------------------------------


@cache
def index_files() -> dict[str, bytes]:
    """A small index, by the names of its files."""
    rng = np.random.default_rng(0)
    dictionary = Dictionary(Space(rng.random(N_CHANNELS), np.eye(N_CHANNELS)), {K: rng.random((K, N_CHANNELS))}, {K: 0.5})
    photo = photo_from_array(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8), "0.png")
    known = [
        Known(Item(f"{n}.png", Path(f"{n}.png"), f"class {n % 2}", columns=_further(n)), f"{n:064x}") for n in range(N_PHOTOS)
    ]
    rows = [row_of(one, photo, _described(rng, n % 2), np.ones((4, 4)) > 0) for n, one in enumerate(known)]
    shard = Shard(0, "0" * 16, (*known, broken := Known(Item("b.png", Path("b.png")), "")), COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        write_shard(shard, [*rows, unreadable_row(broken, "no picture")], Path(folder), N_CHANNELS)
        names = [f"{kind}/{shard.path(Path(folder), kind).name}" for kind in (PHOTOS, REGIONS)]
        files = {name: (Path(folder) / name).read_bytes() for name in names}
    files[DICTIONARY] = dictionary_bytes(dictionary, "key")
    files[MANIFEST] = json.dumps(_manifest(Path(names[0]).name)).encode()
    return files


def _further(n: int) -> tuple[tuple[str, str | int], ...]:
    return ("colour", "red" if n % 3 else "blue"), ("year", 2000 + n)


def _described(rng: np.random.Generator, class_idx: int) -> Described:
    labels, evidence = rng.integers(0, K, (4, 4)), rng.random((4, 4))
    regions = regions_of(labels, K, evidence, rng.random((4, 4, N_CHANNELS)))
    return Described((class_idx, 1 - class_idx), (0.8, 0.2), {K: regions})


def _manifest(shard: str) -> dict:
    dictionary = {"ks": [K], "seed": 0}
    settings = {"encoder_name": "tiny", "depth": 1, "input_size": 32, "dictionary": dictionary}
    described = {"data": "data", "class_names": ["class 0", "class 1"], "module": "layer1", "n_files": N_PHOTOS + 1}
    described |= {"encoderscope": "0.2", "versions": {"torch": "2"}, "stability": {str(K): 0.5}, "columns": COLUMNS}
    fit = {"median_before": 1.0, "median_added": 1.5, "far": 0.2}
    described |= {"additions": [{"data": "more", "n_files": 2, "n_shards": 1, "fit": {str(K): fit}}]}
    return {
        "schema": SCHEMA,
        "encoder": {"name": "tiny", "fingerprint": "ab"},
        "settings": settings,
        "shards": [shard],
        **described,
    }


def read_index(name: str, data: bytes) -> None:
    """Reads an index one of whose files has these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        written_index(Path(folder), index_files() | {name: data})
        _use(Path(folder))


def written_index(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files of an index into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def _use(folder: Path) -> None:
    index = open_index(folder)
    k = index.middle_k
    taken = downloads.Taken(index, audit(AskAudit(folder, index.key, k), None, IGNORED))
    for file in downloads.files(taken):
        file.make()
    views.how_it_was_made(index)
    kept.photos_of(index)
    with suppress(MissingPhotos):
        originals_of(index)
    for of_k in index.ks:
        if (fit := newest_fit(index, of_k)) is not None:
            fit.sentence.encode()
    fits_of(index, index.manifest["shards"], index.manifest["shards"])
    part_maps(index, k, index.photos["name"].to_pylist())
    for column in part_map.columns_of(index):
        part_map.values_of(index.photos, column)
    verdict_record(check(index, GateSettings(k), [Forbidden("Part 0", (0,))]))
    for hit in regions_of_part(index, k, 0, 0, 4):
        index.thumbnails({hit.photo})
        index.label_of(hit.photo)
    search_regions(SearchRegions(folder, index.key, k, query_of_part(index, k, 0)), None, IGNORED)
    index.refused()


def tables_changed(name: str) -> list[bytes]:
    """A Parquet file of the index, and ones that are whole but have other values, types or columns in it."""
    data = index_files()[name]
    table = pq.read_table(io.BytesIO(data))
    changed = [table.slice(0, 0), table.append_column("more", pa.array(range(len(table)))), pa.concat_tables([table, table])]
    for n, column in enumerate(table.schema.names):
        others = [pa.nulls(len(table)), pa.nulls(len(table), table.schema.field(n).type), pa.array(["x"] * len(table))]
        others += [pa.array([number] * len(table)) for number in (-1, 0, 2**31, 10**15, float("nan"))]
        others += [pa.array([value] * len(table)) for value in (b"\xff" * 9, [1.0], {"a": 1})]
        changed += [table.set_column(n, column, other) for other in others] + [table.drop_columns([column])]
    return [data, *map(parquet, changed)]


def parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


# --- data sets ------------------------------------------------------------------------------------------------------------


def read_data(suffix: str, data: bytes) -> None:
    """Lists the photos of a table, or of a COCO file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{suffix}"
        path.write_bytes(data)
        for item in list_items(path):
            item.path.is_file()


def coco() -> bytes:
    """A COCO file of two photos."""
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 60, "width": 90} for n in range(2)]
    annotations = [{"id": n, "image_id": n % 2, "category_id": 1, "bbox": [1, 2, 30 + n, 20]} for n in range(3)]
    return json.dumps({"images": images, "categories": [{"id": 1, "name": "cat"}], "annotations": annotations}).encode()


def tables_of_files() -> list[bytes]:
    """Parquet files with a column of files, and ones with something else in its place."""
    columns = [["a.jpg", "b/c.jpg"], [None, "a.jpg"], [1, 2], [b"a.jpg", b"\xff"], [["a.jpg"], []], [{"a": 1}, None]]
    return [parquet(pa.table({"file": files, "label": ["a", None]})) for files in columns]


# --- studies --------------------------------------------------------------------------------------------------------------


def study() -> bytes:
    """A result of a study as it is kept."""
    columns = (
        Column("name", "Name"),
        Column("iou", "IoU", "How much", oracle=True, spread="iou_sd"),
        Column("iou_sd", "", is_spread=True),
    )
    rows = ({"name": "a", "iou": 0.5, "iou_sd": 0.1}, {"name": "b", "iou": None, "iou_sd": None})
    series = (Series("a", (1, 2), (0.5, None), (0.1, None)), Series("b", ("x", "y"), (1.0, 2.0), labels=("one", "two")))
    figures = tuple(Figure(kind, kind, kind, "x", "y", series, guide=0.5) for kind in ("lines", "bars", "points", "map"))
    findings = Findings("It is so.", (Table("numbers", "Numbers", columns, rows),), figures)
    encoder, photo = {"name": "tiny", "fingerprint": "ab"}, {"name": "cat.jpg", "sha256": "ab"}
    made = (1.5, {"torch": "2"}, "0.2", "2026-11-27T12:00:00Z")
    report = Report("alignment", StudySettings(("tiny",)), findings, (encoder,), (photo,), *made)
    return report_json(report, STUDIES["alignment"])


def read_study(data: bytes) -> None:
    """Reads what is kept of a study, and shows it as the page does; what cannot be read is passed over."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.json").write_bytes(data)
        for name in STUDIES:
            for result in KeptStudies(Path(folder)).of(name):
                name_of(result)
                as_html(result)
                report_json(result.report, STUDIES[name])
                for table in result.report.findings.tables:
                    table_csv(table)
                    shown_rows(table, table.columns, "")
                for figure in result.report.findings.figures:
                    charts.chart(figure).to_json()


def more_readers() -> dict[str, tuple[Callable[[bytes], object], list[bytes]]]:
    """What reads a kind of file, and sound ones, by kind."""
    shards = {f"index {kind}": next(name for name in index_files() if name.startswith(kind)) for kind in (PHOTOS, REGIONS)}
    return {
        "index manifest": (partial(read_index, MANIFEST), [index_files()[MANIFEST]]),
        "index parts": (partial(read_index, DICTIONARY), [index_files()[DICTIONARY]]),
        **{kind: (partial(read_index, name), tables_changed(name)) for kind, name in shards.items()},
        "study": (read_study, [study()]),
        "coco data": (partial(read_data, ".json"), [coco()]),
        "csv data": (partial(read_data, ".csv"), [b'file,label,split\na.jpg,cat,train\n"b/c.jpg",,\n']),
        "parquet data": (partial(read_data, ".parquet"), tables_of_files()),
    }
