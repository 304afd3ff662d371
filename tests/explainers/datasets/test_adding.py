"""Photos that come later: what is there stays byte for byte, what comes is the same however it came, and its fit is said."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.datasets.adding import add_photos, newest_fit
from explainers.datasets.index import Index, open_index
from explainers.datasets.items import Item, UnreadableData
from explainers.datasets.making import Making
from explainers.datasets.questions import DescribePhotos, SampleActivations
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from models.errors import BadSettings
from tests.explainers.datasets.test_making import contents
from tests.pages.tiny_encoders import CNN, VIT


@pytest.fixture
def added(index_service):
    """Adds photos to the index in a folder; gives back how many were described as well."""

    def added_to(folder: Path, items: list[Item], encoder: str = "") -> tuple[Index, int]:
        asked = []

        def ask(question):
            asked.append(question)
            return index_service.ask(question).result(240)

        index = add_photos(Making(items, IndexSettings(encoder), folder, "more", ask))
        assert not any(isinstance(question, SampleActivations) for question in asked)
        return index, sum(len(question.seen.photos) for question in asked if isinstance(question, DescribePhotos))

    return added_to


def of_first(data: Path, n: int) -> list[Item]:
    return [item for item in list_items(data) if "broken" not in item.name][:n]


def test_the_old_photos_are_not_looked_at_again_and_their_files_stay(made, added, data, tmp_path):
    first = made(tmp_path, items=of_first(data, 8))
    before = contents(tmp_path)
    index, n_described = added(tmp_path, list_items(data))
    after = contents(tmp_path)
    assert n_described == 4 and len(index.photos) == 12 and list(index.refused()) == ["thing 0/broken.png"]
    assert {name: data for name, data in after.items() if name in before and name != "manifest.json"} == {
        name: data for name, data in before.items() if name != "manifest.json"
    }
    assert index.manifest["sampled_from"] == {"n_shards": 2, "n_files": 8}
    assert [(a["data"], a["n_files"], a["n_shards"]) for a in index.manifest["additions"]] == [("more", 5, 1)]
    assert index.manifest["shards"][:2] == first.manifest["shards"] and index.manifest["n_files"] == 13
    again, n_described = added(tmp_path, list_items(data)[::-1])
    assert again.key == index.key and n_described == 0 and contents(tmp_path) == after
    assert len(index.regions(4, ("part",))) and set(index.thumbnails({"thing 1/11.png"})) == {"thing 1/11.png"}


def test_the_order_and_an_interruption_do_not_change_a_byte(made, added, data, tmp_path, interrupted):
    made(tmp_path / "a", items=of_first(data, 2))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    added(tmp_path / "a", list_items(data))
    with interrupted():
        added(tmp_path / "b", list_items(data)[::-1])
    assert len(open_index(tmp_path / "b").photos) == 2  # still whole
    _, n_described = added(tmp_path / "b", list_items(data))
    assert 0 < n_described < 10 and contents(tmp_path / "a") == contents(tmp_path / "b")


def test_photos_unlike_those_before_are_said_to_fit_less(made, added, data, tmp_path):
    made(tmp_path / "a", items=of_first(data, 6))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for n in range(6):
        (tmp_path / "flat").mkdir(exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), (250 - n, 3, n), np.uint8)).save(tmp_path / f"flat/{n}.png")
    alike = newest_fit(added(tmp_path / "a", list_items(data))[0], 4)
    unlike = newest_fit(added(tmp_path / "b", list_items(tmp_path / "flat"))[0], 4)
    assert alike.median_before == unlike.median_before
    assert unlike.far == 1 and unlike.median_added > unlike.median_before and "make the index anew" in unlike.sentence
    assert alike.far < 1 and alike.median_added < unlike.median_added


def test_columns_must_be_alike_and_may_be_new(made, added, data, tmp_path):
    items = of_first(data, 8)
    made(tmp_path, items=[replace(item, columns=(("year", 2000),)) for item in items[:4]])
    with pytest.raises(UnreadableData, match="'year' is int64 in the index and string"):
        added(tmp_path, [replace(item, columns=(("year", "old"),)) for item in items])
    index, _ = added(tmp_path, [replace(item, columns=(("night", True),)) for item in items])
    assert index.columns == {"night": "bool", "year": "int64"}
    assert sorted(index.photos["night"].to_pylist(), key=str) == [None] * 4 + [True] * 4
    assert index.photos["year"].null_count == 4


def test_another_encoder_and_changed_content_are_refused(made, added, data, tmp_path):
    made(tmp_path / "index", items=of_first(data, 4))
    with pytest.raises(BadSettings, match="another encoder"):
        added(tmp_path / "index", list_items(data), VIT)
    for _ in range(2):  # the second time there is nothing new
        index, _ = added(tmp_path / "index", [replace(of_first(data, 1)[0], path=data / "thing 1/11.png")])
        assert len(index.photos) == 4 and "other content" in index.refused()["thing 0/0.png (again)"]
        assert len(index.manifest["shards"]) == 2


def test_the_command_adds_and_says_how_it_fits(data, index_service, capsys, tmp_path):
    encoder = str(Path(index_service.catalog.encoder_folder) / CNN)
    out = ["--out", str(tmp_path / "index")]
    assert main(["index", str(data / "thing 1"), "--encoder", encoder, "--parts", "2,4", *out]) == 0
    assert main(["index", str(data), "--add", *out]) == 1  # one file is no picture
    said = capsys.readouterr()
    assert "has 18 photos; 13 files were added" in said.out and "distance to the middles" in said.out
    assert main(["index", str(data), "--add", "--parts", "2,8", *out]) == main(["index", str(data), *out]) == 2
