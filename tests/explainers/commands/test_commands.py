"""The command line from end to end, with an encoder folder made on the spot: random weights, small enough for seconds."""

import gc
import json
import os
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import tifffile
import timm
import torch
from PIL import Image

from explainers.commands import inputs
from explainers.commands import segment as segmenting
from explainers.commands.encoders import encoder_table
from explainers.commands.inputs import picture_files
from explainers.commands.main import main
from explainers.service.answers import ANSWERS
from explainers.service.questions import Segment, SegmentEach
from models.catalog.catalog import Catalog, CatalogEntry
from models.errors import EncoderscopeError

ROOT = Path(__file__).parents[3]
QUICK = ["--clusters", "2:4", "--size", "96"]


def tiny_encoder(folder, architecture, n_classes):
    """A folder in timm's local-dir format, with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(architecture, pretrained=False, num_classes=n_classes)
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    return str(folder)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    return tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny", "test_resnet", n_classes=3)


def picture(path, shape=(60, 90), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels[: shape[0] // 2] = 255
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    return [picture(tmp_path / "in" / f"photo{n}.png", seed=n) for n in range(3)]


def run(encoder, out, *images, options=QUICK):
    return main(["segment", *map(str, images), "--encoder", encoder, *options, "--out", str(out)])


def labels_of(path):
    with np.load(path) as stored:
        return stored["labels"]


def test_maps_overlay_and_summary_of_every_image(encoder, photos, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert run(encoder, out, *photos) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"photo{n}.{suffix}" for n in range(3) for suffix in ("npz", "png")),
        "summary.json",
    ]
    with np.load(out / "photo0.npz") as stored:
        assert stored["ks"].tolist() == [2, 3, 4]
        labels = stored["labels"]
    n_k, height, width = labels.shape
    assert labels.dtype == np.uint8 and n_k == 3 and height / width == pytest.approx(60 / 90, rel=0.02)
    assert all(labels[n].max() == k - 1 for n, k in enumerate((2, 3, 4)))
    assert np.unique(labels[0, : height // 3]).size == 1  # the plain half is one part
    with Image.open(out / "photo0.png") as overlay:
        assert overlay.size == (90, 60) and overlay.mode == "RGB"
    error_stream = capsys.readouterr().err
    assert "3/3" in error_stream


def test_the_summary_says_what_was_done_with_what(encoder, photos, tmp_path):
    run(encoder, tmp_path / "out", *photos, options=[*QUICK, "--depths", "2,1", "--seed", "5", "--scaling", "unit"])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"] == {
        "depths": [1, 2],
        "scaling": "unit",
        "input_size": 96,
        "min_clusters": 2,
        "max_clusters": 4,
        "seed": 5,
        "fit": "grid",
    }
    assert summary["encoder"]["fingerprint"] == Catalog().open(encoder).info.fingerprint
    assert summary["versions"]["timm"] == timm.__version__ and summary["errors"] == []
    record = summary["images"][1]
    assert record["file"] == str(photos[1]) and record["shape"] == [60, 90] and len(record["sha256"]) == 64
    assert (record["maps"], record["overlay"], record["overlay_k"]) == ("photo1.npz", "photo1.png", 3)
    assert [quality["k"] for quality in record["quality"]] == [2, 3, 4] and record["suggested_k"] in (2, 3, 4)
    assert record["map_shape"] == list(labels_of(tmp_path / "out" / "photo1.npz").shape[1:])


def test_a_bad_file_is_named_and_the_others_are_done(encoder, photos, tmp_path, capsys):
    bad = tmp_path / "in" / "bad.jpg"
    bad.write_text("<svg></svg>")
    missing = tmp_path / "missing.jpg"
    assert run(encoder, tmp_path / "out", photos[0], bad, missing, photos[1]) == 1
    assert sorted(path.name for path in (tmp_path / "out").glob("*.npz")) == ["photo0.npz", "photo1.npz"]
    told = capsys.readouterr().err
    assert str(bad) in told and str(missing) in told and "Traceback" not in told
    errors = json.loads((tmp_path / "out" / "summary.json").read_text())["errors"]
    assert [error["file"] for error in errors] == [str(bad), str(missing)] and "SVG" in errors[0]["error"]


def test_nothing_usable_is_status_2(encoder, photos, tmp_path, capsys):
    assert run("no-such-encoder", tmp_path / "out", *photos) == 2
    assert "no-such-encoder" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert run(encoder, tmp_path / "out", tmp_path / "missing.jpg") == 2
    assert run(encoder, tmp_path / "out", *photos, options=["--depths", "77"]) == 2
    assert "77" in capsys.readouterr().err
    assert run(encoder, tmp_path / "out", *photos, options=["--clusters", "9:3"]) == 2
    (tmp_path / "empty").mkdir()
    assert run(encoder, tmp_path / "out", tmp_path / "empty") == 2
    assert "no pictures" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--depths", "a,b"], ["--clusters", "5"], ["--size", "big"], ["--scaling", "odd"]])
def test_senseless_options_are_status_2(encoder, photos, tmp_path, options, capsys):
    with pytest.raises(SystemExit) as ended:
        run(encoder, tmp_path / "out", *photos, options=options)
    assert ended.value.code == 2 and options[0] in capsys.readouterr().err


def test_an_out_that_is_a_file_is_status_2(encoder, photos, tmp_path, capsys):
    (tmp_path / "out").write_text("in the way")
    assert run(encoder, tmp_path / "out", *photos) == 2
    assert "--out" in capsys.readouterr().err and (tmp_path / "out").read_text() == "in the way"


def test_the_same_seed_gives_the_same_bytes(encoder, photos, tmp_path):
    for out in ("once", "again"):
        run(encoder, tmp_path / out, photos[0])
    assert (tmp_path / "once/photo0.npz").read_bytes() == (tmp_path / "again/photo0.npz").read_bytes()
    assert (tmp_path / "once/photo0.png").read_bytes() == (tmp_path / "again/photo0.png").read_bytes()


def test_the_company_does_not_change_the_maps(encoder, photos, tmp_path):
    run(encoder, tmp_path / "alone", photos[2])
    run(encoder, tmp_path / "together", *photos)
    np.testing.assert_array_equal(labels_of(tmp_path / "alone/photo2.npz"), labels_of(tmp_path / "together/photo2.npz"))


def test_images_of_one_stem_keep_apart(encoder, tmp_path):
    images = [picture(tmp_path / "a" / "cat.png", seed=1), picture(tmp_path / "b" / "cat.jpg", seed=2)]
    assert run(encoder, tmp_path / "out", *images) == 0
    records = json.loads((tmp_path / "out/summary.json").read_text())["images"]
    assert [(record["file"], record["maps"]) for record in records] == [
        (str(images[0]), "cat.npz"),
        (str(images[1]), "cat-2.npz"),
    ]
    assert (tmp_path / "out/cat.png").read_bytes() != (tmp_path / "out/cat-2.png").read_bytes()


def test_a_picture_is_never_replaced_by_its_overlay(encoder, photos, capsys):
    before = photos[0].read_bytes()
    assert run(encoder, photos[0].parent, photos[0]) == 2
    assert photos[0].read_bytes() == before and "--out" in capsys.readouterr().err


def test_a_folder_stands_for_its_pictures(photos, tmp_path):
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    upper = picture(tmp_path / "in" / "Z.JPG")
    assert picture_files([tmp_path / "in", photos[1]]) == [upper, *photos]


def test_photos_are_let_go_of_once_they_are_written(encoder, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(segmenting, "PHOTOS_AT_A_TIME", 2)
    alive, most = weakref.WeakSet(), []
    read = inputs.read_photo_file

    def watched(path, bands):
        gc.collect()
        most.append(len(alive))
        photo = read(path, bands)
        alive.add(photo)
        return photo

    monkeypatch.setattr(inputs, "read_photo_file", watched)
    images = [*photos, *(picture(tmp_path / f"more{n}.png", seed=9 + n) for n in range(11))]
    gc.collect()
    gc.freeze()  # half a million objects of the packages need not be looked at for every photo
    assert run(encoder, tmp_path / "out", *images) == 0
    gc.unfreeze()
    assert len(most) == 14 and max(most) <= 6  # beside the one that is being read: 2 wait, 2 are worked on, 2 are written


def test_of_images_side_by_side_only_the_one_that_fails_is_not_done(encoder, photos, tmp_path, monkeypatch, capsys):
    def failing(answer):
        def answered(question, *rest):
            if any(photo.name == photos[1].name for photo in question.photos_in_order):
                raise EncoderscopeError(f"Nothing can be done with {photos[1].name}.")
            return answer(question, *rest)

        return answered

    for kind in (Segment, SegmentEach):
        monkeypatch.setitem(ANSWERS, kind, failing(ANSWERS[kind]))
    assert run(encoder, tmp_path / "out", *photos) == 1
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert [Path(record["file"]) for record in summary["images"]] == [photos[0], photos[2]]
    assert "Nothing can be done with photo1.png" in capsys.readouterr().err


def test_an_interrupted_run_leaves_whole_files_only(encoder, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(segmenting, "PHOTOS_AT_A_TIME", 1)
    read = inputs.read_photo_file

    def interrupted(path, bands):
        if path == photos[2]:
            raise KeyboardInterrupt
        return read(path, bands)

    monkeypatch.setattr(inputs, "read_photo_file", interrupted)
    assert run(encoder, tmp_path / "out", *photos) == 130
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["photo0.npz", "photo0.png", "summary.json"]
    assert len(json.loads((tmp_path / "out/summary.json").read_text())["images"]) == 1


def test_the_table_of_encoders_can_be_read():
    entries = [
        CatalogEntry("tiny", "Tiny", "resnet10t", "CNN", "Bundled", 5_440_000, "mit", 128, True, "bundled"),
        CatalogEntry("a-much-longer-name", "X", "vit", "Transformer", "Your own", None, "mit", 224, False, "needs download"),
    ]
    assert encoder_table(entries).splitlines() == [
        "NAME                TITLE  FAMILY       PARAMETERS  STATE           CLASSIFIER",
        "tiny                Tiny   CNN          5.4 M       bundled         yes",
        "a-much-longer-name  X      Transformer  ?           needs download  no",
    ]


def test_encoders_lists_the_operators_folder(encoder, monkeypatch, capsys):
    monkeypatch.setenv("ENCODERSCOPE_ENCODERS", str(Path(encoder).parent))
    assert main(["encoders"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("tiny "))
    assert "on disk" in line and line.endswith("yes")
    assert main(["encoders", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["tiny"]["architecture"] == "test_resnet" and "resnet50.a1_in1k" in entries


def test_as_a_module_from_the_shell(encoder, photos, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    command = [sys.executable, "-m", "explainers", "segment", str(photos[0]), str(bad), "--encoder", encoder, *QUICK]
    ended = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1, ended.stderr
    assert str(bad) in ended.stderr and ended.stdout == "" and "Traceback" not in ended.stderr
    assert labels_of(tmp_path / "out/photo0.npz").shape[0] == 3


# --- compare ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """Another encoder, of another kind."""
    return tiny_encoder(tmp_path_factory.mktemp("encoders") / "other", "test_vit", n_classes=0)


def run_compare(encoders, out, *images):
    chosen = [part for encoder in encoders for part in ("--encoder", encoder)]
    return main(["compare", *map(str, images), *chosen, *QUICK, "--out", str(out)])


def test_two_encoders_are_compared_on_every_image(encoder, other, photos, tmp_path):
    out = tmp_path / "out"
    assert run_compare([encoder, other], out, *photos) == 0
    with np.load(out / "photo0.npz") as stored:
        assert stored["labels"].shape[:2] == (2, 3) and stored["ks"].tolist() == [2, 3, 4]
        assert stored["encoders"].tolist() == [encoder, other]
    with Image.open(out / "photo0.png") as picture:
        assert picture.size == (2 * 90 + 8, 60)
    record = json.loads((out / "comparison.json").read_text())
    assert [row["n_images"] for row in record["agreement_over_images"]] == [3, 3, 3]
    lines = (out / "agreement.csv").read_text().splitlines()
    assert lines[0] == "image,encoder,other,k,adjusted_rand,adjusted_mutual_information" and len(lines) == 1 + 3 * 3
    figures = [float(line.rsplit(",", 1)[1]) for line in (out / "depths.csv").read_text().splitlines()[1:]]
    assert figures and all(0 <= figure <= 1.0001 for figure in figures)


def test_an_encoder_that_fails_is_named_and_the_others_go_on(encoder, other, photos, tmp_path, capsys):
    assert run_compare([encoder, "no-such-encoder", other], tmp_path / "out", photos[0], tmp_path / "missing.png") == 1
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert set(record["failed"]) == {"no-such-encoder", str(tmp_path / "missing.png")} and len(record["encoders"]) == 2
    assert "no-such-encoder" in capsys.readouterr().err


def test_one_encoder_is_no_comparison(encoder, photos, tmp_path, capsys):
    assert run_compare([encoder, encoder], tmp_path / "out", photos[0]) == 2
    assert "at least 2" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_together_all_images_share_their_clusters_and_a_bad_one_is_named(encoder, photos, tmp_path, capsys):
    bad = tmp_path / "in" / "bad.png"
    bad.write_bytes(b"no picture")
    assert run(encoder, tmp_path / "out", bad, *photos, options=[*QUICK, "--together"]) == 1
    assert "bad.png" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["images"]) == 3 and [e["file"] for e in summary["errors"]] == [str(bad)]
    assert summary["together"] is True
    inertias = {json.dumps([q["inertia"] for q in image["quality"]]) for image in summary["images"]}
    assert len(inertias) == 1  # of all images together
    plain_halves = {np.bincount(labels_of(tmp_path / "out" / f"photo{n}.npz")[0, :20].ravel()).argmax() for n in range(3)}
    assert len(plain_halves) == 1


def test_together_none_that_can_be_read_is_nothing_done(encoder, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    assert run(encoder, tmp_path / "out", bad, options=[*QUICK, "--together"]) == 2


def test_of_many_bands_the_ones_asked_for_are_shown_and_named(encoder, photos, tmp_path, capsys):
    values = np.random.default_rng(0).integers(0, 4000, (40, 40, 6), np.uint16)
    tifffile.imwrite(tmp_path / "bands.tif", values, photometric="minisblack", planarconfig="contig")
    assert run(encoder, tmp_path / "usual", tmp_path / "bands.tif") == 0
    assert "bands.tif: The file has 6 bands; 1, 2, 3 are shown as red, green and blue." in capsys.readouterr().err
    assert run(encoder, tmp_path / "out", tmp_path / "bands.tif", photos[0], options=[*QUICK, "--bands", "6,4,2"]) == 0
    said = capsys.readouterr().err
    assert "bands.tif: The file has 6 bands; 6, 4, 2 are shown as red, green and blue." in said
    assert "photo0.png: The file has no bands to choose from" in said
    digests = [json.loads((tmp_path / out / "summary.json").read_text())["images"][0]["sha256"] for out in ("usual", "out")]
    assert digests[0] != digests[1]


@pytest.mark.parametrize("bands", ["1,2", "0,1,2", "red", "1,2,3,4"])
def test_bands_that_make_no_picture_are_refused(encoder, photos, tmp_path, bands, capsys):
    with pytest.raises(SystemExit):
        run(encoder, tmp_path / "out", photos[0], options=[*QUICK, "--bands", bands])
    assert "is not one band or three" in capsys.readouterr().err


@pytest.mark.parametrize("fit", ["full", "fast"])
def test_every_fit_gives_maps_of_the_same_kind(encoder, photos, tmp_path, fit):
    assert run(encoder, tmp_path / fit, photos[0], options=[*QUICK, "--fit", fit]) == 0
    assert labels_of(tmp_path / fit / "photo0.npz").shape[0] == 3
    assert json.loads((tmp_path / fit / "summary.json").read_text())["settings"]["fit"] == fit


def test_the_next_image_is_read_while_the_present_one_is_worked_on(photos, monkeypatch):
    read, seen = [], []
    monkeypatch.setattr(inputs, "_photo_or_error", lambda path, _: read.append(path) or path)
    for path, photo in zip(photos, inputs.read_ahead(photos), strict=True):
        assert photo == path
        deadline = time.monotonic() + 30
        while len(read) < min(len(seen) + 2, len(photos)) and time.monotonic() < deadline:
            time.sleep(0.001)
        seen.append(path)
        assert len(read) == min(len(seen) + 1, len(photos))  # one ahead, never more
    assert seen == photos
