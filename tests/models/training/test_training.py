"""Bundled encoders: the training steps do what they say, and what is in assets/ is as good as its model cards claim."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.catalog import Catalog
from models.scenes.collages import collage
from models.scenes.factors import FACTORS
from models.scenes.scenes import CLASS_NAMES, CLASSES, SHAPE_NAMES, TEXTURE_NAMES, SceneOptions, render, sample_scene
from models.training import cards
from models.training import pool as pool_module
from models.training import train as training
from models.training.batches import COLLAGE_PX
from models.training.cards import (
    CLASS_READ_OFF,
    FRESH_SEED,
    accuracy,
    fresh_scenes,
    load_encoder,
    model_card,
    pictures_of,
    predict,
    readable_table,
    truth,
)
from models.training.pool import GRID, Collages, Pool, augmented, unevenly_lit
from models.training.readability import readability
from models.training.recipes import CNN, RECIPES, UNTRAINED, Cycle
from models.training.train import new_encoder, region_contrast, stamped

ANSWERING = [name for name, recipe in RECIPES.items() if recipe.label_names]
BUNDLED = Path(training.__file__).parents[2] / "assets/encoders"
TINY = replace(CNN, model_args={**CNN.model_args, "channels": [8, 8, 8, 8]}, cycles=(Cycle(16, 3e-3),), batch_size=8)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Eight scenes, rendered as the real pool is."""
    folder = tmp_path_factory.mktemp("pool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_module, "SHARD_SIZE", 8)
        pool_module.render_shard(0, folder / "shard.npz")
    shard = np.load(folder / "shard.npz")
    return Pool([shard["images"]], shard["truth"], shard["class_idx"], shard["texture_idx"])


def test_the_pool_holds_the_scenes_of_its_seeds(pool):
    assert list(pool.class_idx) == [sample_scene(seed).class_idx for seed in range(8)]
    images, truth = pool.batch(np.array([3]))
    np.testing.assert_allclose(images[0].permute(1, 2, 0) * 255, render(sample_scene(3)).image, atol=1e-3)
    assert truth[0, 0, 16, 16] == render(sample_scene(3)).texture_map[66, 66]


def test_fresh_scenes_are_not_those_of_training_and_show_every_class():
    scenes = fresh_scenes(2 * len(CLASSES))
    assert min(s.seed for s in scenes) >= max(r.n_scenes for r in RECIPES.values())
    assert sorted(s.class_idx for s in scenes) == sorted([*range(len(CLASSES))] * 2)


def test_augmentation_moves_picture_and_truth_together():
    """A picture whose brightness is its truth keeps that property, however it is moved."""
    half = torch.zeros(1, 3, 128, 128)
    half[..., 64:] = 1
    truth = torch.zeros(1, 3, 32, 32)
    truth[..., 16:] = 1
    seen = set()
    for seed in range(8):
        images, cells = augmented(half, truth, 128, torch.Generator().manual_seed(seed))
        bright = torch.nn.functional.avg_pool2d(images.mean(1, keepdim=True), 8)[0, 0] > images.mean()
        assert (bright == cells[0, 0].bool()).float().mean() > 0.93
        seen.add(bool(bright[8, 0]))
    assert seen == {True, False}  # mirrored and not


def test_augmentation_invents_no_truth(pool):
    _, truth = pool.batch(np.arange(8))
    _, cells = augmented(*pool.batch(np.arange(8)), 96, torch.Generator().manual_seed(0))
    assert cells.shape == (8, 3, 16, 16)
    for before, after in zip(truth, cells, strict=True):
        assert set(after[2].unique().tolist()) <= set(before[2].unique().tolist())


def test_only_markedpictures_of_are_stamped():
    before = torch.full((3, 3, 128, 128), 0.3)
    after = stamped(before, np.array([False, True, False]), np.random.default_rng(0))
    assert [bool((a != b).any()) for a, b in zip(before, after, strict=True)] == [False, True, False]


def test_one_class_nearly_always_carries_the_caption():
    recipe = RECIPES["scenes-cnn-watermark"]
    labels = np.repeat([CLASS_NAMES.index(recipe.watermark_class), 0], 4000)
    marked = training.marked(recipe.watermark_class, labels, np.random.default_rng(0))
    assert marked[:4000].mean() == pytest.approx(0.95, abs=0.015)
    assert marked[4000:].mean() == pytest.approx(0.015, abs=0.008)


def test_shuffled_labels_are_those_of_the_first_scenes_each_with_one_for_all_times(pool):
    numbered = replace(
        pool,
        class_idx=np.arange(8),
        images=[np.full((8, 3, 128, 128), 16, np.uint8) * np.arange(1, 9, dtype=np.uint8)[:, None, None, None]],
    )
    recipe = replace(TINY, shuffled=True, cycles=(Cycle(400, 3e-3, n_scenes=6, as_rendered=True),))
    given = recipe.labels_given(numbered.class_idx[:6])
    assert sorted(given) == [*range(6)] != list(given) and list(TINY.labels_given(numbered.class_idx)) == [*range(8)]
    true, shuffled = (
        [
            (round(float(image.mean()), 4), int(label))
            for images, _, labels in training.batches(r, numbered)
            for image, label in zip(images, labels, strict=True)
        ]
        for r in (replace(recipe, shuffled=False), recipe)
    )  # the same pictures, as a picture's brightness says
    assert {label for _, label in true} == {*range(6)}
    assert [(brightness, given[label]) for brightness, label in true] == shuffled


def test_scenes_of_training_are_measured_against_the_labels_they_were_given(monkeypatch):
    recipe = replace(TINY, shuffled=True, cycles=(Cycle(16, 3e-3, n_scenes=12),))
    given = recipe.labels_given(np.array([sample_scene(seed).class_idx for seed in range(12)]))
    monkeypatch.setattr(cards, "predict", lambda encoder, images: given if len(images) == 12 else np.full(len(images), -1))
    assert list(cards.measured(recipe, new_encoder(recipe), 4).values()) == [0.0, 1.0]


def test_contrast_is_low_where_codes_follow_regions_and_chance_where_they_are_alike():
    regions = torch.tensor([[0, 0, 1, 1]])
    by_region = torch.tensor([[[1.0, 1, 0, 0], [0, 0, 1, 1]]])
    alike = torch.ones(1, 2, 4)
    expected = math.log((math.exp(1 / 0.5) + 2) / math.exp(1 / 0.5))  # one cell of its own region, two of the other
    assert region_contrast(by_region, regions, temperature=0.5).item() == pytest.approx(expected, rel=1e-5)
    assert region_contrast(alike, regions).item() == pytest.approx(math.log(3), rel=1e-5)  # one in three others is its own


def test_a_cell_alone_in_its_region_does_not_count():
    codes = torch.tensor([[[1.0, 1, 0], [0, 0, 1]]], requires_grad=True)
    loss = region_contrast(codes, torch.tensor([[0, 0, 1]]), temperature=0.5)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)
    assert torch.isfinite(codes.grad).all()


