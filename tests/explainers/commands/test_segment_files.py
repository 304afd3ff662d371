"""What `segment --format` writes beside the overlay and the summary, from end to end."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from explainers.commands.main import main
from tests.explainers.commands.test_commands import encoder, photos, picture  # noqa: F401

QUICK = ["--clusters", "2:4", "--size", "96"]


def run(encoder, out, *images, options=()):  # noqa: F811
    return main(["segment", *map(str, images), "--encoder", encoder, *QUICK, *options, "--out", str(out)])


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def images_of(out):
    return json.loads((out / "summary.json").read_text())["images"]


def test_every_format_has_a_folder_and_the_summary_names_its_files(encoder, photos, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    assert run(encoder, out, photos[0], options=["--format", "npz,coco,masks,label-studio,yolo,boxes", "--at", "4"]) == 0
    exports = [
        "coco/photo0.json", "masks/photo0.png", "label-studio/photo0.json",
        "yolo/photo0.txt", "yolo/data.yaml", "yolo/photo0.json", "boxes/photo0.json",
    ]  # fmt: skip
    assert files_in(out) == sorted([*exports, "photo0.npz", "photo0.png", "summary.json"])
    (record,) = images_of(out)
    assert record["exports"] == exports and record["overlay_k"] == 4
    with Image.open(out / "masks/photo0.png") as mask, np.load(out / "photo0.npz") as maps:
        np.testing.assert_array_equal(np.asarray(mask), maps["labels"][2])  # the same map of 4 clusters
    (box,) = COCO(str(out / "boxes/photo0.json")).anns.values()
    assert box["bbox"] == record["box"]


def test_without_maps_none_are_written(encoder, photos, tmp_path):  # noqa: F811
    assert run(encoder, tmp_path / "out", photos[0], options=["--format", "coco"]) == 0
    assert files_in(tmp_path / "out") == ["coco/photo0.json", "photo0.png", "summary.json"]
    assert "maps" not in images_of(tmp_path / "out")[0]


def test_images_clustered_together_are_in_one_file(encoder, photos, tmp_path):  # noqa: F811
    assert run(encoder, tmp_path / "out", *photos, options=["--together", "--format", "coco,yolo"]) == 0
    coco = COCO(str(tmp_path / "out/coco/set.json"))
    assert [image["file_name"] for image in coco.imgs.values()] == [f"photo{n}.png" for n in range(3)]
    assert files_in(tmp_path / "out/yolo") == ["data.yaml", *(f"photo{n}.txt" for n in range(3)), "set.json"]


def test_a_mask_never_takes_the_place_of_an_image(encoder, tmp_path, capsys):  # noqa: F811
    mine = picture(tmp_path / "masks" / "mine.png")
    before = mine.read_bytes()
    assert run(encoder, tmp_path, mine, options=["--format", "masks"]) == 2
    assert mine.read_bytes() == before and "would be replaced" in capsys.readouterr().err


def test_a_granularity_without_a_map_is_refused_before_the_work(encoder, photos, tmp_path, capsys):  # noqa: F811
    assert run(encoder, tmp_path / "out", photos[0], options=["--at", "9"]) == 2
    assert "maps for 2 to 4 clusters" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_an_unknown_format_is_named(encoder, photos, tmp_path, capsys):  # noqa: F811
    with pytest.raises(SystemExit) as ended:
        run(encoder, tmp_path / "out", photos[0], options=["--format", "coco,pascal"])
    assert ended.value.code == 2 and "'pascal' is not a format" in capsys.readouterr().err


def test_a_truth_is_compared_with_beside_chance(encoder, photos, tmp_path, capsys):  # noqa: F811
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    Image.fromarray(np.where(np.arange(60)[:, None] < np.full(90, 30), 1, 0).astype(np.uint8)).save(drawn / "photo0.png")
    assert run(encoder, tmp_path / "out", *photos[:2], options=["--truth", str(drawn), "--at", "2"]) == 0
    with_truth, without = images_of(tmp_path / "out")
    figures = with_truth["truth"]["objects"][0]["iou"]
    assert figures["value"] > 0.9 > figures["chance"] and figures["p_value"] < 0.1  # the plain upper half is a cluster
    assert with_truth["truth"]["adjusted_rand"]["value"] > 0.7 and with_truth["truth"]["n_clusters"] == 2
    assert "photo1" in without["truth"]["error"] and "photo1.png" in capsys.readouterr().err


def test_a_truth_that_is_not_there_is_refused_before_the_work(encoder, photos, tmp_path, capsys):  # noqa: F811
    assert run(encoder, tmp_path / "out", photos[0], options=["--truth", str(tmp_path / "nowhere")]) == 2
    assert "--truth" in capsys.readouterr().err and not (tmp_path / "out").exists()
