"""The photos of an index where they lie, and a part of it as examples of a concept."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from explainers.datasets.index import Index
from explainers.datasets.originals import MissingPhotos, Originals, originals_of, read_originals
from explainers.datasets.part_examples import part_examples, part_maps
from explainers.datasets.search import regions_of_part


@pytest.fixture
def index(made, data, tmp_path, monkeypatch) -> Index:
    """An index of data that lie in the operator's folder."""
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ENCODERSCOPE_DATA", str(tmp_path / "laid down"))
    shutil.copytree(data, tmp_path / "laid down" / "data")
    return made(tmp_path / "index")


def test_a_part_and_the_rest_of_its_photos_fill_them(index):
    (k, *_), photos = index.ks, index.photos
    class_idx = photos["predicted"].to_pylist()[0]
    part = next(p for p in range(k) if regions_of_part(index, k, p, class_idx, 1))
    examples = part_examples(index, originals_of(index), k, part, class_idx)
    names = {hit.photo for hit in regions_of_part(index, k, part, class_idx, 99)}
    assert {example.name for example in examples.concept} == {Path(name).name for name in names}
    assert len(examples.concept) == len(names)  # all of the part in a photo is one example
    maps = part_maps(index, k, sorted(names))
    for name in names:
        here = [e for e in (*examples.concept, *examples.random) if e.name == Path(name).name]
        shape = maps[name].shape
        inside = [np.ones(shape, bool) if e.region is None else e.region.pixels for e in here]
        assert (np.sum(inside, axis=0) == 1).all() and (inside[0] == (maps[name] == part)).any()


def test_scenes_are_found_where_the_server_renders_them(index, tmp_path):
    scenes = tmp_path / "home" / "scenes" / "320" / "photos"
    scenes.mkdir(parents=True)
    named = Index(index.folder, {**index.manifest, "data": "320 scenes"}, index.key)
    assert originals_of(named) == Originals(scenes, rendered=True)
    other = Index(index.folder, {**index.manifest, "data": "../320 scenes"}, index.key)
    with pytest.raises(MissingPhotos, match="are not here"):
        originals_of(other)


def test_photos_that_changed_are_left_out_and_nothing_left_is_a_sentence(index, tmp_path):
    data = originals_of(index).data
    first, second, *_ = index.photos["name"].to_pylist()
    (data / first).write_bytes(b"another picture")
    assert [name for name, _ in read_originals(index, data, [first, second])] == [second]
    (data / second).unlink()
    with pytest.raises(MissingPhotos, match="Not one of 2 photos"):
        list(read_originals(index, data, [first, second]))
    with pytest.raises(MissingPhotos, match="cannot be read"):
        list(read_originals(index, tmp_path / "nowhere", [first]))


def test_photos_in_an_archive_are_found_as_well(index, tmp_path):
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", originals_of(index).data))
    names = index.photos["name"].to_pylist()
    assert [name for name, _ in read_originals(index, packed, names)] == names