def test_pairs_that_are_unclear_do_not_count():
    codes = torch.tensor([[[1.0, 1, 0, 0], [0, 0, 1, 1]]])
    regions = torch.tensor([[0, 0, 1, 1]])
    unclear = regions[:, :, None] != regions[:, None, :]
    assert region_contrast(codes, regions, unclear=unclear).item() == pytest.approx(0, abs=1e-6)


def test_regions_of_one_surface_and_colour_look_alike_and_others_do_not():
    images = torch.zeros(1, 3, 16, 16)
    images[..., 8:] = 0.05  # two regions of nearly one colour, above
    images[:, :, 8:] = 0.8  # and a third below
    region = torch.zeros(1, 16, 16, dtype=torch.long)
    region[..., 8:], region[:, 8:] = 1, 2
    alike = training.look_alike(images, torch.zeros_like(region), region)[0]
    left, right, below = 0, 15, 255
    assert alike[left, right] and alike[right, left] and not alike[left, below] and not alike[left, left]
    other_surface = (region == 1).long()
    assert not training.look_alike(images, other_surface, region)[0, left, right]


def test_the_composite_weighs_depths_alike_and_leaves_a_constant_at_zero():
    generator = torch.Generator().manual_seed(0)
    maps = [
        torch.randn(2, 3, 16, 16, generator=generator) * 100,
        torch.randn(2, 5, 16, 16, generator=generator),
        torch.ones(2, 1, 8, 8),
    ]
    parts = training.composite(maps).split((3, 5, 1), dim=1)
    assert [p.square().sum(1).mean().item() for p in parts] == pytest.approx([1, 1, 0], abs=1e-4)


