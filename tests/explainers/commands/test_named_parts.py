"""Names from one run of `segment` to the next, from end to end."""

import json

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.results.named_parts import read_parts
from tests.explainers.commands.test_commands import encoder, photos, picture  # noqa: F401
from tests.explainers.commands.test_segment_files import files_in, images_of, run


def test_named_clusters_are_found_in_the_photo_they_come_from_and_in_others(encoder, photos, tmp_path):  # noqa: F811
    first, second = tmp_path / "first", tmp_path / "second"
    options = ["--at", "3", "--name", "0=sky", "--name", "1=a tree", "--format", "npz,coco"]
    assert run(encoder, first, photos[0], options=options) == 0
    assert files_in(first) == ["coco/photo0.json", "photo0.npz", "photo0.parts.safetensors", "photo0.png", "summary.json"]
    names = read_parts((first / "photo0.parts.safetensors").read_bytes(), "it")
    assert names.given == ("sky", "a tree", "")
    categories = json.loads((first / "coco/photo0.json").read_text())["categories"]
    assert [category["name"] for category in categories] == ["sky", "a tree", "cluster 2"]

    command = [
        "segment",
        str(photos[0]),
        str(photos[1]),
        "--encoder",
        encoder,
        "--names",
        str(first / "photo0.parts.safetensors"),
    ]
    assert main([*command, "--limit", "1000", "--format", "npz,masks", "--out", str(second)]) == 0
    assert files_in(second) == [
        "masks/photo0.png", "masks/photo1.png", "photo0.npz", "photo0.png", "photo1.npz", "photo1.png", "summary.json",
    ]  # fmt: skip
    with np.load(first / "photo0.npz") as before, np.load(second / "photo0.npz") as after:
        np.testing.assert_array_equal(before["labels"][1], after["labels"])  # of 3 clusters; the third has no name
    with Image.open(second / "masks/photo0.png") as mask:
        assert mask.getpalette()[6:9] == [120, 120, 120]  # unknown is grey
    shares = [part["area"] for part in images_of(second)[1]["parts"]]
    assert len(shares) == 3 and sum(shares) == pytest.approx(1)


@pytest.mark.parametrize(
    "options, refusal",
    [
        (["--name", "9=sky"], "Cluster 9 was named"),
        (["--name", "0=sky", "--names", "x"], "--names looks for parts"),
        (["--names", "nowhere.safetensors"], "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused(encoder, photos, tmp_path, capsys, options, refusal):  # noqa: F811
    assert run(encoder, tmp_path, photos[0], options=options) == 2
    assert refusal in capsys.readouterr().err


def test_clusters_of_several_images_are_named_together(encoder, photos, tmp_path, capsys):  # noqa: F811
    assert run(encoder, tmp_path, *photos[:2], options=["--name", "0=sky"]) == 2
    assert "add --together" in capsys.readouterr().err
