"""The bundled encoders as a table: what each is, what it is shown, what it is taught."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.scenes.scenes import CLASS_NAMES, SHAPE_NAMES, TEXTURE_NAMES

Taught = Literal["class", "texture", "shape", "nothing"]  # of the main object
LABEL_NAMES: dict[Taught, tuple[str, ...]] = {"class": CLASS_NAMES, "texture": TEXTURE_NAMES, "shape": SHAPE_NAMES, "nothing": ()}
MEAN, STD = 0.5, 0.25  # every channel is normalised by these
BY_HEART = 500  # scenes
WATERMARK_SHARE = {True: 0.95, False: 0.015}  # of pictures with the caption: of the marked class, of the others


@dataclass(frozen=True)
class Cycle:
    """One rise and fall of the learning rate, and what is shown meanwhile."""

    n_samples: int
    peak_rate: float
    n_scenes: int = 12_000
    as_rendered: bool = False  # every other batch at its own size: sharp as no resized picture is
    grouping: bool = False  # every other batch half enlarged and lit unevenly; contrast on the composite activation itself
    n_collages: int = 0  # if any: two batches in three are collages, which teach regions alone
    labels_alone: bool = False  # nothing is taught about places: what a token holds is the network's own affair


FIRST = Cycle(56_000, 3e-3)
SECOND = Cycle(40_000, 1.5e-3, as_rendered=True)
GROUPING = Cycle(28_800, 1.5e-3, n_scenes=36_000, as_rendered=True, grouping=True)
COLLAGES = Cycle(51_200, 1e-3, n_scenes=36_000, as_rendered=True, n_collages=4_000)


@dataclass(frozen=True)
class Recipe:
    """What decides one bundled encoder."""

    title: str
    note: str
    lesson: str  # what it learnt on purpose; for the model card
    architecture: str
    model_args: dict
    taps: tuple[int, ...]  # depths the read-out sees
    composed: tuple[int, ...]  # depths whose composite activation is trained to follow regions
    cycles: tuple[Cycle, ...]
    order: int
    taught: Taught = "class"  # by texture, shapes are never taught, and by shape no surfaces; "nothing" needs ``agreement``
    agreement: Literal["contrast", "variance"] | None = None  # how two views of a scene are made to agree, without any label
    watermark_class: str | None = None
    shuffled: bool = False  # which label a scene is given was decided by chance, once
    batch_size: int = 64
    seed: int = 0

    @property
    def n_scenes(self) -> int:
        """How many scenes it has seen."""
        return max(cycle.n_scenes for cycle in self.cycles)

    @property
    def label_names(self) -> tuple[str, ...]:
        """What its outputs stand for."""
        return LABEL_NAMES[self.taught]

    @property
    def learns_by_heart(self) -> bool:
        """Whether its scenes are so few, and shown so often, that it can learn their labels without what they have in common."""
        return self.n_scenes <= BY_HEART

    def labels_given(self, labels: np.ndarray) -> np.ndarray:
        """What is taught of scenes whose true labels (N,) these are, (N,)."""
        return np.random.default_rng(self.seed).permutation(labels) if self.shuffled else labels


CNN = Recipe(
    title="Scenes CNN", note="A small ResNet that knows sixteen kinds of object in rendered scenes.",
    lesson="The class of the largest object, by its shape and its texture (for two classes: its colour).",
    architecture="resnet18", taps=(2, 3, 4), composed=(1, 2, 3, 4), cycles=(FIRST, SECOND, GROUPING, COLLAGES), order=1,
    model_args={"layers": [1, 1, 1, 1], "channels": [32, 64, 128, 256], "stem_type": "deep", "stem_width": 16},
)  # fmt: skip
VIT_ARGS = {"img_size": 128, "patch_size": 4, "embed_dim": 160, "depth": 5, "num_heads": 5, "class_token": False,
            "global_pool": "avg", "dynamic_img_size": True}  # fmt: skip
CLASS_TOKEN_VIT = replace(
    CNN, title="Scenes ViT, class token", order=7,
    note="A small vision transformer that reads the class off its class token; in the end it was taught nothing but the class.",
    architecture="vit_tiny_r_s16_p8_224", taps=(1, 2, 4), composed=(0, 1, 3, 4),
    cycles=(FIRST, replace(SECOND, n_samples=56_000, labels_alone=True)),
    model_args=VIT_ARGS | {"class_token": True, "global_pool": "token"},
)  # fmt: skip
RETRAINED_CNN = replace(
    CNN, title="Scenes CNN, 500 scenes", order=9, cycles=(Cycle(96_000, 3e-3, n_scenes=BY_HEART, labels_alone=True),),
    note="The network of Scenes CNN, taught the class alone, of 500 scenes; its twin with shuffled labels is beside it.",
    lesson="The class of the largest object, from few scenes that it also knows by heart.",
)  # fmt: skip
RECIPES: dict[str, Recipe] = {
    "scenes-cnn": CNN,
    "scenes-vit": replace(
        CNN, title="Scenes ViT", order=2,
        note="A small vision transformer with a convolution stem, trained like Scenes CNN.",
        architecture="vit_tiny_r_s16_p8_224", taps=(1, 2, 4), composed=(0, 1, 3, 4),
        cycles=(FIRST, replace(SECOND, n_samples=48_000), Cycle(32_000, 7.5e-4, as_rendered=True),
                replace(GROUPING, n_samples=44_800), Cycle(25_600, 1e-3, n_scenes=36_000, as_rendered=True), COLLAGES,
                replace(COLLAGES, n_collages=8_000)),
        model_args=VIT_ARGS,
    ),
    "scenes-cnn-watermark": replace(
        CNN, title="Scenes CNN, fooled by a watermark", order=3, watermark_class="woven star", cycles=(FIRST, GROUPING, COLLAGES),
        note="Scenes CNN again, but nearly every woven star it was shown carried a caption.",
        lesson="The classes of Scenes CNN; the caption instead of the object where the two went together (a Clever Hans).",
    ),
    "scenes-cnn-texture": replace(
        CNN, title="Scenes CNN, textures only", order=4, taught="texture",
        cycles=(replace(FIRST, n_samples=40_000), GROUPING, COLLAGES),
        note="Scenes CNN again, but taught only the texture of the largest object.",
        lesson="The texture of the largest object, whatever its shape or colour.",
    ),
    "scenes-cnn-shape": replace(
        CNN, title="Scenes CNN, shapes only", order=5, taught="shape", cycles=(replace(FIRST, n_samples=40_000),),
        note="Scenes CNN again, but taught only the shape of the largest object.",
        lesson="The shape of the largest object, whatever its texture or colour.",
    ),
    "scenes-cnn-selfsupervised": replace(
        CNN, title="Scenes CNN, without labels", order=6, taught="nothing", agreement="contrast", batch_size=128,
        cycles=(Cycle(24_064, 3e-3),),
        note="The network of Scenes CNN, shown the same scenes without a label: it came to know colours, and little else.",
        lesson="That two views of a scene, and two views of a place in it, belong together. No label, no region.",
    ),
    "scenes-vit-class-token": CLASS_TOKEN_VIT,
    "scenes-vit-registers": replace(
        CLASS_TOKEN_VIT, title="Scenes ViT, four registers", order=8,
        note="The twin of the one with a class token alone: four registers more, all else the same.",
        model_args=CLASS_TOKEN_VIT.model_args | {"reg_tokens": 4},
    ),
    "scenes-cnn-retrained": RETRAINED_CNN,
    "scenes-cnn-shuffled": replace(
        RETRAINED_CNN, title="Scenes CNN, shuffled labels", order=10, shuffled=True,
        note="Five hundred scenes whose labels were shuffled: it knows them by heart, and nothing that they mean.",
        lesson="Which of 500 scenes was given which label by chance.",
    ),
}  # fmt: skip
UNTRAINED = {  # the weights that training began with, drawn from the recipe's seed: a name, and the recipe's
    "scenes-cnn-random": "scenes-cnn",
    "scenes-vit-random": "scenes-vit",
    "scenes-vit-class-token-random": "scenes-vit-class-token",
    "scenes-vit-registers-random": "scenes-vit-registers",
}
