"""Regions of images: equal when their pixels are, named by content, kept in manifests and packs, and judged part by part."""

import json
import math
from dataclasses import replace
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest

from explainers.library import ConceptLibrary
from explainers.library.regions import Region, at_shape, box_region, line_region, read_region, region_of, region_record, same_part
from explainers.library.sets import Example, ImageRef, ImageSet, OpenSet
from models.errors import BadConcept
from tests.explainers.library.test_library import files, png, zipped

LEFT = np.arange(8)[None].repeat(8, 0) < 3  # the three left columns of eight


@pytest.fixture
def library(tmp_path):
    """Empty, without starters."""
    return ConceptLibrary(tmp_path / "library", None)


@pytest.fixture
def cats(library):
    """The library with a concept of three images."""
    library.add("cats", "concept", files(1, 2, 3))
    return library


def opened(library, image_set):
    return OpenSet(image_set, library.photos(image_set))


def examples(*seeds, region=None):
    return [Example(f"{seed}.png", png(seed), region) for seed in seeds]


def manifest_of(pack):
    with ZipFile(BytesIO(pack)) as archive:
        return json.loads(archive.read("manifest.json"))


# --- regions as plain data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [LEFT, ~LEFT, np.random.default_rng(0).random((5, 9)) < 0.5])
def test_a_region_gives_its_pixels_back(inside):
    region = region_of(inside)
    assert (region.pixels == inside).all() and region.shape == inside.shape
    assert region == region_of(inside.copy()) and region.area == inside.mean()


def test_all_of_an_image_is_no_region_and_nothing_of_it_is_refused():
    assert region_of(np.ones((3, 4), bool)) is None
    with pytest.raises(BadConcept, match="empty"):
        region_of(np.zeros((3, 4), bool))


def test_runs_begin_outside():
    assert region_of(np.array([[0, 1, 1], [1, 0, 0]], bool)).runs == "1 3 2"
    assert region_of(np.array([[1, 0, 1]], bool)).runs == "0 1 1 1"


def test_a_box_covers_the_share_that_it_says_and_never_less_than_a_pixel():
    box = box_region((0.25, 0.5, 0.75, 1.0), (8, 8))
    assert box.pixels[4:, 2:6].all() and box.area == 1 / 4
    assert box_region((0.5, 0.5, 0.5, 0.5), (8, 8)).area == 1 / 64
    assert box_region((-1, -1, 2, 2), (8, 8)) is None


def test_a_line_surrounds_what_it_says_and_where_it_crosses_itself_nothing():
    half = line_region([(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)], (64, 64))
    assert abs(half.area - 1 / 2) < 0.03 and half.pixels[:, :31].all() and not half.pixels[:, 33:].any()
    square = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
    assert not line_region([*square, *square], (64, 64)).pixels[24:40, 24:40].any()  # surrounded twice


def test_another_grid_has_the_same_region():
    assert (at_shape(region_of(LEFT), (16, 16)) == LEFT.repeat(2, 0).repeat(2, 1)).all()
    assert (at_shape(region_of(LEFT.repeat(2, 0).repeat(2, 1)), (8, 8)) == LEFT).all()


def test_the_same_part_is_where_most_of_the_smaller_region_is_in_the_other():
    left, right, most = region_of(LEFT), region_of(~LEFT), region_of(np.arange(8)[None].repeat(8, 0) < 5)
    assert same_part(left, most) and same_part(None, right) and same_part(left, left)
    assert not same_part(left, right)


@pytest.mark.parametrize(
    "record",
    [
        {"shape": [2, 2], "runs": "1 2"},  # does not fill it
        {"shape": [2, 2], "runs": "4"},  # nothing inside
        {"shape": [2, 2], "runs": "0 4"},  # all inside
        {"shape": [2, 2], "runs": "1 0 3"},  # not the shortest way to say it
        {"shape": [2, 2], "runs": "01 3"},
        {"shape": [2, 2], "runs": "-1 5"},
        {"shape": [2, 2], "runs": "1  3"},
        {"shape": [0, 2], "runs": "0 0"},
        {"shape": [True, 4], "runs": "1 3"},
        {"shape": [10**9, 1], "runs": "1 3"},
        {"shape": "2 2", "runs": "1 3"},
        {"runs": "1 3"},
        [1, 3],
    ],
)
def test_what_is_no_region_is_not_read_as_one(record):
    assert read_region(record) is None


