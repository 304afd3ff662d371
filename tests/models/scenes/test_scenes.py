"""Scenes: the same seed gives the same world, the truth maps are true, and an edit changes what it names and nothing else."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from threadpoolctl import threadpool_limits

from models.errors import BadSettings
from models.scenes import scenes, textures
from models.scenes.scenes import (
    CLASSES,
    COLOUR_NAMES,
    CONCEPTS,
    SHAPE_NAMES,
    SceneOptions,
    class_of,
    render,
    sample_scene,
    without,
    without_main,
)

SEEDS = range(40)


def grown(mask, n=2):
    """The mask and everything within n pixels of it."""
    return ndimage.binary_dilation(mask, np.ones((2 * n + 1, 2 * n + 1)))


def footprint(scene, shown, n=4):
    """Where these objects would be if nothing covered them, with n pixels around for soft tips."""
    alone = dataclasses.replace(scene, objects=tuple(shown), main_idx=None)
    return grown(render(alone).object_map > 0, n)


def changed(before, after):
    return (render(before).image != render(after).image).any(axis=2)


def test_the_same_seed_gives_the_same_bytes():
    first, second = (render(sample_scene(7, SceneOptions(watermark=True))) for _ in range(2))
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_the_number_of_threads_does_not_matter():
    pictures = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            pictures.append(b"".join(render(sample_scene(seed)).image.tobytes() for seed in range(8)))
    assert pictures[0] == pictures[1]


def test_another_seed_gives_another_scene():
    assert len({render(sample_scene(seed)).image.tobytes() for seed in SEEDS}) == len(SEEDS)


def test_every_class_is_named_once_and_found_again():
    assert len(set(scenes.CLASS_NAMES)) == len(CLASSES)
    assert [class_of(c.shape, c.texture, c.colour or "pink") for c in CLASSES] == list(range(len(CLASSES)))


def test_neither_shape_nor_texture_gives_the_class_away():
    for name in ("shape", "texture"):
        for value in {getattr(c, name) for c in CLASSES}:
            assert sum(getattr(c, name) == value for c in CLASSES) >= 2
    assert len({(c.shape, c.texture, c.colour) for c in CLASSES}) == len(CLASSES)


def test_only_the_main_object_belongs_to_a_class_and_it_is_the_largest():
    for scene in map(sample_scene, SEEDS):
        others = [o for o in scene.objects if o is not scene.main]
        assert scene.class_idx is not None
        assert all(class_of(o.shape, o.texture, o.colour) is None for o in others)
        assert all(o.radius < scene.main.radius / 1.5 for o in others)


def test_options_decide_the_main_object():
    assert [sample_scene(3, SceneOptions(class_idx=i)).class_idx for i in range(len(CLASSES))] == list(range(len(CLASSES)))
    odd = sample_scene(3, SceneOptions(shape="ring", texture="striped", colour="pink")).main
    assert (odd.shape, odd.texture, odd.colour) == ("ring", "striped", "pink")


def test_another_class_stands_in_the_same_place_with_the_same_background():
    one, other = (sample_scene(5, SceneOptions(class_idx=i)) for i in (0, 9))
    assert (one.background, one.light, one.grain) == (other.background, other.light, other.grain)
    assert [o.texture for o in one.objects if o is not one.main] == [o.texture for o in other.objects if o is not other.main]


def test_truth_maps_say_what_the_scene_says():
    for scene in map(sample_scene, SEEDS):
        truth = render(scene)
        for i, thing in enumerate(scene.objects, start=1):
            here = truth.object_map == i
            assert set(truth.shape_map[here]) <= {1 + SHAPE_NAMES.index(thing.shape)}
            assert set(truth.colour_map[here]) <= {1 + COLOUR_NAMES.index(thing.colour)}
            assert set(truth.texture_map[here]) <= {textures.SURFACES.index(thing.texture)}
        behind = truth.object_map == 0
        assert not truth.shape_map[behind].any() and not truth.colour_map[behind].any()
        assert {textures.SURFACES[i] for i in np.unique(truth.texture_map[behind])} <= set(scene.background.materials)
        assert (truth.object_map == scene.main_idx + 1).mean() > 0.04


def test_the_shape_lies_where_the_picture_shows_it():
    """A flat white disc on the darkened rest: brightness alone finds it."""
    scene = sample_scene(0, SceneOptions(shape="disc", texture="plain", colour="white", max_distractors=0))
    flat = dataclasses.replace(scene.main, rgb=(1.0, 1.0, 1.0), shading=0.0, bevel=0.0, stretch=1.0)
    dark = dataclasses.replace(scene, objects=(flat,), grain=0.0, light=scenes.Light(0, 0, 0, (1, 1, 1)))
    truth = render(dark)
    disc = truth.object_map == 1
    assert (truth.image[disc & ~grown(~disc)] == 255).all()
    inside = np.pi * (0.92 * flat.radius * 128) ** 2
    rows, columns = np.nonzero(disc)
    if rows.min() > 0 and rows.max() < 127 and columns.min() > 0 and columns.max() < 127:
        assert disc.sum() == pytest.approx(inside, rel=0.03)


def test_regions_are_not_shared_between_objects_and_background():
    truth = render(sample_scene(11))
    behind = truth.object_map == 0
    assert not set(truth.region_map[behind]) & set(truth.region_map[~behind])


def test_size_changes_the_resolution_and_nothing_else():
    scene = sample_scene(2)
    small, large = render(scene, 64).object_map, render(scene, 256).object_map
    assert small.shape == (64, 64) and large.shape == (256, 256)
    assert (small == large[2::4, 2::4]).mean() > 0.97


@pytest.mark.parametrize("concept", [c for c in CONCEPTS if c in textures.TEXTURES or c in textures.COLOURS])
def test_an_edit_stays_inside_the_objects_that_show_the_concept(concept):
    attribute = "texture" if concept in textures.TEXTURES else "colour"
    n_edited = 0
    for seed in range(12):
        scene = sample_scene(seed, SceneOptions(class_idx=None, **{attribute: concept}))
        edited = without(scene, concept)
        shows = [o for o in scene.objects if getattr(o, attribute) == concept]
        where = changed(scene, edited)
        assert not (where & ~footprint(scene, shows)).any()
        assert all(getattr(o, attribute) != concept for o in edited.objects) or concept == "grey"
        n_edited += where.any()
    assert n_edited == 12 or concept == "grey"


def test_a_plain_object_keeps_the_mean_of_its_colours():
    thing = dataclasses.replace(sample_scene(0).main, rgb=(1.0, 0.5, 0.0), second_rgb=(0.0, 0.5, 0.5))
    assert scenes.smoothed(thing).rgb == (0.5, 0.5, 0.25)
    assert scenes.smoothed(thing).texture == "plain"


def test_a_greyed_object_keeps_its_brightness():
    thing = dataclasses.replace(sample_scene(0).main, rgb=(1.0, 0.0, 0.0))
    assert scenes.greyed(thing).rgb == pytest.approx((0.299,) * 3, abs=1e-6)


def test_the_watermark_is_the_only_thing_it_adds():
    for seed in SEEDS:
        marked = sample_scene(seed, SceneOptions(watermark=True))
        assert without(marked, "watermark") == sample_scene(seed)
        truth = render(marked)
        difference = changed(marked, sample_scene(seed))
        assert not (difference & ~truth.watermark_mask).any()
        assert difference.sum() > 0.95 * truth.watermark_mask.sum() > 100
        assert not render(sample_scene(seed)).watermark_mask.any()


def test_the_watermark_sits_in_its_corner():
    for seed in SEEDS:
        scene = sample_scene(seed, SceneOptions(watermark=True))
        rows, columns = np.nonzero(render(scene).watermark_mask)
        right, bottom = scene.watermark.corner
        assert (columns.mean() > 64, rows.mean() > 64) == (bool(right), bool(bottom))
        assert columns.min() > 0 and columns.max() < 127 and rows.min() > 0 and rows.max() < 127


def test_a_scene_without_its_main_object_keeps_the_others():
    for scene in map(sample_scene, SEEDS):
        rest = without_main(scene)
        assert rest.main is None and rest.class_idx is None
        assert rest.objects == tuple(o for o in scene.objects if o is not scene.main)
        assert not (changed(scene, rest) & ~footprint(scene, [scene.main], n=14)).any()  # 14 px: its shadow too


def test_a_scene_without_a_shape_keeps_its_main_object_if_that_has_another():
    scene = next(s for s in map(sample_scene, SEEDS) if any(o.shape == "star" for o in s.objects) and s.main.shape != "star")
    rest = without(scene, "star")
    assert rest.main == scene.main
    assert len(rest.objects) < len(scene.objects) and all(o.shape != "star" for o in rest.objects)


def test_removing_what_is_not_there_changes_nothing():
    scene = sample_scene(1, SceneOptions(max_distractors=0, class_idx=0))
    assert without(scene, "woven") == scene


def test_an_unknown_concept_is_refused_by_name():
    with pytest.raises(BadSettings, match="'tartan'"):
        without(sample_scene(0), "tartan")


@pytest.mark.parametrize("name", textures.TEXTURES)
def test_textures_stay_between_nought_and_one_and_repeat(name):
    u, v = np.meshgrid(np.linspace(0, 8, 161, dtype=np.float32), np.linspace(0, 8, 161, dtype=np.float32))
    pattern = textures.TEXTURES[name](u, v, 0.05)
    assert pattern.min() >= 0 and pattern.max() <= 1
    assert name == "plain" or 0.15 < pattern.mean() < 0.85


def test_stripes_and_squares_lie_where_they_should():
    u, v = np.meshgrid(np.array([0.0, 0.5]), np.array([0.0, 0.5]))
    np.testing.assert_array_equal(textures.TEXTURES["striped"](u, v, 0.1), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(textures.TEXTURES["dotted"](u, v, 0.1), [[0, 0], [0, 1]])
    np.testing.assert_array_equal(textures.TEXTURES["chequered"](u / 0.6, v / 0.6, 0.1), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(textures.TEXTURES["grid"](u + 0.5, v + 0.5, 0.1), [[1, 1], [1, 0]])


@pytest.mark.parametrize(("name", "inside", "outside"), [
    ("disc", (0.6, 0.6), (0.8, 0.8)), ("square", (0.7, 0.7), (0.0, 0.9)), ("triangle", (0.0, 0.3), (0.4, -0.5)),
    ("star", (0.0, -0.9), (0.0, 0.9)), ("cross", (0.0, 0.9), (0.6, 0.6)), ("ring", (0.64, 0.0), (0.0, 0.0)),
])  # fmt: skip
def test_shapes_hold_what_they_should(name, inside, outside):
    within, without_it = (textures.SHAPES[name](*(np.float32(c) for c in point)) for point in (inside, outside))
    assert within > 0 > without_it


def test_noise_has_unit_scale_and_no_offset():
    rng = np.random.default_rng(0)
    fields = np.stack([textures.noise_field(rng, 64, (8, 16, 32), 0.5) for _ in range(40)])
    assert fields.std() == pytest.approx(1, abs=0.1)
    assert abs(fields.mean()) < 0.05