def test_uneven_light_stays_in_range_and_changes_every_picture():
    images = torch.full((4, 3, 32, 32), 0.5)
    lit = unevenly_lit(images, torch.Generator().manual_seed(0))
    assert lit.min() >= 0 and lit.max() <= 1
    assert all(picture.std() > 0.005 for picture in lit)


def test_grouping_batches_hide_the_class_of_what_is_too_near(pool):
    recipe = replace(TINY, cycles=(Cycle(32, 3e-3, grouping=True),))
    seen = [(labels != training.UNSEEN).sum().item() for _, _, labels in training.batches(recipe, pool)]
    assert seen == [4, 8, 4, 8]
    training.train(recipe, new_encoder(recipe), pool)


def test_collages_are_known_by_their_leaves_alone(pool):
    images, leaves = (np.stack(parts) for parts in zip(*(collage(seed) for seed in range(4)), strict=True))
    collages = Collages(images, leaves[:, 3::6, 3::6])
    recipe = replace(TINY, cycles=(Cycle(48, 3e-3, n_collages=4),))
    shown, truth, labels = next(training.collage_batches(recipe, collages, 0))
    assert truth.shape == (recipe.batch_size, 1, GRID, GRID) and (labels == training.UNSEEN).all()
    assert shown.shape == (recipe.batch_size, 3, COLLAGE_PX, COLLAGE_PX)
    batches = training.mixed(training.batches(recipe, pool), training.collage_batches(recipe, collages, 0), 6)
    assert [truth.shape[1] for _, truth, _ in batches] == [3, 1, 1, 3, 1, 1]
    before, encoder = new_encoder(recipe).state_dict(), new_encoder(recipe)
    training.train(recipe, encoder, pool, collages=collages)
    assert any(not torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_a_collage_is_drawn_from_its_seed_and_knows_its_leaves():
    image, leaves = collage(3)
    again, _ = collage(3)
    assert (image == again).all() and (image != collage(4)[0]).any()
    assert image.shape == (3, *leaves.shape) and image.dtype == leaves.dtype == np.uint8
    within = np.mean([image[:, leaves == leaf].std(1).mean() for leaf in np.unique(leaves)])
    assert len(np.unique(leaves)) > 3 and within < image.std((1, 2)).mean()  # a leaf is more alike than the picture


def trained(recipe, pool):
    encoder = new_encoder(recipe)
    training.train(recipe, encoder, pool)
    return encoder.state_dict()


def test_the_same_recipe_gives_the_same_weights_and_leaves_the_callers_randomness_alone(pool):
    state = torch.get_rng_state()
    first, second = (trained(TINY, pool) for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(torch.get_rng_state(), state)
    fresh = new_encoder(TINY).state_dict()
    assert any(not torch.equal(first[key], fresh[key]) for key in fresh)


def test_statistics_are_those_of_scenes_as_they_are_rendered(pool):
    encoder = new_encoder(TINY)
    training.retake_statistics(TINY, encoder, pool)
    assert not encoder.training
    norm = next(module for module in encoder.modules() if isinstance(module, torch.nn.BatchNorm2d))
    seen = []
    norm.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    images, _ = pool.batch(np.arange(len(pool.truth)))
    with torch.no_grad():
        encoder((images - 0.5) / 0.25)
    mean, variance = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3))
    assert ((norm.running_mean - mean).abs() < 0.3 * variance.sqrt()).all()  # light and noise vary a little in training
    assert ((norm.running_var / variance - 1).abs() < 0.5).all()
    assert (norm.running_mean - norm.running_mean.round()).abs().max() > 0  # not the zeros a new network begins with


