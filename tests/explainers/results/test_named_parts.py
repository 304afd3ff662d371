"""Files of named parts: what is written is read, everything else is refused in a sentence; and labels beyond a limit."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save

from explainers.nave.parts import Found, Parts
from explainers.nave.settings import NaveSettings
from explainers.results.exports import as_one_file
from explainers.results.found_parts import FoundPartsResult, export_of_parts, parts_npz
from explainers.results.named_parts import NamedParts, PartsResult, named, parts_file, read_parts
from models.errors import UnreadableParts
from tests.pages.hand_made import ENCODER, grey_photo, provenance

SETTINGS = NaveSettings(depths=(1, 3))
PARTS = Parts(
    SETTINGS, np.arange(12, dtype=np.float32).reshape(3, 4), ((np.ones(1, np.float32), 2.0), (np.zeros(3, np.float32), 0.5))
)
PHOTO = grey_photo(4, 8)


def parts_named(*names: str) -> NamedParts:
    return named(PartsResult(provenance(SETTINGS, PHOTO), PARTS, np.array([1.0, 2.0, 0.0])), names)


def found(names: NamedParts) -> FoundPartsResult:
    nearest = np.repeat([[0, 1, 2, 2]], 2, axis=0).astype(np.uint8)
    far = np.array([[0.5, 1.5, 0.2, 0.2]] * 2, np.float16)
    return FoundPartsResult(provenance(SETTINGS, PHOTO), names, (Found(nearest, far),))


def test_what_is_written_is_read():
    names = parts_named("sky", " a  tree ", "")
    again = read_parts(parts_file(names), "a.safetensors")
    assert again == names and again.given == ("sky", "a tree", "") and again.photos == names.photos
    assert again.names == ("sky", "a tree") and again.name_idx.tolist() == [0, 1, 2]


def changed(**of_about) -> bytes:
    """A file whose description says something else."""
    data = parts_file(parts_named("sky", "tree", ""))
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = json.loads(header["__metadata__"]["encoderscope"]) | of_about
    return save(load(data), {"encoderscope": json.dumps(about)})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 64,
        parts_file(parts_named("sky", "", ""))[:-8],
        save({"centroids": np.zeros((2, 2), np.float32)}),
        changed(schema="other"),
        changed(names=["sky"]),
        changed(names=["", "", ""]),
        changed(channels=[1, 2]),
        changed(photos="none"),
        changed(settings={"depths": [3, 1]}),
        changed(settings={"depths": [1, 3], "input_size": 10**9}),
    ],
)
def test_anything_else_is_refused_in_a_sentence(data):
    with pytest.raises(UnreadableParts, match=r"“x” holds no named parts that can be read\. Choose a file"):
        read_parts(data, "x")


def test_numbers_that_are_none_are_refused():
    broken = replace(parts_named("sky", "", ""), parts=Parts(SETTINGS, PARTS.centroids * np.nan, PARTS.balances))
    with pytest.raises(UnreadableParts):
        read_parts(parts_file(broken), "x")


def test_a_name_is_needed_and_unknown_is_none():
    with pytest.raises(UnreadableParts, match="No cluster has a name yet"):
        parts_named("", " ", "")
    with pytest.raises(UnreadableParts, match="Choose another name"):
        parts_named("Unknown", "", "")


def test_parts_belong_to_an_encoder():
    parts_named("sky", "", "").require_encoder(ENCODER)
    with pytest.raises(UnreadableParts, match="belong to the encoder 'team/encoder'"):
        parts_named("sky", "", "").require_encoder(replace(ENCODER, fingerprint="other"))


def test_beyond_the_limit_and_without_a_name_it_is_unknown():
    result = found(parts_named("sky", "tree", ""))
    assert result.categories == ("sky", "tree", "unknown")
    assert result.labels(0, 1.0)[0].tolist() == [0, 2, 2, 2]
    assert result.labels(0, 2.0)[0].tolist() == [0, 1, 2, 2]
    assert result.distances[0].shape == (2, 4) and result.distances[0][0, 0] == 0.5
    assert result.picture(0, 1.0)[0].tolist() == [0, 40, 40, 40]
    assert [row["area"] for row in result.part_rows(2.0)] == [0.25, 0.25, 0.5]


def test_clusters_of_one_name_are_one():
    result = found(parts_named("sky", "sky", "tree"))
    assert result.categories == ("sky", "tree", "unknown") and result.labels(0, 2.0)[0].tolist() == [0, 0, 1, 1]


def test_exports_have_the_names_as_categories():
    result = found(parts_named("sky", "tree", ""))
    coco = json.loads(as_one_file(export_of_parts(result, 2.0), "coco").content)
    assert [category["name"] for category in coco["categories"]] == ["sky", "tree", "unknown"]
    assert [annotation["area"] for annotation in coco["annotations"]] == [8, 8, 16]  # of 4 x 8 pixels
    assert coco["info"]["encoderscope"]["named_parts"]["names"] == ["sky", "tree", ""]


def test_the_maps_are_as_large_as_the_photo_and_say_where_the_names_come_from():
    with np.load(io.BytesIO(parts_npz(found(parts_named("sky", "tree", "")), 0, 2.0))) as maps:
        assert maps["labels"].shape == (4, 8) and maps["distances"].shape == (4, 8)
        assert maps["names"].tolist() == ["sky", "tree", "unknown"]
        assert json.loads(str(maps["named_parts"]))["photos"][0]["sha256"] == PHOTO.sha256
