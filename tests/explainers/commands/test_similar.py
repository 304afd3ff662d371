"""The command ``similar`` from end to end, with an encoder folder made on the spot."""

import json

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.nave.settings import ComponentSettings
from explainers.service.service import ExplainerService
from models.photo import read_photo_file
from tests.explainers.commands.test_commands import picture, tiny_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny", "test_resnet", n_classes=3)


@pytest.fixture
def photos(tmp_path):
    return [picture(tmp_path / "in" / f"photo{n}.png", seed=n) for n in range(2)]


def run(encoder, out, *images, options=()):
    return main(
        ["similar", *map(str, images), "--encoder", encoder, "--size", "96", "--at", "0.5,0.1", *options, "--out", str(out)]
    )


def test_map_overlay_and_summary_of_every_image(encoder, photos, tmp_path):
    out = tmp_path / "out"
    assert run(encoder, out, *photos, options=["--depths", "2,1", "--threshold", "0.6", "--scaling", "raw"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"photo{n}.{suffix}" for n in range(2) for suffix in ("npz", "png")),
        "summary.json",
    ]
    with np.load(out / "photo1.npz") as stored:
        similarity = stored["similarity"]
        assert stored["place"].tolist() == [0.5, 0.1] and json.loads(str(stored["photo"]))["name"] == "photo1.png"
        assert json.loads(str(stored["settings"])) == {"depths": [1, 2], "scaling": "raw", "input_size": 96}
    assert similarity.dtype == np.float16 and similarity.shape == (60, 90)
    assert similarity[:20].mean() > 0.8 > 0.3 > similarity[-20:].mean()  # the place lies in the plain upper half
    with Image.open(out / "photo1.png") as overlay:
        assert overlay.size == (90, 60)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["place"] == [0.5, 0.1] and summary["threshold"] == 0.6 and not summary["together"]
    record = summary["images"][1]
    assert record["similar_share"] == pytest.approx((similarity >= 0.6).mean(), abs=0.01)
    assert (record["maps"], record["overlay"]) == ("photo1.npz", "photo1.png")
    assert 0 < record["kept"] <= 1.001 and 0.9 < record["rank_correlation"] <= 1


def test_the_map_is_the_one_that_the_service_answers(encoder, photos, tmp_path):
    assert run(encoder, tmp_path / "out", photos[0]) == 0
    service = ExplainerService()
    photo = read_photo_file(photos[0])
    (image,) = service.find_components(encoder, [photo], settings=ComponentSettings(input_size=96)).result(240).components.images
    service.close()
    with np.load(tmp_path / "out" / "photo0.npz") as stored:
        similarity = image.similarity(image.at((0.5, 0.1)))
        assert np.abs(stored["similarity"][::8, ::8].mean() - similarity.mean()) < 0.05


def test_together_all_images_are_compared_with_the_place_of_the_first(encoder, photos, tmp_path):
    assert run(encoder, tmp_path / "out", *photos, options=["--together"]) == 0
    with np.load(tmp_path / "out" / "photo1.npz") as stored:
        assert json.loads(str(stored["photo"]))["name"] == "photo1.png"
        assert json.loads(str(stored["of_photo"]))["name"] == "photo0.png"


def test_a_bad_file_is_named_and_the_others_are_done(encoder, photos, tmp_path, capsys):
    missing = tmp_path / "missing.jpg"
    assert run(encoder, tmp_path / "out", missing, photos[0]) == 1
    assert str(missing) in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [error["file"] for error in summary["errors"]] == [str(missing)] and len(summary["images"]) == 1


@pytest.mark.parametrize("place", ["0.5", "1.5,0", "left,top", "nan,0.5", "0.1,0.2,0.3"])
def test_what_is_not_a_place_is_refused(encoder, photos, tmp_path, capsys, place):
    with pytest.raises(SystemExit):
        main(["similar", str(photos[0]), "--encoder", encoder, "--at", place, "--out", str(tmp_path)])
    assert "0.4,0.65" in capsys.readouterr().err


def test_a_depth_that_is_not_there_is_refused_before_anything_is_written(encoder, photos, tmp_path, capsys):
    assert run(encoder, tmp_path / "out", photos[0], options=["--depths", "77"]) == 2
    assert "77" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("threshold", ["nan", "2", "much"])
def test_what_is_not_a_similarity_is_refused(encoder, photos, tmp_path, capsys, threshold):
    options = ["--encoder", str(encoder), "--at", "0.5,0.5", "--threshold", threshold, "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main(["similar", str(photos[0]), *options])
    assert "similarity from -1 to 1" in capsys.readouterr().err and not (tmp_path / "out").exists()