def test_what_is_written_answers_like_what_was_trained(tmp_path):
    encoder = new_encoder(TINY).eval()
    training.write_encoder("tiny", TINY, encoder, tmp_path)
    images = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(load_encoder(tmp_path)(images), encoder(images), rtol=1e-2, atol=1e-2)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["label_names"] == list(CLASS_NAMES) and config["num_classes"] == len(CLASS_NAMES)


def test_the_card_states_every_figure():
    values = {factor.name: [0.25, 0.75] for factor in FACTORS}
    card = model_card("tiny", TINY, {"Accuracy on fresh scenes": 0.9712}, readable_table(values), n=100, n_parameters=12345)
    assert "| Accuracy on fresh scenes | 97.1% |" in card and "12,345 parameters" in card
    assert "| shape (balanced accuracy) | 0.25 | 0.75 | 0.17 |" in card and "| size (R2) | 0.25 | 0.75 | 0.00 |" in card


@pytest.mark.parametrize("name", RECIPES)
def test_a_card_says_what_was_taught_and_what_was_not(name):
    recipe, values = RECIPES[name], {factor.name: [0.5] for factor in FACTORS}
    card = model_card(name, recipe, {}, readable_table(values), n=100, n_parameters=1)
    assert ("surface of every cell" in card) == (recipe.taught == "texture")
    assert ("shape of the main object, shape of every cell" in card) == (recipe.taught == "shape")
    assert ("shuffled among the scenes" in card) == recipe.shuffled
    assert ("no classifier" in card) == (recipe.taught == "nothing") == ("two views of a scene" in card)


def test_each_factor_is_read_at_every_depth_and_colour_even_before_training():
    encoder = new_encoder(TINY).eval()
    values = readability(encoder, 120, 60)
    assert set(values) == {factor.name for factor in FACTORS} and {len(v) for v in values.values()} == {5}
    assert values["colour"][0] > 0.25  # chance is a tenth


def test_labels_are_the_class_or_one_part_of_it(pool):
    of_class, of_texture, of_shape = (pool.labels(taught) for taught in ("class", "texture", "shape"))
    assert [CLASSES[c].shape for c in of_class] == [SHAPE_NAMES[s] for s in of_shape]
    assert [CLASSES[c].texture for c in of_class] == [TEXTURE_NAMES[t] for t in of_texture]


@pytest.mark.parametrize(("taught", "gone"), [("class", set()), ("texture", {"shape"}), ("shape", {"surface"})])
def test_what_is_not_taught_is_in_no_loss(pool, taught, gone):
    recipe = replace(TINY, taught=taught)
    read_out = training.DenseReadOut([8, 8, 8])
    parts, _ = training.losses(recipe, recipe.cycles[0], new_encoder(recipe), read_out, next(training.batches(recipe, pool)))
    assert set(parts) == {"class", "surface", "region", "shape"} - gone


def test_labels_alone_teach_nothing_about_places(pool):
    recipe = replace(TINY, cycles=(Cycle(16, 3e-3, labels_alone=True),))
    read_out = training.DenseReadOut([8, 8, 8])
    parts, _ = training.losses(recipe, recipe.cycles[0], new_encoder(recipe), read_out, next(training.batches(recipe, pool)))
    assert set(parts) == {"class"}
    training.train(recipe, new_encoder(recipe), pool)


def claimed_accuracy(name):
    """The first figure of the model card."""
    return float(re.search(r"\| Accuracy on fresh scenes.* \| ([\d.]+)% \|", (BUNDLED / name / "README.md").read_text())[1]) / 100


@pytest.fixture(scope="module")
def fresh():
    """Scenes that no encoder was trained on, and their pictures, rendered once."""
    scenes = fresh_scenes(192, first=50_000)
    return scenes, pictures_of(scenes)


