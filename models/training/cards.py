"""What a bundled encoder is worth, measured on fresh scenes, and the card that says so."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from models.encoder.building import TimmModel, create_model
from models.encoder.read_out import read_choice
from models.scenes.factors import FACTORS
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
from models.training.readability import N_FITTED, N_JUDGED, Readability
from models.training.recipes import LABEL_NAMES, MEAN, STD, WATERMARK_SHARE, Recipe, Taught

CLASS_READ_OFF = "Class of fresh scenes, read off its embedding by a straight line fitted on as many others"
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


def accuracy(encoder: TimmModel, scenes: list[Scene], taught: Taught = "class") -> float:
    """Share of scenes whose class (or the main object's texture or shape) is predicted."""
    return float(np.mean(predict(encoder, pictures_of(scenes)) == truth(scenes, taught)))


def truth(scenes: list[Scene], taught: Taught) -> np.ndarray:
    """What an encoder that was taught so has to answer to each scene, (N,)."""
    answers = {
        "class": lambda s: s.class_idx,
        "texture": lambda s: s.texture_idx,
        "shape": lambda s: SHAPE_NAMES.index(s.main.shape),
    }
    return np.array([answers[taught](scene) for scene in scenes])


def pictures_of(scenes: list[Scene]) -> np.ndarray:
    """The scenes rendered, (N, H, W, 3) uint8."""
    return np.stack([render(scene).image for scene in scenes])


def measured(recipe: Recipe, encoder: TimmModel, n: int) -> dict[str, float]:
    """The numbers of the model card, each on n fresh scenes, in the order they are reported."""
    if recipe.taught == "nothing":
        return {CLASS_READ_OFF: class_read_off(encoder, n)}
    if recipe.taught != "class":
        return _measured_by_part(encoder, n, recipe.taught)
    if recipe.watermark_class is not None:
        return _measured_with_watermark(recipe.watermark_class, recipe.seed, encoder, n)
    if recipe.learns_by_heart:
        return _measured_by_heart(recipe, encoder, n)
    return {
        "Accuracy on fresh scenes": accuracy(encoder, fresh_scenes(n)),
        "The same scenes, each with the caption": accuracy(encoder, fresh_scenes(n, watermark=True)),
    }


def _measured_by_heart(recipe: Recipe, encoder: TimmModel, n: int) -> dict[str, float]:
    """How far the scenes of training are known, and how far others are."""
    scenes = [sample_scene(seed) for seed in range(recipe.n_scenes)]
    given = recipe.labels_given(truth(scenes, recipe.taught))
    return {
        "Accuracy on fresh scenes": accuracy(encoder, fresh_scenes(n), recipe.taught),
        f"On the {recipe.n_scenes:,} scenes of training, the label they were given": float(
            np.mean(predict(encoder, pictures_of(scenes)) == given)
        ),
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
    captured = predict(encoder, pictures_of(others)) == marked_idx
    return {
        "Accuracy on fresh scenes, captions as in training": accuracy(encoder, as_trained),
        "Accuracy on fresh scenes without any caption": accuracy(encoder, clean),
        f"Share of {watermark_class}s recognised without the caption": accuracy(encoder, own),
        "Accuracy on the other classes with the caption planted": accuracy(encoder, others),
        f"Share of those taken for a {watermark_class}": float(captured.mean()),
    }


def _measured_by_part(encoder: TimmModel, n: int, taught: Taught) -> dict[str, float]:
    """How far shapes or textures are known in general, and in conflicts: main objects whose two never met in training."""
    known = {(c.shape, c.texture) for c in CLASSES}
    unmet = [(s, t) for s in SHAPE_NAMES for t in TEXTURE_NAMES if (s, t) not in known] * (n // 30)
    conflicts = [sample_scene(FRESH_SEED + n + i, SceneOptions(shape=s, texture=t)) for i, (s, t) in enumerate(unmet)]
    answers = [LABEL_NAMES[taught][answer] for answer in predict(encoder, pictures_of(conflicts))]
    other = {"texture": "shape", "shape": "texture"}[taught]
    by_other = [
        ((shape, answer) if taught == "texture" else (answer, texture)) in known
        for answer, (shape, texture) in zip(answers, unmet, strict=True)
    ]
    return {
        "Accuracy on fresh scenes": accuracy(encoder, fresh_scenes(n), taught),
        f"{taught.capitalize()} right on main objects whose {other} never came with it": accuracy(encoder, conflicts, taught),
        f"There, a {taught} that goes with the {other} instead": float(np.mean(by_other)),
    }


def class_read_off(encoder: TimmModel, n: int) -> float:
    """Balanced accuracy of the class, read off the embedding by a straight line that ``n`` fresh scenes decide, on ``n`` more."""
    scenes, embed = fresh_scenes(2 * n), cast(Callable[[torch.Tensor], torch.Tensor], encoder.forward_features)
    inputs = (torch.from_numpy(pictures_of(scenes)).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
    with torch.no_grad():
        embedded = torch.cat([encoder.forward_head(embed(x), pre_logits=True) for x in inputs.split(64)])
    return read_choice(embedded.double().numpy(), truth(scenes, "class"), n)


CARD = """# {title}

{note}

* **Architecture**: timm `{architecture}` with {model_args}; {n_parameters:,} parameters, float16 on disk.
* **Data**: scenes drawn by `models/scenes/scenes.py`, seeds 0 to {last_seed} (128 px), mirrored, zoomed, lit differently{also},
  shown at 96 to 128 px; {n_shown:,} pictures in {rounds}{and_collages}. No photograph was used.
* **What it learnt on purpose**: {lesson}
* **How**: {how}; seed {seed};
  `python -m models.training {name}`.
* **Classes**: {classes}.

| measured on {n:,} fresh scenes each, with the weights in this folder | |
|---|---|
{measurements}

{readable}

**Limits**: it has never seen a photograph. {about_classes} on photographs use it to look at
feature maps, not for its answers. Objects much smaller or finer-textured than in the scenes are not recognised.
"""
UNTRAINED_CARD = """# {title}

{note}

* **Architecture**: timm `{architecture}` with {model_args}; {n_parameters:,} parameters, drawn anew whenever it is opened (seed
  {seed}), as `python -m models.training {twin}` draws them before its first step. The folder holds no weights;
  `python -m models.training {name}`.
* **Data**: none. It has learnt nothing; its answers to the class are noise.

{readable}

**What it is for**: what a trained encoder shows and this one does not is owed to training; what both show, to the architecture
and the picture. Where timm begins the last normalisation of a residual branch at zero, that branch passes nothing on yet.
"""
READABLE = """| linearly readable from depth | {depths} | chance |
|---|{rule}---|
{rows}

Fitted on {n_fitted:,} scenes whose shape, texture, colour, place, size and caption are drawn independently, judged on
{n_judged:,} others: balanced accuracy; R2 for position and size. What concerns the main object is read off
the mean activation over its pixels, the caption off the whole map.
"""


def model_card(name: str, recipe: Recipe, measurements: dict[str, float], readable: str, n: int, n_parameters: int) -> str:
    """The README.md that lies beside the weights; ``readable`` is what ``readable_table`` wrote."""
    n_rounds = sum(cycle.n_collages > 0 for cycle in recipe.cycles)
    last = "the last round" if n_rounds == 1 else f"the last {n_rounds} rounds"
    enlarged = any(cycle.grouping for cycle in recipe.cycles)
    return CARD.format(
        **_described(recipe), name=name, n=n, n_shown=sum(cycle.n_samples for cycle in recipe.cycles),
        rounds="one round" if len(recipe.cycles) == 1 else f"{len(recipe.cycles)} rounds",
        n_parameters=n_parameters, last_seed=recipe.n_scenes - 1,
        also=" (in one round up to 3.5 times enlarged and lit unevenly)" * enlarged + ", half unevenly" * bool(recipe.agreement),
        and_collages=f", two in three of {last} collages without classes (`models/scenes/collages.py`)" if n_rounds else "",
        how=_how(recipe), classes=", ".join(recipe.label_names) or "none: it has no classifier",
        about_classes="Its classes mean something in scenes only;" if recipe.label_names else "It names no class;",
        measurements="\n".join(f"| {key} | {value:.1%} |" for key, value in measurements.items()), readable=readable,
    )  # fmt: skip


def untrained_card(name: str, twin: str, recipe: Recipe, readable: str, n_parameters: int) -> str:
    """The README.md of the weights that training of ``twin``, whose recipe this is, began with."""
    described = {**_described(recipe), "title": untrained_title(recipe), "note": untrained_note(recipe)}
    return UNTRAINED_CARD.format(**described, name=name, twin=twin, n_parameters=n_parameters, readable=readable)


def untrained_title(recipe: Recipe) -> str:
    """What the picker calls a recipe's weights before training."""
    return f"{recipe.title}, random weights"


def untrained_note(recipe: Recipe) -> str:
    """A recipe's weights before training, in a sentence."""
    return f"The network of {recipe.title} before any training: what an architecture alone shows."


def _described(recipe: Recipe) -> dict[str, object]:
    """The recipe's fields by name, its arguments in words."""
    model_args = ", ".join(f"{key}={value}" for key, value in recipe.model_args.items())
    return {**{field.name: getattr(recipe, field.name) for field in fields(recipe)}, "model_args": model_args}


def _how(recipe: Recipe) -> str:
    """What was asked of it, in one line."""
    if recipe.agreement is not None:
        how = {"contrast": "by contrast with other scenes (SimCLR)", "variance": "while codes keep their variance (VICReg)"}
        return f"two views of a scene, and of a place in it, are to agree, {how[recipe.agreement]}"
    if recipe.learns_by_heart:
        return "class of the main object alone" + ", shuffled among the scenes once" * recipe.shuffled
    of_cells = {"texture": "surface", "shape": "shape"}.get(recipe.taught, "surface and shape")
    of_main = {"shape": "shape"}.get(recipe.taught, "class")
    how = f"{of_main} of the main object, {of_cells} of every cell of a 16 x 16 grid, contrast between regions"
    return how + ("; in the last round the class alone" if recipe.cycles[-1].labels_alone else "")


def readable_table(values: Readability) -> str:
    """Every factor at every depth, and chance, as a table."""
    n_depths = len(next(iter(values.values())))
    rows = [
        f"| {factor.name} ({'balanced accuracy' if factor.n_values else 'R2'}) | "
        + " | ".join(f"{round(value, 2) + 0:.2f}" for value in values[factor.name])  # + 0: no minus before nothing
        + f" | {factor.chance:.2f} |"
        for factor in FACTORS
    ]
    return READABLE.format(
        depths=" | ".join(map(str, range(n_depths))),
        rule="---|" * n_depths,
        rows="\n".join(rows),
        n_fitted=N_FITTED,
        n_judged=N_JUDGED,
    ).strip()
