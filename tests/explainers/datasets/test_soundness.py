"""An index or a result that somebody changed is refused in a sentence, whatever stands in it (found by `make fuzz`)."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from explainers.datasets.changes import read_comparison
from explainers.datasets.index import DICTIONARY, MANIFEST, UnreadableIndex, dictionary_bytes, read_dictionary
from explainers.datasets.shards import PHOTOS, REGIONS
from explainers.datasets.thumbnails import SIDE, read_thumbnail, thumbnail
from explainers.studies.records import UnreadableStudy, report_from
from models.errors import UnreadableImage
from tests.drill.fuzz_data import K, index_files, parquet, read_index, read_study, study
from tests.drill.fuzz_files import compared


def name_of(kind: str) -> str:
    return next(name for name in index_files() if name.startswith(kind))


def with_column(kind: str, column: str, values: list, type_: pa.DataType | None = None) -> bytes:
    """The shard of the small index with one value in every row of a column."""
    table = pq.read_table(io.BytesIO(index_files()[name_of(kind)]))
    array = pa.array(values * len(table), type_ or table.schema.field(column).type)
    return parquet(table.set_column(table.schema.names.index(column), column, array))


def test_the_small_index_itself_is_read():
    read_index(MANIFEST, index_files()[MANIFEST])


@pytest.mark.parametrize(
    ("kind", "column", "value", "type_"),
    [
        (REGIONS, "part", 2**31 - 1, None),  # as many parts would take 200 GB
        (REGIONS, "part", K, None),
        (REGIONS, "part", -1, None),
        (REGIONS, "part", 1, pa.int64()),
        (REGIONS, "photo", "another.png", None),
        (REGIONS, "photo", None, None),
        (REGIONS, "mask", b"\xff" * 9, None),
        (REGIONS, "map_height", 2**30, None),
        (REGIONS, "n_cells", 0, None),
        (REGIONS, "evidence", float("nan"), None),
        (REGIONS, "k", "three", pa.string()),
        (REGIONS, "activation", [0.5], pa.list_(pa.float16(), 1)),
        (PHOTOS, "name", "0.png", None),
        (PHOTOS, "name", ["a"], pa.list_(pa.string())),
        (PHOTOS, "label", {"a": 1}, pa.struct([("a", pa.int32())])),
        (PHOTOS, "predicted", 2, None),
        (PHOTOS, "predicted", None, None),
    ],
)
def test_a_shard_with_another_value_is_refused(kind, column, value, type_):
    with pytest.raises(UnreadableIndex, match="Make the index again"):
        read_index(name_of(kind), with_column(kind, column, [value], type_))


def test_text_that_is_none_is_refused():
    whole = with_column(PHOTOS, "label", ["something"])
    assert whole.count(b"something") >= 1
    with pytest.raises(UnreadableIndex, match="damaged"):
        read_index(name_of(PHOTOS), whole.replace(b"something", b"some\xff\xff\xff\xffg"))


def test_an_index_with_no_region_of_the_ks_asked_about_is_read():
    read_index(name_of(REGIONS), with_column(REGIONS, "k", [K + 1]))


@pytest.mark.parametrize("ks", [[0], [10**9], [K, 5], [True], ["3"]])
def test_a_manifest_of_impossible_parts_is_refused(ks):
    manifest = json.loads(index_files()[MANIFEST])
    manifest["settings"]["dictionary"]["ks"] = ks
    with pytest.raises(UnreadableIndex):
        read_index(MANIFEST, json.dumps(manifest).encode())


def test_a_manifest_that_is_nested_deeply_is_refused():
    with pytest.raises(UnreadableIndex):
        read_index(MANIFEST, b"[" * 100_000)


@pytest.mark.parametrize("change", [{"mean": np.zeros(2)}, {"axes": np.zeros(4)}, {"axes": np.full((4, 4), np.inf)}])
def test_parts_whose_shapes_do_not_belong_together_are_refused(change):
    whole = read_dictionary(index_files()[DICTIONARY])
    space = type(whole.space)(**{"mean": whole.space.mean, "axes": whole.space.axes} | change)
    with pytest.raises(UnreadableIndex, match="dictionary of this index is damaged"):
        read_dictionary(dictionary_bytes(type(whole)(space, whole.centroids, whole.stability), "key"))


@pytest.mark.parametrize(
    "path",
    [
        ("made_at",),
        ("seconds",),
        ("encoders", 0),
        ("settings", "n_seeds"),
        ("findings", "tables", 0, "rows", 0, "iou"),
        ("findings", "figures", 0, "kind"),
        ("findings", "figures", 0, "series", 0, "xs"),
    ],
)
def test_a_result_of_a_study_with_another_type_is_refused(path):
    record = json.loads(study())
    report_from(record)
    place = record
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = [["x"]]
    with pytest.raises(UnreadableStudy):
        report_from(record)


def test_a_result_that_is_nested_deeply_is_passed_over():
    read_study(b"[" * 100_000)


@pytest.mark.parametrize(
    "change",
    [
        {"stability": {str(K): "high"}},
        {"stability": {str(K): 10**30}},
        {"data": "half a letter \ud83d"},
        {"class_names": ["class 0", "\udc00"]},
        {"columns": {"year": "date"}},
        {"additions": [{"n_files": 1, "fit": {str(K): {"median": 1}}}]},
        {"additions": ["more"]},
        {"shards": []},
    ],
)
def test_a_manifest_with_another_value_is_refused(change):
    with pytest.raises(UnreadableIndex, match="not as it was written"):
        read_index(MANIFEST, json.dumps(json.loads(index_files()[MANIFEST]) | change).encode())


@pytest.mark.parametrize("data", ["9" * 300 + " scenes", "9" * 5000 + " scenes", "\u0663 scenes", "../../scenes", ""])
def test_a_data_set_of_any_name_is_looked_for_in_vain(data):
    read_index(MANIFEST, json.dumps(json.loads(index_files()[MANIFEST]) | {"data": data}).encode())


@pytest.mark.parametrize("size", [(SIDE + 1, 8), (8, 3000)])
def test_a_small_picture_that_is_none_of_ours_is_refused(size):
    too_large = io.BytesIO()
    Image.new("RGB", size).save(too_large, "JPEG")
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    for data in (b"", b"no picture", thumbnail(np.zeros((8, 8, 3), np.uint8))[:-40], png.getvalue(), too_large.getvalue()):
        with pytest.raises(UnreadableImage, match="small picture of this index is damaged"):
            read_thumbnail(data)


def test_the_comparison_itself_is_read():
    assert read_comparison(compared()) == json.loads(compared())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("encoders",), [{"name": "tiny"}]),
        (("encoders", 0, "name"), 3),
        (("sentences", 0), None),
        (("differences", 0, "first"), "much"),
        (("differences", 0, "first"), 10**400),
        (("differences", 0, "interval"), [0.1]),
        (("differences", 0, "carried"), "nobody"),
        (("differences", 0, "regions", 0, "mask"), []),
        (("differences", 0, "regions", 0, "mask"), ["01", "0"]),
        (("differences", 0, "regions", 0, "mask"), ["0" * 5000]),
        (("differences", 0, "regions", 0, "shares"), [0.1, float("nan")]),
        (("changes", 0, "predicted"), ["one"]),
        (("changes", 0, "name"), "\ud83d"),
    ],
)
def test_a_comparison_with_another_value_is_passed_over(path, value):
    record = json.loads(compared())
    at = record
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    assert read_comparison(json.dumps(record).encode()) is None


def test_a_file_that_holds_no_comparison_is_passed_over():
    assert [read_comparison(data) for data in (b"", b"[]", b"{}", b"\xff", b"[" * 50_000)] == [None] * 5
