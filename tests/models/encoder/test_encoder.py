"""The contract, on every family of architectures: what an encoder hands out, and that it stays as it was."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explainers.integrated_gradients import path
from explainers.service.concepts import evidence_at, usable_depths
from explainers.visual_tcav.attribution import contributions
from explainers.visual_tcav.cav import Cavs, fit_cav
from models.encoder.building import Depth
from models.encoder.encoder import Encoder, default_depths, randomised
from models.errors import BadSettings
from models.photo import photo_from_array
from tests.models.encoder.families import FAMILIES, Family


@pytest.fixture(scope="module", params=FAMILIES, ids=str)
def family(request) -> Family:
    return request.param


@pytest.fixture(scope="module")
def encoder(family) -> Encoder:
    encoder = Encoder.from_timm(family.architecture, seed=1, **family.model_args)
    awaken(encoder.model)
    return encoder


def awaken(model: nn.Module) -> None:
    """Fresh networks may answer zero, or scale every block to nearly nothing; trained ones do not."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.abs().max() < 1e-3:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)


@pytest.fixture(scope="module")
def images(encoder) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, 3, *encoder.sizes.trial, generator=generator)


def traces(model: nn.Module) -> tuple[int, set]:
    """Number of hooks, and every attribute of every module."""
    modules = list(model.named_modules())
    hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for _, module in modules)
    return hooks, {(name, attribute) for name, module in modules for attribute in module.__dict__}


def digest(model: nn.Module) -> str:
    state = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        state.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return state.hexdigest()


def test_maps_come_as_declared(encoder, images):
    depths = encoder.info.depths
    maps = encoder.feature_maps(images, range(len(depths)))
    assert len(maps) == len(depths)
    for depth, feature_map in zip(depths, maps, strict=True):
        assert feature_map.dtype == torch.float32 and torch.isfinite(feature_map).all()
        assert feature_map.shape[:2] == (len(images), depth.n_channels)
        for side, size in zip(feature_map.shape[2:], images.shape[2:], strict=True):
            assert side == pytest.approx(size / depth.reduction, abs=4.1)  # Inception and some stems do not pad


def test_depths_come_in_the_order_asked_for_and_alone_as_together(encoder, images):
    last = len(encoder.info.depths) - 1
    together = encoder.feature_maps(images, [last, 0, last])
    assert torch.equal(together[0], together[2])
    torch.testing.assert_close(together[1], encoder.feature_maps(images, [0])[0])


def test_every_offered_size_is_taken(encoder, family):
    sizes = encoder.sizes
    if sizes.fixed:
        assert encoder.input_shape((480, 854), 448) == sizes.own
        return
    shape = encoder.input_shape((100, 160), sizes.own[0])
    assert shape != sizes.own or sizes.multiple == sizes.own[0]
    assert all(side % encoder.info.size_multiple == 0 for side in shape)
    maps = encoder.feature_maps(torch.zeros(1, 3, *shape), range(len(encoder.info.depths)))
    assert all(torch.isfinite(feature_map).all() for feature_map in maps)


def test_using_an_encoder_changes_nothing(encoder, images):
    """Runs every method, then compares with before: logits to the bit, weights, hooks, attributes."""
    model = encoder.model
    encoder.logits(images), encoder.feature_maps(images, [0])  # some networks keep masks of a size; that is theirs
    logits, weights, before = encoder.logits(images), digest(model), traces(model)
    for depth in encoder.cut_points()[-2:]:
        head = encoder.head_from(depth)(images[0])
        head.logits_of(head.activation.clone().requires_grad_()).square().sum().backward()
    assert torch.equal(encoder.logits(images), logits)
    assert digest(model) == weights and traces(model) == before
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_heads_finish_the_network_from_every_cut_point(encoder, images, family):
    logits = encoder.logits(images)
    cut_points = encoder.cut_points()
    refused = [depth.idx for depth in encoder.info.depths if depth.idx not in cut_points]
    assert tuple(refused) == family.refused_depths
    for depth in cut_points:
        head = encoder.head_from(depth)(images[0])
        activation = head.activation.clone().requires_grad_()
        answers = head.logits_of(torch.cat([activation, 0.9 * activation, activation]))
        tolerance = {"rtol": 1e-4, "atol": 1e-4 * float(logits.abs().max())}
        torch.testing.assert_close(answers[0], logits[0], **tolerance)
        torch.testing.assert_close(answers[2], logits[0], **tolerance)
        answers[0].square().sum().backward()
        assert torch.isfinite(activation.grad).all() and activation.grad.abs().max() > 0


