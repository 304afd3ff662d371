"""Encoders that open and segment in a blink: timm's test architectures with random weights, in local-dir format."""

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

CNN, VIT, NO_CLASSES = "tiny-cnn", "tiny-vit", "tiny-without-classes"
CLASS_NAMES = [f"thing {i}" for i in range(7)]


def write_tiny_encoders(folder: Path) -> Path:
    """Fills the folder; what ENCODERSCOPE_ENCODERS may point to."""
    _write(folder / CNN, "test_resnet", 7)
    _write(folder / VIT, "test_vit", 7)
    _write(folder / NO_CLASSES, "test_convnext", 0)
    return folder


def _write(folder: Path, architecture: str, num_classes: int) -> None:
    folder.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(architecture, pretrained=False, num_classes=num_classes)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": architecture,
        "num_classes": num_classes,
        "label_names": CLASS_NAMES[:num_classes],
        "pretrained_cfg": {"input_size": [3, 64, 64], "num_classes": num_classes, "license": "mit"},
    }
    (folder / "config.json").write_text(json.dumps(config))
