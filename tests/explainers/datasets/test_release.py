"""The gate as releases use it: an index made on the way, an earlier check beside, a function for tests."""

import json
from pathlib import Path

import numpy as np
import pytest

from explainers.commands.main import main
from explainers.datasets.baselines import read_baseline
from explainers.datasets.kept import index_folders
from explainers.datasets.release import Release, index_of, kept_folder, require_passing
from explainers.results.files import png
from models.errors import BadSettings
from tests.pages.tiny_encoders import CNN, VIT


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A place of its own for indexes."""
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def ask_of(service):
    return lambda question: service.ask(question).result(240)


def test_the_index_of_a_data_set_is_made_once_and_kept_by_name(data, index_service, home):
    ask = ask_of(index_service)
    index = index_of(Release(data, CNN), ask)
    assert index.folder.parent == home / "indexes" and index.name in index_folders()
    asked = []
    again = index_of(Release(data, CNN), lambda question: asked.append(question) or ask(question))
    assert again.key == index.key and len(asked) == 1  # the depth; nothing is described anew
    assert kept_folder(Release(data, CNN)) != kept_folder(Release(data, VIT))
    assert index_of(Release(index.folder), ask).key == index.key
    with pytest.raises(BadSettings, match="an index already"):
        index_of(Release(index.folder, CNN), ask)
    with pytest.raises(BadSettings, match="Name an encoder"):
        index_of(Release(data), ask)


def test_a_test_passes_or_shows_sentences(data, index_service, home, tmp_path):
    white = png(np.full((8, 8, 3), 255, np.uint8))
    for path in data.rglob("*.png"):  # everything is object: no part is beside it
        (tmp_path / "truth" / path.relative_to(data)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "truth" / path.relative_to(data)).write_bytes(white)
    release = Release(data, CNN, tmp_path / "truth")
    assert not require_passing(release, beside=True, service=index_service).findings
    with pytest.raises(BadSettings, match="Nothing is forbidden"):
        require_passing(release)
    with pytest.raises(BadSettings, match="where objects are"):
        require_passing(Release(data, CNN), beside=True, service=index_service)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "encoderscope/check/1"}', "[" * 10**5, '{"schema": 1, "checked": 2}']
)
def test_what_is_no_check_is_no_baseline(tmp_path, content):
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(BadSettings, match="not what an earlier check wrote"):
        read_baseline(tmp_path / "b.json")
    with pytest.raises(BadSettings, match="not what an earlier check wrote"):
        read_baseline(tmp_path / "nowhere.json")


def test_the_command_makes_the_index_and_compares_with_an_earlier_check(data, index_service, home, capsys, tmp_path):
    encoder = str(Path(index_service.catalog.encoder_folder) / CNN)
    made = ["check", str(data), "--encoder", encoder, "--out", str(tmp_path / "index"), "--forbid-part", "0", "1"]
    assert main([*made, "--max-share", "0", "--level", "1", "--json", str(tmp_path / "before.json")]) in (0, 3)
    checked = json.loads((tmp_path / "before.json").read_text())
    assert "broken.png" in capsys.readouterr().err and (tmp_path / "index/manifest.json").is_file()
    again = ["check", str(tmp_path / "index"), "--forbid-part", "0", "1", "--max-share", "0", "--level", "1"]
    assert main([*again, "--baseline", str(tmp_path / "before.json")]) == 0
    assert checked["dictionary"] and not checked["baseline"]
    assert main([*again, "--baseline", str(tmp_path / "index/manifest.json")]) == 2