def test_a_region_is_read_as_it_was_written():
    assert read_region(json.loads(json.dumps(region_record(region_of(LEFT))))) == region_of(LEFT)


# --- content --------------------------------------------------------------------------------------------------------------


def test_whole_images_go_by_the_hash_of_their_file_and_regions_by_more():
    whole, left, right = (ImageRef("a" * 64, "x", region) for region in (None, region_of(LEFT), region_of(~LEFT)))
    assert whole.content == "a" * 64
    assert len({whole.content, left.content, right.content}) == 3
    assert left.content == ImageRef("a" * 64, "another name", region_of(LEFT)).content
    sets = [ImageSet("x", "concept", (image,), starter=False) for image in (whole, left, right)]
    assert len({image_set.fingerprint for image_set in sets}) == 3


def test_a_set_counts_images_and_regions():
    left, counted = region_of(LEFT), []
    for regions in ((None,), (left, left), (None, None, left)):
        images = tuple(ImageRef("a" * 64, "x", region) for region in regions)
        counted.append(ImageSet("x", "concept", images, starter=False).counted)
    assert counted == ["1 image", "2 regions", "2 images and 1 region"]


# --- in the library -------------------------------------------------------------------------------------------------------


def test_regions_of_one_image_are_several_examples_of_one_file(library):
    both = [*examples(1, region=region_of(LEFT)), *examples(1, region=region_of(~LEFT)), *examples(1, region=region_of(LEFT))]
    added = library.add_examples("halves", "concept", both)
    assert (added.n_added, added.repeated) == (2, ("1.png",))
    assert [image.region for image in library.get("halves").images] == [region_of(LEFT), region_of(~LEFT)]
    assert len(list((library._store.folder / "images").glob("*/*"))) == 1
    assert [name for name, _ in library.files(library.get("halves"))] == ["1.png"]


def test_what_was_rendered_is_known_by_its_origin_wherever_it_goes(library, tmp_path):
    scenes = [replace(example, rendered=True) for example in examples(2, region=region_of(LEFT))]
    library.add_examples("ground", "concept", scenes)
    library.add_examples("mixed", "concept", [*scenes, *examples(3)])
    elsewhere = ConceptLibrary(tmp_path / "elsewhere", None)
    for of in (library, elsewhere):
        if of is elsewhere:
            of.import_pack(library.export_pack(["ground", "mixed"]))
        assert of.is_rendered(of.get("ground")) and not of.is_rendered(of.get("mixed"))


def test_one_of_two_regions_of_an_image_can_be_removed(library):
    library.add_examples("halves", "concept", [*examples(1, region=region_of(LEFT)), *examples(1, region=region_of(~LEFT))])
    before = library.remove("halves", "concept", [library.get("halves").images[0].content])
    assert [image.region for image in library.get("halves").images] == [region_of(~LEFT)]
    assert library.restore(before) == before == library.get("halves")


def test_an_image_is_marked_and_the_mark_undone(cats):
    first = cats.get("cats").images[0]
    before = cats.mark("cats", "concept", first.content, region_of(LEFT))
    assert [image.region for image in cats.get("cats").images] == [region_of(LEFT), None, None]
    assert cats.restore(before) == before == cats.get("cats")


def test_a_region_that_is_there_already_is_refused(library):
    library.add_examples("halves", "concept", [*examples(1, region=region_of(LEFT)), *examples(1)])
    with pytest.raises(BadConcept, match="just this region"):
        library.mark("halves", "concept", library.get("halves").images[1].content, region_of(LEFT))


def test_manifests_without_a_region_are_those_of_earlier_versions(cats):
    (path,) = (cats._store.folder / "sets/concept").glob("*.json")
    record = json.loads(path.read_text())
    assert record["format"] == 1 and all(set(image) == {"sha256", "name"} for image in record["images"])


