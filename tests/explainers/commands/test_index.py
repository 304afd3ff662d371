"""The commands about whole data sets: what they write, what they say, how they end."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from tests.pages.tiny_encoders import CNN, VIT, write_tiny_encoders


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder of twelve photos in two classes, and one of encoders."""
    folder = tmp_path_factory.mktemp("data")
    write_tiny_encoders(folder / "encoders")
    for n in range(12):
        path = folder / f"photos/thing {n % 2}/{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(n).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    return folder


def test_an_index_is_made_and_checked(data, capsys, tmp_path):
    (data / "photos/broken.png").write_bytes(b"")
    out, encoder = str(tmp_path / "index"), str(data / "encoders" / CNN)
    assert main(["index", str(data / "photos"), "--encoder", encoder, "--parts", "2,4", "--out", out]) == 1
    said = capsys.readouterr()
    assert "12 photos" in said.out and "broken.png" in said.err
    files = ["--json", str(tmp_path / "check.json"), "--junit", str(tmp_path / "check.xml")]
    assert main(["check", out, "--forbid-part", "0", "1", *files]) == 0
    assert json.loads((tmp_path / "check.json").read_text())["passed"] and (tmp_path / "check.xml").read_bytes()
    assert main(["check", out]) == main(["check", str(tmp_path), "--forbid-part", "0"]) == 2
    assert main(["check", out, "--forbid-part", "9"]) == 2
    assert "Nothing is forbidden" in capsys.readouterr().err


def test_what_is_found_is_replaced_where_the_photos_are(data, capsys, tmp_path):
    photos, out, encoder = tmp_path / "photos", str(tmp_path / "index"), str(data / "encoders" / VIT)
    photos.mkdir()
    for n in range(16):  # dark and light in turn, so that two classes are predicted
        noise = np.random.default_rng(n).integers(0, 56, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise + np.uint8(200 * (n % 2))).save(photos / f"{n}.png")
    file, everything = (
        tmp_path / "check.json",
        ["--forbid-part", *map(str, range(8)), "--max-share", "0", "--level", "1", "--replace"],
    )
    assert main(["check", str(photos), "--encoder", encoder, "--out", out, "--json", str(file), *everything]) == 3
    found = [row for row in json.loads(file.read_text())["checked"] if row["is_finding"]]
    assert all(row["replaced"][0]["drop"]["n_images"] > 0 for row in found) and "its logit falls by" in capsys.readouterr().out
    assert main(["check", out, *everything]) == 3  # what was found stands without the photos, too
    assert "Nothing was replaced. The photos of this index are not here" in capsys.readouterr().err
    assert main(["check", out, *everything, "--photos", str(photos)]) == 3
