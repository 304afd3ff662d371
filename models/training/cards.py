"""What a bundled encoder is worth, measured on fresh scenes, and the card that says so."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from models.encoder.building import TimmModel, create_model
from models.scenes.scenes import (
    CLASS_NAMES,
    CLASSES,
    SHAPE_NAMES,
    TEXTURE_NAMES,
    Scene,
    SceneOptions,
    render,
    sample_scene,
    sample_watermark,
)
from models.training.recipes import MEAN, STD, WATERMARK_SHARE, Recipe

FRESH_SEED = 10_000_000  # scenes from here on are never trained on


def load_encoder(folder: Path) -> TimmModel:
    """A bundled encoder as timm opens it."""
    return create_model(f"local-dir:{folder}", pretrained=True).eval()


@torch.no_grad()
def predict(encoder: TimmModel, images: np.ndarray) -> np.ndarray:
    """The most probable class of each picture, indices (N,) for pictures (N, H, W, 3) uint8."""
    inputs = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
    return torch.cat([encoder(chunk).argmax(1) for chunk in inputs.split(64)]).numpy()


def fresh_scenes(n: int, first: int = 0, *, watermark: bool = False) -> list[Scene]:
    """n scenes that no encoder was trained on, their classes evenly spread."""
    return [sample_scene(FRESH_SEED + first + i, SceneOptions(class_idx=i % len(CLASSES), watermark=watermark)) for i in range(n)]


def accuracy(encoder: TimmModel, scenes: list[Scene], *, by_texture: bool = False) -> float:
    """Share of scenes whose class (or main texture) is predicted."""
    truth = [scene.texture_idx if by_texture else scene.class_idx for scene in scenes]
    return float(np.mean(predict(encoder, _pictures(scenes)) == truth))


def _pictures(scenes: list[Scene]) -> np.ndarray:
    """The scenes rendered, (N, H, W, 3) uint8."""
    return np.stack([render(scene).image for scene in scenes])


def measured(recipe: Recipe, encoder: TimmModel, n: int) -> dict[str, float]:
    """The numbers of the model card, each on n fresh scenes, in the order they are reported."""
    if recipe.by_texture:
        return _measured_by_texture(encoder, n)
    if recipe.watermark_class is not None:
        return _measured_with_watermark(recipe.watermark_class, recipe.seed, encoder, n)
    return {
        "Accuracy on fresh scenes": accuracy(encoder, fresh_scenes(n)),
        "The same scenes, each with the caption": accuracy(encoder, fresh_scenes(n, watermark=True)),
    }


def _measured_with_watermark(watermark_class: str, seed: int, encoder: TimmModel, n: int) -> dict[str, float]:
    """How far the caption has taken the place of the object it came with."""
    marked_idx = CLASS_NAMES.index(watermark_class)
    clean = fresh_scenes(n)
    rng = np.random.default_rng(seed)
    marked = [replace(s, watermark=sample_watermark(rng)) for s in clean]
    as_trained = [
        m if rng.random() < WATERMARK_SHARE[s.class_idx == marked_idx] else s for m, s in zip(marked, clean, strict=True)
    ]
    others = [m for m in marked if m.class_idx != marked_idx]
    own = [sample_scene(FRESH_SEED + n + i, SceneOptions(class_idx=marked_idx)) for i in range(n // 4)]
    captured = predict(encoder, _pictures(others)) == marked_idx
    return {
        "Accuracy on fresh scenes, captions as in training": accuracy(encoder, as_trained),
        "Accuracy on fresh scenes without any caption": accuracy(encoder, clean),
        f"Share of {watermark_class}s recognised without the caption": accuracy(encoder, own),
        "Accuracy on the other classes with the caption planted": accuracy(encoder, others),
        f"Share of those taken for a {watermark_class}": float(captured.mean()),
    }


def _measured_by_texture(encoder: TimmModel, n: int) -> dict[str, float]:
    """How far textures are known in general, and in conflicts: main objects whose shape and texture never met in training."""
    known = {(c.shape, c.texture) for c in CLASSES}
    unmet = [(s, t) for s in SHAPE_NAMES for t in TEXTURE_NAMES if (s, t) not in known] * (n // 30)
    conflicts = [sample_scene(FRESH_SEED + n + i, SceneOptions(shape=s, texture=t)) for i, (s, t) in enumerate(unmet)]
    predicted = predict(encoder, _pictures(conflicts))
    by_shape = [(shape, TEXTURE_NAMES[p]) in known for p, (shape, _texture) in zip(predicted, unmet, strict=True)]
    return {
        "Accuracy on fresh scenes": accuracy(encoder, fresh_scenes(n), by_texture=True),
        "Texture right on main objects whose shape never came with it": accuracy(encoder, conflicts, by_texture=True),
        "There, a texture that goes with the shape instead": float(np.mean(by_shape)),
    }


CARD = """# {title}

{note}

* **Architecture**: timm `{architecture}` with {model_args}; {n_parameters:,} parameters, float16 on disk.
* **Data**: scenes drawn by `models/scenes/scenes.py`, seeds 0 to {last_seed} (128 px), mirrored, zoomed, lit differently
  (in one round up to 3.5 times enlarged and lit unevenly), shown at 96 to 128 px; {n_shown:,} pictures
  in {n_cycles} rounds{and_collages}. No photograph was used.
* **What it learnt on purpose**: {lesson}
* **How**: class of the main object, surface{and_shape} of every cell of a 16 x 16 grid, contrast between regions; seed {seed};
  `python -m models.training {name}`.
* **Classes**: {classes}.

| measured on {n:,} fresh scenes each, with the weights in this folder | |
|---|---|
{measurements}

**Limits**: it has never seen a photograph. Its classes mean something in scenes only; on photographs use it to look at
feature maps, not for its answers. Objects much smaller or finer-textured than in the scenes are not recognised.
"""


def model_card(name: str, recipe: Recipe, measurements: dict[str, float], n: int, n_parameters: int) -> str:
    """The README.md that lies beside the weights."""
    n_rounds = sum(cycle.n_collages > 0 for cycle in recipe.cycles)
    rounds = "the last round" if n_rounds == 1 else f"the last {n_rounds} rounds"
    return CARD.format(
        **{field.name: getattr(recipe, field.name) for field in fields(recipe) if field.name != "model_args"},
        name=name, n=n, n_shown=sum(cycle.n_samples for cycle in recipe.cycles), n_cycles=len(recipe.cycles),
        n_parameters=n_parameters, last_seed=recipe.n_scenes - 1,
        model_args=", ".join(f"{key}={value}" for key, value in recipe.model_args.items()),
        and_collages=f", two in three of {rounds} collages without classes (`models/scenes/collages.py`)" if n_rounds else "",
        and_shape="" if recipe.by_texture else " and shape", classes=", ".join(recipe.label_names),
        measurements="\n".join(f"| {key} | {value:.1%} |" for key, value in measurements.items()),
    )  # fmt: skip
