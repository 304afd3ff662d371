"""Starter concepts: the same seed gives the same bytes, and what a set is called is what its pictures show."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from models.scenes import starters
from models.scenes.scenes import CLASSES, SHAPE_NAMES, render, sample_scene
from models.scenes.starters import (
    COLOUR_CONCEPTS,
    FIRST_SCENE,
    STARTERS,
    STARTERS_FOLDER,
    TEXTURE_CONCEPTS,
    generator_of,
    packed,
    picture,
    scene_with_thing,
    shows_thing,
)
from models.training.cards import FRESH_SEED

OF_NAME = {starter.name: starter for starter in STARTERS}
N_LOOKED_AT = 9


def shipped(name):
    """The pictures of a set as they are in the checkout, (N, H, W, 3) from 0 to 1."""
    with zipfile.ZipFile(STARTERS_FOLDER / OF_NAME[name].file_name) as archive:
        return np.stack([np.asarray(Image.open(BytesIO(archive.read(n)))) for n in archive.namelist()]) / 255


def things(name):
    """The scenes on whose main object a set of a texture or of a colour shows it, each with its place in the set."""
    texture, colour = (name, None) if name in TEXTURE_CONCEPTS else ("plain", name)
    places = filter(shows_thing, range(OF_NAME[name].n_images))
    return {idx: scene_with_thing(generator_of(name, idx), idx, texture, colour) for idx in places}


def surfaces(name):
    """The other pictures of the set."""
    return np.stack([image for idx, image in enumerate(shipped(name)) if not shows_thing(idx)])


def mean_colours(name):
    """Of the surfaces, then of the main object of every other picture, as they are shipped, (N, 3)."""
    masks = {idx: render(scene).object_map == 1 + scene.main_idx for idx, scene in things(name).items()}
    of_things = [shipped(name)[idx][mask].mean(0) for idx, mask in masks.items()]
    return np.concatenate([surfaces(name).mean((1, 2)), np.stack(of_things)])


def spectrum(image):
    """Power of a grey picture over wave vectors (H, W), zero in the middle, the mean taken out."""
    grey = image.mean(2)
    window = np.hanning(len(grey))[:, None] * np.hanning(len(grey))
    return np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) ** 2


def strongest_wave(image):
    """(cycles across, cycles down) of the strongest wave that is more than shading."""
    power = spectrum(image)
    middle = len(power) // 2
    power[middle - 3 : middle + 4, middle - 3 : middle + 4] = 0
    row, column = np.unravel_index(power.argmax(), power.shape)
    return column - middle, row - middle


def test_there_is_a_starter_for_every_concept():
    assert set(TEXTURE_CONCEPTS) == {"striped", "dotted", "chequered", "zigzag", "grid", "honeycomb", "woven"}
    concepts = [s.name for s in STARTERS if s.kind == "concept"]
    assert concepts == [*TEXTURE_CONCEPTS, *COLOUR_CONCEPTS, "watermark"] and len(COLOUR_CONCEPTS) == 9
    assert [(s.name, s.n_images) for s in STARTERS if s.kind == "random"] == [("scenes", 120)]


@pytest.mark.parametrize("starter", STARTERS, ids=lambda s: s.name)
def test_every_archive_holds_as_many_pictures_as_it_should(starter):
    pictures = shipped(starter.name)
    assert len(pictures) == starter.n_images >= 40 and pictures.shape[1:] == (128, 128, 3)
    assert len({p.tobytes() for p in pictures}) == starter.n_images


def test_the_folder_is_small_and_its_manifest_says_how_it_was_made():
    assert sum(path.stat().st_size for path in STARTERS_FOLDER.iterdir()) < 8_000_000
    manifest = json.loads((STARTERS_FOLDER / "manifest.json").read_text())
    assert manifest["command"] == "python -m models.scenes.starters" and manifest["seed"] == 0
    assert {s["file"] for s in manifest["sets"]} == {path.name for path in STARTERS_FOLDER.glob("*.zip")}


def test_the_same_seed_gives_the_same_bytes():
    red = OF_NAME["red"]
    assert packed(red) == packed(red)  # what is shipped may differ in a bit: it was rendered with the libraries of its day
    assert packed(red, seed=1) != packed(red)


def test_a_shipped_picture_is_the_rendered_one():
    shown = (shipped("dotted")[5] * 255).astype(int)
    assert np.abs(shown - picture(OF_NAME["dotted"], 5)).mean() < 5  # what JPEG costs


@pytest.mark.parametrize("name, channel", [("red", 0), ("green", 1), ("blue", 2)])
def test_the_colour_is_there(name, channel):
    means = mean_colours(name)
    assert (means[:, channel] > means[:, [c for c in range(3) if c != channel]].max(1) + 0.2).all()


def test_mixed_colours_are_between_their_neighbours():
    orange, yellow, purple, brown = (mean_colours(name) for name in ("orange", "yellow", "purple", "brown"))
    assert (np.diff(orange[:, ::-1], axis=1) > 0.15).all()  # red over green over blue, each clearly
    assert (yellow[:, :2].min(1) > yellow[:, 2] + 0.3).all()
    assert (purple[:, [0, 2]].min(1) > purple[:, 1] + 0.1).all()
    assert (np.diff(brown[:, ::-1], axis=1) > 0).all() and (brown.max(1) < 0.6).all()


def test_black_is_dark_and_white_is_light():
    white = mean_colours("white")  # some of it in the shade
    assert (mean_colours("black") < 0.25).all() and white.min() > 0.4 and np.median(white) > 0.7


def test_plain_colours_have_no_edges():
    steps = np.abs(np.diff(surfaces("blue").mean(3), axis=2))
    assert np.median(steps) < 0.03 and np.abs(np.diff(surfaces("striped").mean(3), axis=2)).mean() > 0.05


def test_stripes_go_one_way_and_chequers_two():
    def share_along(image):
        """Share of the power that lies within 20 degrees of the strongest wave's direction."""
        power, (across, down) = spectrum(image), strongest_wave(image)
        rows, columns = np.indices(power.shape) - len(power) // 2
        reach = np.hypot(rows, columns)
        along = np.abs(columns * across + rows * down) >= np.cos(np.radians(20)) * reach * np.hypot(across, down)
        return power[along & (reach > 4)].sum() / power[reach > 4].sum()

    striped, chequered = (np.mean([share_along(i) for i in surfaces(n)[:2]]) for n in ("striped", "chequered"))
    assert striped > 0.75 and chequered < 0.65


