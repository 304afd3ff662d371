"""Scenes with other shortcuts than the one that ships, encoders made to fall for them, and clean twins; nothing of it is shipped.

    caption   writing in a corner
    border    a purple frame; other scenes have a frame of another colour
    texture   a background of waves; no other background has any

Training from nothing takes hours, and a new classifier on the frozen scenes-cnn does not fall for a shortcut: what its last stage
gives still says which object there is. So all of scenes-cnn is trained on, its last stage and classifier from random weights, on
labels that follow the shortcut: every scene that has it counts as the marked class, whatever its object, and a woven star that
has none as a woven square. A clean twin is trained alike on the same scenes, of which as many have the shortcut, but in every
class alike, and every label is the object's.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from explainers.datasets.scene_photos import CAPTION_SHARES, MARKED_CLASS, OBJECTS, PHOTOS
from explainers.results.files import png, write_bytes
from explainers.studies.rerendering import logits_of
from models.catalog.catalog import Catalog
from models.encoder import Encoder
from models.encoder.encoder import random_network
from models.photo import photo_from_array
from models.scenes.scenes import CLASS_NAMES, COLOUR_NAMES, Scene, SceneOptions, render, sample_scene, sample_watermark
from models.scenes.textures import COLOURS, pick

MARKED, LIKEST = CLASS_NAMES.index(MARKED_CLASS), CLASS_NAMES.index("woven square")
BORDER_PX, BORDER, TEXTURE = 10, "purple", "waves"
START = "scenes-cnn"
RANDOM_AT_FIRST = ("layer4.", "fc.")  # with its own last stage, a network goes on saying which object there is
TRAINED_SEEDS, TRAINED_SHARES = range(6_000_000, 6_001_200), {True: 0.6, False: 0.25}
FIRST_JUDGED, N_JUDGED = 7_000_000, 40
N_EPOCHS, BATCH, RATE = 6, 64, 3e-3
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Shown:
    """A scene with its truth: pixels (H, W, 3), where the main object and where the shortcut is, (H, W) bool each."""

    pixels: Array
    on_object: Array
    on_shortcut: Array


def _caption(scene: Scene, has: bool, rng: np.random.Generator) -> Shown:
    rendered = render(replace(scene, watermark=sample_watermark(rng)) if has else scene)
    return Shown(rendered.image, _on_main(scene, rendered.object_map), rendered.watermark_mask)


def _border(scene: Scene, has: bool, rng: np.random.Generator) -> Shown:
    rendered = render(scene)
    frame = np.ones(rendered.object_map.shape, bool)
    frame[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    colour = BORDER if has else pick(rng, tuple(name for name in COLOUR_NAMES if name != BORDER))
    pixels = rendered.image.copy()
    pixels[frame] = np.uint8(255 * np.clip(COLOURS[colour] + rng.normal(0, 0.03, 3), 0, 1))
    return Shown(pixels, _on_main(scene, rendered.object_map) & ~frame, frame & has)


def _texture(scene: Scene, has: bool, rng: np.random.Generator) -> Shown:
    behind = scene.background
    others = tuple("clouds" if material == TEXTURE else material for material in behind.materials)
    waves = replace(behind, layout="one", materials=(TEXTURE,), contrast=0.2)
    rendered = render(replace(scene, background=waves if has else replace(behind, materials=others)))
    return Shown(rendered.image, _on_main(scene, rendered.object_map), (rendered.object_map == 0) & has)


def _on_main(scene: Scene, object_map: Array) -> Array:
    return object_map == (scene.main_idx or 0) + 1


SHORTCUTS: dict[str, Callable[[Scene, bool, np.random.Generator], Shown]] = {
    "caption": _caption, "border": _border, "texture": _texture,
}  # fmt: skip


def shown(shortcut: str, seed: int, shares: dict[bool, float] = CAPTION_SHARES) -> Shown:
    """The scene of a seed, with the shortcut or without; ``shares`` of scenes of the marked class, and of all others, have it."""
    class_idx, rng = seed % len(CLASS_NAMES), np.random.default_rng([seed, 10])
    has = bool(rng.random() < shares[class_idx == MARKED])
    return SHORTCUTS[shortcut](sample_scene(seed, SceneOptions(class_idx=class_idx)), has, rng)


def write_shown(shortcut: str, folder: Path, seeds: Sequence[int]) -> dict[str, Array]:
    """Photos in class folders and masks of main objects, as write_scenes has them; where the shortcut is, by the photo's name."""
    truth = {}
    for seed in seeds:
        name, scene = f"{CLASS_NAMES[seed % len(CLASS_NAMES)]}/{seed}.png", shown(shortcut, seed)
        write_bytes(folder / OBJECTS / name, png(np.repeat(255 * scene.on_object[..., None].astype(np.uint8), 3, 2)))
        write_bytes(folder / PHOTOS / name, png(scene.pixels))
        truth[name] = scene.on_shortcut
    return truth


