"""A tower with random weights, of open_clip's own classes, in a folder of its own format; nothing is fetched."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import EncoderUnavailable, MissingPackage
from models.photo import Photo, photo_from_array
from models.scenes.scenes import render, sample_scene
from models.text import open_tower
from models.text.towers import TOWERS


def write_tiny_tower(folder: Path) -> Path:
    """A CLIP model of a few thousand weights."""
    open_clip = pytest.importorskip("open_clip")
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    cfg = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(cfg))
    return folder


def scenes(n: int) -> tuple[Photo, ...]:
    return tuple(photo_from_array(render(sample_scene(seed)).image, f"scene-{seed}") for seed in range(n))


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    return open_tower(str(write_tiny_tower(tmp_path_factory.mktemp("towers") / "tiny")))


def test_pictures_and_words_lie_in_one_space_with_length_one(tower):
    pictures, words = tower.embed_images(scenes(3)), tower.embed_text(["a photo of a star", "a photo of a disc"])
    assert pictures.shape == (3, 16) and words.shape == (2, 16)
    assert torch.cat([pictures, words]).norm(dim=1).tolist() == pytest.approx([1] * 5, abs=1e-5)
    assert not torch.allclose(words[0], words[1]) and not torch.allclose(pictures[0], pictures[1])


def test_what_is_missing_is_one_sentence(monkeypatch, tmp_path):
    with pytest.raises(EncoderUnavailable, match="There is no text tower 'nothing'"):
        open_tower("nothing")
    with pytest.raises(EncoderUnavailable, match="cannot be had"):
        open_tower(str(tmp_path))  # an empty folder
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingPackage, match=r"pip install -r requirements-text.txt"):
        open_tower(next(iter(TOWERS)))