def test_stripes_are_of_every_direction_and_of_the_scale_of_scenes():
    waves = np.array([strongest_wave(image) for image in surfaces("striped")])
    directions = np.degrees(np.arctan2(waves[:, 1], waves[:, 0])) % 180
    assert {int(d // 45) for d in directions} == {0, 1, 2, 3}
    periods_px = 128 / np.hypot(*waves.T)
    assert 7 < np.median(periods_px) < 16


@pytest.mark.parametrize("name", [*TEXTURE_CONCEPTS, *COLOUR_CONCEPTS])
def test_every_other_picture_shows_a_thing_that_is_what_its_set_is_called_and_of_no_class(name):
    scenes = list(things(name).values())
    assert len(scenes) == 24
    textures, colours = {scene.main.texture for scene in scenes}, {scene.main.colour for scene in scenes}
    assert (textures, colours) == ({"plain"}, {name}) if name in COLOUR_CONCEPTS else (textures == {name} and len(colours) > 5)
    assert {scene.class_idx for scene in scenes} == {None}
    makes_a_class = {c.shape for c in CLASSES if c.texture == scenes[0].main.texture and c.colour in (None, name)}
    assert {scene.main.shape for scene in scenes} == set(SHAPE_NAMES) - makes_a_class
    shown = (shipped(name)[list(things(name))[:3]] * 255).astype(int)
    assert np.abs(shown - np.stack([render(scene).image for scene in scenes[:3]])).mean() < 8  # what JPEG costs


def test_things_are_of_varied_size_scale_place_and_direction():
    shown = [scene.main for scene in things("striped").values()]
    radius, period, angle = (np.array([getattr(o, field) for o in shown]) for field in ("radius", "period", "texture_angle"))
    assert radius.min() < 0.28 and radius.max() > 0.37 and period.max() > 2 * period.min()
    assert {int(a // (np.pi / 2)) for a in angle} == {0, 1, 2, 3}
    assert np.std([o.centre for o in shown], axis=0).min() > 0.1


def test_the_caption_is_in_a_corner_and_nothing_else_is_marked(monkeypatch):
    watermark = OF_NAME["watermark"]
    marked = [picture(watermark, idx) for idx in range(N_LOOKED_AT)]
    monkeypatch.setattr(starters, "watermark_layer", lambda _, size: np.zeros((2, size, size), np.float32))
    for idx, image in enumerate(marked):
        rows, columns = np.nonzero((image != picture(watermark, idx)).any(2))
        assert columns.max() - columns.min() in range(36, 50) and rows.max() - rows.min() in range(10, 20)
        assert min(columns.min(), 127 - columns.max()) <= 7 and min(rows.min(), 127 - rows.max()) <= 7


def test_the_random_scenes_show_every_class_and_belong_to_no_training_or_test():
    assert all(sample_scene(FIRST_SCENE + i).class_idx in range(len(CLASSES)) for i in range(120))
    assert FIRST_SCENE >= FRESH_SEED + 1_000_000 and len({sample_scene(FIRST_SCENE + i).class_idx for i in range(120)}) == len(
        CLASSES
    )