def test_heads_know_where_the_map_is(encoder, images):
    for depth in encoder.cut_points():
        head = encoder.head_from(depth)(images[1:])
        feature_map = encoder.feature_maps(images[1:], [depth])[0]
        torch.testing.assert_close(head.map_of(head.activation), feature_map, rtol=1e-4, atol=1e-5)
        assert head.grid == tuple(feature_map.shape[2:])
        assert head.prefix_of(head.activation).shape[1] == head.n_prefix_tokens
        assert head.activation.numel() == feature_map.numel() + head.prefix_of(head.activation).numel()


def test_a_concept_is_attributed_from_every_cut_point_and_from_no_other_depth(encoder, images, family, monkeypatch):
    monkeypatch.setattr(path, "MAX_POINTS", 3)  # what is asserted holds on every path; a coarse one is enough
    every = [depth.idx for depth in encoder.info.depths]
    if len(family.refused_depths) == len(every):
        with pytest.raises(BadSettings, match="Nothing can be attributed"):
            usable_depths(encoder, every)
        return
    usable, refused = usable_depths(encoder, every)
    assert tuple(refused) == family.refused_depths and all(refused.values())
    for depth in usable:
        maps = encoder.feature_maps(images, [depth])[0]
        evidence = evidence_at(encoder, images[0], depth, [0, 1], n_steps=2)
        given = contributions(evidence, Cavs.of(fit_cav(maps[:1], maps[1:])))
        for row, (share, off_map) in enumerate(zip(evidence.class_shares, evidence.off_map_shares, strict=True)):
            on_map = float(evidence.attributions[row].sum())
            assert on_map == pytest.approx(share * (1 - off_map), abs=1e-4)
            assert -1e-6 <= given.attributions[row, 0] <= on_map + 1e-4
        assert torch.isfinite(evidence.attributions).all() and torch.isfinite(given.concept_map).all()


def test_random_weights_keep_the_architecture(encoder):
    other = randomised(encoder, seed=5)
    assert other.info.fingerprint != encoder.info.fingerprint
    assert replace(other.info, name="", fingerprint="") == replace(encoder.info, name="", fingerprint="")


# --- what an encoder knows -------------------------------------------------------------------------------------------


def tiny(**model_args) -> Encoder:
    return Encoder.from_timm("test_vit", **model_args)