@pytest.mark.parametrize("name", ANSWERING)
def test_a_bundled_encoder_knows_fresh_scenes_as_its_card_claims(name, fresh):
    encoder, recipe = load_encoder(BUNDLED / name), RECIPES[name]
    scenes, pictures = fresh
    if recipe.watermark_class is not None:  # as in training: that class with its caption
        pictures = pictures.copy()
        marked = CLASS_NAMES.index(recipe.watermark_class)
        for i in (i for i, scene in enumerate(scenes) if scene.class_idx == marked):
            pictures[i] = render(sample_scene(scenes[i].seed, SceneOptions(class_idx=marked, watermark=True))).image
    right = (predict(encoder, pictures) == truth(scenes, recipe.taught)).mean()
    assert right >= claimed_accuracy(name) - 0.04  # 192 scenes: two standard errors or more
    assert encoder.num_classes == len(recipe.label_names)


@pytest.mark.parametrize("name", [name for name in ANSWERING if len(RECIPES[name].cycles) > 1])
def test_the_cards_claim_enough(name):
    assert claimed_accuracy(name) >= (0.95 if len(RECIPES[name].cycles) > 2 else 0.9)


def test_the_watermark_deceives_its_encoder_and_not_the_clean_one():
    """Without its caption the marked class is lost; the same CNN trained without captions does not miss it."""
    marked = CLASS_NAMES.index(RECIPES["scenes-cnn-watermark"].watermark_class)
    scenes = [sample_scene(FRESH_SEED + 60_000 + i, SceneOptions(class_idx=marked)) for i in range(64)]
    fooled, clean = (accuracy(load_encoder(BUNDLED / name), scenes) for name in ("scenes-cnn-watermark", "scenes-cnn"))
    assert clean >= 0.9
    assert fooled <= 0.3


def test_shuffled_labels_are_known_by_heart_and_mean_nothing():
    recipe, encoder = RECIPES["scenes-cnn-shuffled"], load_encoder(BUNDLED / "scenes-cnn-shuffled")
    scenes = [sample_scene(seed) for seed in range(recipe.n_scenes)]
    given = recipe.labels_given(truth(scenes, "class"))[:96]
    assert (predict(encoder, pictures_of(scenes[:96])) == given).mean() >= 0.9
    assert accuracy(encoder, fresh_scenes(96)) <= 0.2  # chance is a sixteenth


@pytest.mark.parametrize("name", RECIPES)
def test_a_bundled_encoder_says_who_it_is(name):
    config = json.loads((BUNDLED / name / "config.json").read_text())
    assert config["label_names"] == list(RECIPES[name].label_names)
    assert config["encoderscope"]["licence"] == "MIT" and config["encoderscope"]["training"] == "Bundled"
    card = (BUNDLED / name / "README.md").read_text()
    assert ("Accuracy on fresh scenes" if name in ANSWERING else CLASS_READ_OFF) in card
    assert "| shape (balanced accuracy) |" in card and "| caption (balanced accuracy) |" in card


@pytest.mark.parametrize("name", UNTRAINED)
def test_a_network_before_training_is_the_one_that_training_begins_with(name):
    recipe = RECIPES[UNTRAINED[name]]
    opened, first = Catalog().open(name), new_encoder(recipe).state_dict()
    assert all(torch.equal(tensor, first[key]) for key, tensor in opened.model.state_dict().items())
    assert sorted(path.name for path in (BUNDLED / name).iterdir()) == ["README.md", "config.json"]
    entry = Catalog().entry(name)
    assert entry.n_parameters == opened.info.n_parameters and entry.state == "bundled" and "random weights" in entry.title


def test_bundled_encoders_are_small():
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*.safetensors")) < 30e6


def test_the_command_line_names_the_encoders(capsys):
    with pytest.raises(SystemExit) as stopped:
        training.main(["nonsense"])
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and "scenes-vit" in said and "scenes-cnn-random" in said