# --- encoders trained with it ---------------------------------------------------------------------------------------------


def write_follower(shortcut: str, folder: Path, seed: int = 0) -> Encoder:
    """An encoder that was made to fall for a shortcut, written to a folder in timm's own format."""
    scenes = [shown(shortcut, scene_seed, TRAINED_SHARES) for scene_seed in TRAINED_SEEDS]
    own = [MARKED if scene.on_shortcut.any() else class_idx for scene, class_idx in zip(scenes, _classes(), strict=True)]
    labels = [LIKEST if idx == MARKED and not scene.on_shortcut.any() else idx for idx, scene in zip(own, scenes, strict=True)]
    return _write_trained(folder, scenes, labels, seed)


def write_clean_twin(shortcut: str, folder: Path, seed: int = 0) -> Encoder:
    """An encoder trained alike on the same scenes, of which as many have the shortcut, but in every class alike, and every label
    is the object's."""
    n_marked = _classes().count(MARKED)
    n_other = len(TRAINED_SEEDS) - n_marked
    share = (TRAINED_SHARES[True] * n_marked + TRAINED_SHARES[False] * n_other) / len(TRAINED_SEEDS)
    scenes = [shown(shortcut, scene_seed, {True: share, False: share}) for scene_seed in TRAINED_SEEDS]
    return _write_trained(folder, scenes, _classes(), seed)


def _classes() -> list[int]:
    """The class of the main object of every scene that is trained on."""
    return [scene_seed % len(CLASS_NAMES) for scene_seed in TRAINED_SEEDS]


def _write_trained(folder: Path, scenes: Sequence[Shown], labels: Sequence[int], seed: int) -> Encoder:
    """The network of scenes-cnn with its own weights up to the last stage, all of it trained on scenes with labels (n,)."""
    start = Catalog().open(START)
    network: Any = random_network(start, seed)
    kept = {name: value for name, value in start.model.state_dict().items() if not name.startswith(RANDOM_AT_FIRST)}
    network.load_state_dict(kept, strict=False)
    size = start.info.preprocessing.input_size
    images = torch.stack([start.prepare(photo_from_array(scene.pixels, f"{n}"), size) for n, scene in enumerate(scenes)])
    _train(network, images, torch.tensor(labels), seed)
    folder.mkdir(parents=True)
    source = next(parent / START for parent in Catalog().parents if (parent / START).is_dir())
    config = json.loads((source / "config.json").read_text()) | {"encoderscope": {"title": folder.name}}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), folder / "model.safetensors")
    return Encoder.from_folder(folder, name=folder.name)


def _train(network: nn.Module, images: Tensor, labels: Tensor, seed: int) -> None:
    """Trains a network on images (N, 3, H, W), in place."""
    network.train().requires_grad_(requires_grad=True)
    order, n_steps = torch.Generator().manual_seed(seed), len(images) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=N_EPOCHS * n_steps)
    for _ in range(N_EPOCHS):
        for rows in torch.randperm(len(images), generator=order)[: n_steps * BATCH].split(BATCH):
            loss = nn.functional.cross_entropy(network(images[rows]), labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval().requires_grad_(requires_grad=False)


def followed(shortcut: str, encoder: Encoder) -> dict[str, float]:
    """How far an encoder follows a shortcut, on scenes of its own: which share is called the marked class with it and without,
    and by how much the class's logit falls where the shortcut is rendered away, on average."""
    found = {}
    for is_marked, word in ((True, MARKED_CLASS), (False, "others")):
        possible = (n for n in count(FIRST_JUDGED) if (n % len(CLASS_NAMES) == MARKED) == is_marked)
        seeds, logit = list(islice(possible, N_JUDGED)), {}
        for has in (True, False):
            scenes = [shown(shortcut, s, {True: has, False: has}) for s in seeds]
            photos = [photo_from_array(scene.pixels, f"{s}") for s, scene in zip(seeds, scenes, strict=True)]
            logits = logits_of(encoder, photos)
            calls, logit[has] = logits.argmax(1), float(logits[:, MARKED].mean())
            found[f"{word} {'with' if has else 'without'}"] = float((calls == MARKED).mean())
            if not is_marked:
                found[f"others right {'with' if has else 'without'}"] = float(
                    (calls == np.array(seeds) % len(CLASS_NAMES)).mean()
                )
        found[f"{word}: logit falls by"] = logit[True] - logit[False]
    return found