def test_a_manifest_with_a_damaged_region_is_passed_over_and_nothing_is_swept_away(library):
    library.add_examples("left", "concept", examples(1, region=region_of(LEFT)))
    (path,) = (library._store.folder / "sets/concept").glob("*.json")
    record = json.loads(path.read_text())
    assert record["format"] == 2
    record["images"][0]["region"]["runs"] = "1 1"
    path.write_text(json.dumps(record))
    assert "left" not in [s.name for s in library.sets()] and library.sweep() == 0


# --- packs ----------------------------------------------------------------------------------------------------------------


def test_a_pack_takes_regions_along(library, tmp_path):
    both = [*examples(1, region=region_of(LEFT)), *examples(1, region=region_of(~LEFT)), *examples(2)]
    made = library.add_examples("halves", "concept", both).image_set
    pack = library.export_pack(["halves"])
    assert manifest_of(pack)["format"] == 2
    other = ConceptLibrary(tmp_path / "other", None)
    (added,) = other.import_pack(pack)
    assert added.image_set == made == other.get("halves") and added.image_set.fingerprint == made.fingerprint
    (again,) = other.import_pack(pack)
    assert again.n_added == 0 and [s.name for s in other.sets()] == ["halves"]


def test_a_pack_of_the_whole_images_is_another_set_than_one_of_their_regions(library):
    library.add_examples("cats", "concept", examples(1, region=region_of(LEFT)))
    pack = library.export_pack(["cats"])
    library.delete("cats", "concept")
    library.add("cats", "concept", files(1))
    (added,) = library.import_pack(pack)
    assert added.image_set.name == "cats 2"


def test_packs_of_earlier_versions_are_read_and_new_ones_without_regions_are_the_same(cats, tmp_path):
    entries = [{"sha256": image.sha256, "name": image.name} for image in cats.get("cats").images]
    old = {"format": 1, "sets": [{"name": "cats", "kind": "concept", "images": entries}]}
    assert manifest_of(cats.export_pack(["cats"])) == old
    images = [(f"images/{e['sha256']}", png(seed)) for e, seed in zip(entries, (1, 2, 3), strict=True)]
    other = ConceptLibrary(tmp_path / "other", None)
    other.import_pack(zipped(("manifest.json", json.dumps(old)), *images))
    assert other.get("cats") == cats.get("cats")


# --- what is doubtful -----------------------------------------------------------------------------------------------------


def test_two_parts_of_an_image_are_no_repeat_and_the_rest_of_it_no_overlap(library):
    left, right = region_of(LEFT), region_of(~LEFT)
    top = region_of(LEFT.T)
    concept = library.add_examples("left", "concept", [*examples(1, region=left), *examples(2, region=left)]).image_set
    rest = library.add_examples("rest", "random", [*examples(1, region=right), *examples(2, region=right)]).image_set
    same = library.add_examples("same", "random", [*examples(1, region=None), *examples(1, region=top)]).image_set
    assert (
        library.overlap_of(opened(library, concept), opened(library, rest)) == () == library.repeats_in(opened(library, concept))
    )
    assert "also in the random counterpart" in library.overlap_of(opened(library, concept), opened(library, same))[0]
    assert "same picture" in library.repeats_in(opened(library, same))[0]


def test_a_region_is_plain_data():
    assert hash(Region((1, 2), "1 1")) == hash(Region((1, 2), "1 1"))


@pytest.mark.parametrize(
    "line", [[(math.nan, 0.0), (1.0, 1.0), (0.0, 1.0)], [(math.inf, 0.0), (1.0, 1.0), (0.0, 1.0)], [(0.5, 0.5)] * 10_001]
)
def test_what_no_hand_draws_is_refused(line):
    with pytest.raises(BadConcept, match="cannot be followed"):
        line_region(line, (64, 64))
    with pytest.raises(BadConcept, match="not numbers"):
        box_region((math.nan, 0.0, 1.0, 1.0), (64, 64))
