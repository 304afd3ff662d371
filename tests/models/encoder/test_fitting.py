"""Weights find their places in a network, or are refused by name: nothing is left at random."""

import json

import pytest
import timm
import torch

from models.encoder.encoder import Encoder
from models.encoder.fitting import Mismatch, build_with_weights, harmless_prefixes, in_words, match_shapes
from models.errors import BadCheckpoint, UnsupportedEncoder

TINY = "test_resnet"
NEEDED = {"body.weight": (4, 3), "fc.weight": (2, 4), "body.num_batches_tracked": ()}


def folder_of(path, architecture=TINY, top=None, **arguments):
    """A folder with a config.json alone, for a network of these constructor arguments; ``top`` is its number of classes."""
    path.mkdir()
    config = {"architecture": architecture, "model_args": arguments, "pretrained_cfg": {"input_size": [3, 96, 96]}}
    (path / "config.json").write_text(json.dumps(config | ({} if top is None else {"num_classes": top})))
    return f"local-dir:{path}"


def weights_of(architecture=TINY, **arguments):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(architecture, **arguments).state_dict()


def test_shapes_are_compared_name_by_name():
    match = match_shapes({"body.weight": (4, 3), "fc.weight": (5, 4), "extra": (1,)}, NEEDED)
    assert match.n_fitting == 1 and not match.fits  # counters of batch normalisation may be missing
    assert match.mismatches == (Mismatch("fc.weight", (5, 4), (2, 4)), Mismatch("extra", (1,), None))
    assert str(match.mismatches[0]) == "fc.weight is (5, 4) in the file, but (2, 4) is needed"


@pytest.mark.parametrize(
    "prefix", ["model.", "module.", "_orig_mod.", "backbone.", "encoder.", "net.", "module._orig_mod.model."]
)
def test_what_wrappers_put_before_every_name_is_taken_off(prefix):
    stored = {f"{prefix}{name}": shape for name, shape in NEEDED.items()}
    assert match_shapes(stored, NEEDED).fits and match_shapes(stored, NEEDED).prefix == prefix


def test_of_no_name_at_all_only_the_empty_prefix_can_be_taken_off():
    assert harmless_prefixes([]) == [""]
    assert len(match_shapes({}, NEEDED).mismatches) == 2


def test_a_list_of_mismatches_is_short_and_says_how_many_more_there_are():
    mismatches = [Mismatch(f"t{n}", (n,), None) for n in range(10)]
    assert in_words(mismatches[:1]) == "t0 (0,) has no place in the architecture"
    assert in_words(mismatches).endswith("t2 (2,) has no place in the architecture; and 7 more do not fit")


@pytest.mark.parametrize(("top", "nested"), [(5, None), (None, 1000), (3, 1000), (3, 3)])
def test_the_head_is_that_of_the_file_whatever_else_the_configuration_says(tmp_path, top, nested):
    source, weights = folder_of(tmp_path / "e", top=top, num_classes=3), weights_of(num_classes=3)
    described = {} if nested is None else {"num_classes": nested}
    model = build_with_weights(source, weights, **described)
    assert torch.equal(model.state_dict()["fc.weight"], weights["fc.weight"])


@pytest.mark.parametrize(("wanted", "top", "stored"), [(5, 3, 3), (3, 3, 1000), (3, 1000, 1000)])
def test_a_head_of_another_size_is_refused_by_name_and_shapes(tmp_path, wanted, top, stored):
    source = folder_of(tmp_path / "e", top=top, num_classes=wanted)
    with pytest.raises(BadCheckpoint, match=rf"fc.weight is \({stored}, \d+\) in the file, but \({wanted}, \d+\) is needed"):
        build_with_weights(source, weights_of(num_classes=stored))


def test_a_transformer_of_another_input_size_is_converted_by_timm_and_keeps_its_head(tmp_path):
    source = folder_of(tmp_path / "e", "test_vit", num_classes=3, img_size=96)
    weights = weights_of("test_vit", num_classes=3, img_size=160)
    model = build_with_weights(source, weights)
    assert model.state_dict()["pos_embed"].shape != weights["pos_embed"].shape
    assert torch.equal(model.state_dict()["head.weight"], weights["head.weight"])
    assert model.pretrained_cfg.get("state_dict") is None  # not held a second time
    with pytest.raises(BadCheckpoint, match=r"head.weight is \(7,"):
        build_with_weights(source, weights_of("test_vit", num_classes=7, img_size=160))


def test_names_of_classes_survive_a_configuration_that_counts_them_wrongly(tmp_path):
    folder_of(tmp_path / "e", top=1000, num_classes=3)
    described = {"label_names": ["cat", "dog", "ant"]}
    encoder = Encoder.from_folder(tmp_path / "e", weights_of(num_classes=3), described=described)
    assert encoder.info.class_names == ("cat", "dog", "ant")


@pytest.mark.parametrize(
    ("damaged", "expected"), [("layer4.0.conv2.weight", "At depth 4 the activations"), ("fc.weight", "The logits")]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_told_before_anything_is_attributed(damaged, expected, value):
    encoder = Encoder.from_timm(TINY, num_classes=3)
    with torch.no_grad():
        encoder.model.state_dict()[damaged][0] = value
    for depth in (3, 4):
        with pytest.raises(UnsupportedEncoder, match=f"{expected} of '{TINY}' for a trial image are not all finite"):
            encoder.head_from(depth)
