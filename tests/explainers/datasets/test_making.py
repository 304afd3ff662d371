"""An index is the same bytes however it came about."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from explainers.datasets.index import MANIFEST, UnreadableIndex, open_index
from explainers.datasets.questions import DescribePhotos
from explainers.datasets.sources import UnreadableData, list_items
from explainers.datasets.truths import objects_in
from explainers.results.files import png
from tests.explainers.datasets.conftest import TINY


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_order_of_photos_does_not_change_a_byte(made, data, tmp_path):
    made(tmp_path / "a")
    made(tmp_path / "b", items=list_items(data)[::-1])
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_who_is_interrupted_goes_on_and_comes_to_the_same_bytes(made, tmp_path, monkeypatch, index_service, interrupted):
    whole = made(tmp_path / "whole")
    with interrupted():
        made(tmp_path / "again")
    with pytest.raises(UnreadableIndex):
        open_index(tmp_path / "again")
    asked = []
    monkeypatch.setattr(index_service, "ask", lambda question, ask=index_service.ask: asked.append(question) or ask(question))
    made(tmp_path / "again")
    n_described = sum(len(question.seen.photos) for question in asked if isinstance(question, DescribePhotos))
    assert n_described < 12 and contents(tmp_path / "again") == contents(whole.folder)


def test_a_file_that_is_no_picture_is_named_and_the_others_are_done(made, tmp_path):
    index = made(tmp_path)
    assert list(index.refused()) == ["thing 0/broken.png"] and len(index.photos) == 12
    assert index.manifest["n_files"] == 13


def test_shards_of_other_settings_give_way(made, tmp_path):
    made(tmp_path)
    assert len(list((tmp_path / "photos").iterdir())) == 3
    index = made(tmp_path, settings=replace(TINY, photos_per_shard=20))
    assert len(list((tmp_path / "photos").iterdir())) == 1 and open_index(tmp_path).key == index.key


def test_photos_are_described_anew_where_what_is_known_of_their_objects_changes(made, data, tmp_path):
    without = made(tmp_path / "index")
    truth = tmp_path / "truth" / "thing 0" / "0.png"
    truth.parent.mkdir(parents=True)
    truth.write_bytes(png(np.full((64, 64, 3), 255, np.uint8)))
    known = made(tmp_path / "index", on_objects=objects_in(tmp_path / "truth"))
    names = known.photos["name"].to_pylist()
    on_object = {names[row["photo_idx"]]: row["on_object"] for row in known.regions(4, ("on_object",)).to_pylist()}
    assert known.key != without.key and {name for name, on in on_object.items() if on is not None} == {"thing 0/0.png"}
    assert on_object["thing 0/0.png"] == 1
    shards = {path: path.stat().st_mtime_ns for path in known.region_files}
    again = made(tmp_path / "index", on_objects=objects_in(tmp_path / "truth"))
    assert again.key == known.key and {path: path.stat().st_mtime_ns for path in again.region_files} == shards


def test_what_is_kept_of_a_photo_adds_up(made, tmp_path):
    index = made(tmp_path)
    for k in index.ks:
        regions = index.regions(k, ("part", "n_cells", "evidence", "map_height", "map_width"))
        cells = np.bincount(regions["photo_idx"].to_numpy(), regions["n_cells"].to_numpy())
        assert set(cells) == {regions["map_height"][0].as_py() * regions["map_width"][0].as_py()}
        evidence = np.bincount(regions["photo_idx"].to_numpy(), regions["evidence"].to_numpy())
        assert ((evidence == 0) | (np.abs(evidence - 1) < 1e-5)).all()
    assert set(index.thumbnails({"thing 0/2.png"})) == {"thing 0/2.png"}
    assert index.dictionary.ks == (2, 4) and pickle.loads(pickle.dumps(index)).key == index.key


def test_parquet_says_what_its_columns_are(made, tmp_path):
    index = made(tmp_path)
    path = tmp_path / "regions" / index.manifest["shards"][0]
    assert pq.read_schema(path).names[:3] == ["photo", "k", "part"] and b"encoderscope" in pq.read_schema(path).metadata


def test_what_is_no_index_or_lacks_files_is_refused(made, tmp_path):
    with pytest.raises(UnreadableIndex, match="holds no index"):
        open_index(tmp_path)
    index = made(tmp_path)
    (tmp_path / "photos" / index.manifest["shards"][0]).unlink()
    with pytest.raises(UnreadableIndex, match="lacks files"):
        open_index(tmp_path)
    (tmp_path / MANIFEST).write_text('{"schema": "other"}')
    with pytest.raises(UnreadableIndex, match="another version"):
        open_index(tmp_path)


def test_a_data_set_without_one_photo_is_refused(made, data, tmp_path):
    broken = [item for item in list_items(data) if "broken" in item.name]
    with pytest.raises(UnreadableData, match="Not one photo"):
        made(tmp_path, items=broken)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": None},
        {"settings": {"encoder_name": "x", "depth": True, "input_size": 8, "dictionary": {"ks": [2], "seed": 0}}},
        {"shards": ["../../../etc/passwd"]},
        {"shards": []},
        {"versions": "1"},
    ],
    ids=str,
)
def test_a_manifest_of_another_shape_is_refused_and_names_no_file_outside(made, tmp_path, change):
    made(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | change))
    with pytest.raises(UnreadableIndex, match="not as it was written"):
        open_index(tmp_path)


@pytest.mark.parametrize("kind", ["photos", "regions"])
def test_a_damaged_shard_is_one_sentence(made, tmp_path, kind):
    index = made(tmp_path)
    path = tmp_path / kind / index.manifest["shards"][0]
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UnreadableIndex, match=f"'{kind}/part-00000-.*' of this index is damaged"):
        open_index(tmp_path).regions(2, ("part",))