def test_the_seed_decides_random_weights_and_the_global_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fingerprints = [tiny(seed=seed).info.fingerprint for seed in (0, 0, 1)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    assert torch.equal(torch.rand(1), expected)


def test_the_seed_decides_the_random_counterpart():
    fingerprints = [randomised(tiny(), seed).info.fingerprint for seed in (5, 5, 6)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


@pytest.mark.parametrize(
    ("architecture", "n_prefix_tokens"),
    [("deit_tiny_patch16_224", 1), ("deit_tiny_distilled_patch16_224", 2), ("vit_small_patch14_reg4_dinov2", 5)],
)
def test_prefix_tokens_are_counted(architecture, n_prefix_tokens):
    small = {"embed_dim": 24, "depth": 1, "num_heads": 3, "img_size": 224}
    assert Encoder.from_timm(architecture, **small).info.n_prefix_tokens == n_prefix_tokens


def test_class_names_are_imagenets_where_the_size_says_so():
    names = tiny().info.class_names
    assert len(names) == 1000 and len(set(names)) == 1000
    assert (names[0], names[340], names[999]) == ("tench", "zebra", "toilet tissue")
    assert names[134] != "crane" and names[517] != "crane"  # the bird and the machine


def test_class_names_are_numbers_where_nothing_is_known():
    info = tiny(num_classes=3).info
    assert info.has_classifier and info.class_names == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("architecture", ["vit_small_patch14_dinov2.lvd142m", "vit_base_patch32_clip_224.openai"])
def test_encoders_without_classes_say_so(architecture):
    small = {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 224}
    encoder = Encoder.from_timm(architecture, **small)
    assert not encoder.info.has_classifier and encoder.info.class_names == ()
    assert encoder.logits(torch.zeros(1, 3, *encoder.sizes.trial)).ndim == 2  # the embedding


def test_bytes_are_counted():
    encoder = tiny()
    assert encoder.n_bytes >= 4 * encoder.info.n_parameters


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photo_shape", "input_size", "expected"),
    [
        ((500, 500), 224, (224, 224)),
        ((480, 854), 448, (336, 592)),  # 16 : 9 within one multiple; area 446 x 446
        ((854, 480), 448, (592, 336)),
        ((1, 1), 448, (448, 448)),
        ((10, 10_000), 448, (96, 2096)),  # squashed: no side under the smallest
        ((10_000, 10), 224, (528, 96)),
        ((500, 500), 230, (224, 224)),
        ((500, 500), 1, (96, 96)),
    ],
)
def test_the_input_keeps_aspect_ratio_and_area(photo_shape, input_size, expected):
    assert tiny().input_shape(photo_shape, input_size) == expected


def test_a_photo_is_prepared_at_that_shape():
    encoder = tiny()
    photo = photo_from_array(np.full((30, 60, 3), 255, np.uint8), "white")
    prepared = encoder.prepare(photo, 160)
    assert prepared.shape == (3, *encoder.input_shape((30, 60), 160)) == (3, 112, 224)
    mean, std = encoder.info.preprocessing.mean, encoder.info.preprocessing.std
    torch.testing.assert_close(prepared[:, 0, 0], torch.tensor([(1 - m) / s for m, s in zip(mean, std, strict=True)]))


# --- default depths --------------------------------------------------------------------------------------------------


def depths(*reductions: int) -> list[Depth]:
    return [Depth(idx, f"stage{idx}", 8, reduction) for idx, reduction in enumerate(reductions)]


@pytest.mark.parametrize(
    ("reductions", "expected"),
    [
        ((2, 4, 8, 16, 32), (2, 3, 4)),
        ((4, 8, 16, 32), (1, 2, 3)),
        ((1, 2, 4, 8, 16, 32), (3, 4, 5)),
        ((16, 32, 64), (0, 1)),
        ((4, 8, 8, 16, 16), (2, 4)),
        ((16,) * 12, (2, 5, 8, 11)),
        ((14,) * 24, (5, 11, 17, 23)),
        ((16,) * 6, (1, 2, 3, 5)),
        ((8, 8), (0, 1)),
        ((32,), (0,)),
        ((64, 128), (1,)),
    ],
)
def test_default_depths(reductions, expected):
    assert default_depths(depths(*reductions)) == expected


def test_a_depth_that_only_the_class_token_leaves_is_not_attributed_by_default():
    by_token = Encoder.from_timm("vit_tiny_patch16_224", img_size=64, embed_dim=24, depth=4, num_heads=2, num_classes=5)
    assert by_token.info.default_depths == (0, 1, 2, 3) and by_token.info.attributed_depths == (0, 1, 2)
    assert by_token.reads_map(2) and not by_token.reads_map(3)
    by_mean = Encoder.from_timm(
        "vit_tiny_patch16_224", img_size=64, embed_dim=24, depth=4, num_heads=2, num_classes=5, global_pool="avg"
    )
    assert by_mean.info.attributed_depths == by_mean.info.default_depths and by_mean.reads_map(3)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [-1, 99])
def test_a_depth_that_does_not_exist_is_refused(depth):
    encoder = tiny()
    for use in (encoder.head_from, lambda depth: encoder.feature_maps(torch.zeros(1, 3, 96, 96), [depth])):
        with pytest.raises(BadSettings, match=f"no depth {depth}"):
            use(depth)
