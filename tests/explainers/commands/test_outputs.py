"""Outputs that cannot be written are refused before the work; names as long as a file system takes them work."""

from pathlib import Path

import pytest

from explainers.commands import compare, one_file, segment
from explainers.commands.main import main
from explainers.results.files import output_stems, write_bytes


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    """Whoever begins to work fails the test."""
    for command in (one_file, compare, segment):
        monkeypatch.setattr(command, "running", lambda n_images: pytest.fail("the work began"))


def places(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    return {
        "a folder": tmp_path / "folder",
        "below a file": tmp_path / "file" / "deep" / "o.json",
        "below a device": Path("/dev/null/o.json"),
        "where nothing can be made": Path("/proc/o.json"),
        "too long": tmp_path / ("x" * 256),
        "a device": Path("/dev/null"),
    }


@pytest.mark.parametrize(
    "kind", ["a folder", "below a file", "below a device", "where nothing can be made", "too long", "a device"]
)
def test_attribute_refuses_a_file_that_cannot_be_written_before_the_work(tmp_path, capsys, kind):
    out = places(tmp_path)[kind]
    asked = ["attribute", "x.png", "--encoder", "scenes-cnn", "--depth", "3", "--concept", "striped", "--out", str(out)]
    assert main(asked) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "cannot be written" in told and "--out" in told


@pytest.mark.parametrize("kind", ["below a file", "below a device", "where nothing can be made", "too long", "a device"])
@pytest.mark.parametrize("command", ["segment", "compare"])
def test_folders_that_cannot_be_written_are_refused_before_the_work(tmp_path, capsys, command, kind):
    assert main([command, "x.png", "--encoder", "a", "--encoder", "b", "--out", str(places(tmp_path)[kind])]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "name"), [("segment", "summary.json"), ("compare", "comparison.json"), ("compare", "depths.csv")]
)
def test_a_folder_in_the_place_of_a_table_is_seen_before_the_work(tmp_path, capsys, command, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    assert main([command, "x.png", "--encoder", "a", "--encoder", "b", "--out", str(tmp_path / "out")]) == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("letter", ["x", "ä", "条", "😀"])
def test_derived_names_are_as_long_as_names_can_be_and_no_longer(tmp_path, letter):
    longest = letter * (255 // len(letter.encode()))
    stems = output_stems(
        [Path(longest), Path(longest + "2"), Path("a") / f"{longest[:-4]}.png", Path("b") / f"{longest[:-4]}.png"]
    )
    assert len(set(stems)) == 4
    for stem in stems:
        write_bytes(tmp_path / f"{stem}.npz", b"maps")
        assert len(f"{stem}.npz".encode()) <= 255
    assert len(list(tmp_path.iterdir())) == 4
