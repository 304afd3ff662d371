"""Integrated gradients of one image and class, ours beside Captum's LayerIntegratedGradients: one run, one thread.

And what a further concept with its 100 pseudo-concepts costs, as a share of ours. Needs captum, which nothing else does:
`pip install captum` into the virtual environment first.
"""

import time
from collections.abc import Callable

import torch

from explainers.integrated_gradients import path_gradients
from explainers.service.concepts import evidence_at
from explainers.visual_tcav.attribution import contributions, evidence_of
from explainers.visual_tcav.cav import Cavs
from models.encoder.encoder import Encoder

N_STEPS = 50
CASES = {  # architecture: (what the depth is called, its idx, the ratio that is wanted)
    "resnet50": (("last stage", 4, 15.0), ("third stage", 3, 3.5)),
    "vit_small_patch16_224": (("block 9 of 12", 8, 2.5),),
}


def seconds(work: Callable[[], object], n: int) -> float:
    """The fastest of n runs."""
    taken = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def speed_table() -> list[dict]:
    """Seconds of both, their ratio, what is wanted, and what a concept costs beside."""
    from captum.attr import LayerIntegratedGradients

    torch.set_num_threads(1)
    rows = []
    for architecture, cases in CASES.items():
        encoder = Encoder.from_timm(architecture)
        image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0))
        for depth_name, depth, wanted in cases:
            head = encoder.head_from(depth)(image)
            activation = head.activation[0]
            module = encoder.model.get_submodule(encoder.info.depths[depth].module_name)
            captum = LayerIntegratedGradients(encoder.model, module)
            theirs = seconds(lambda: _captum(captum, image), 1)  # noqa: B023
            ours = seconds(lambda: _ours(encoder, image, depth), 2)  # noqa: B023
            path = path_gradients(head.logits_of, activation, [0], n_steps=1)
            evidence = evidence_of(path, activation, [0], head.map_of)
            stack = _pseudo_concepts(encoder.info.depths[depth].n_channels)
            concept = seconds(lambda: contributions(evidence, stack), 3)  # noqa: B023
            rows.append({"encoder": architecture, "depth": depth_name, "ours, s": ours, "Captum, s": theirs,
                         "ratio": theirs / ours, "wanted": wanted, "concept / gradients": concept / ours})  # fmt: skip
    return rows


def _captum(captum, image: torch.Tensor) -> None:
    captum.attribute(image[None], target=0, n_steps=N_STEPS + 1, internal_batch_size=17, method="riemann_trapezoid")


def _ours(encoder: Encoder, image: torch.Tensor, depth: int) -> None:
    evidence_at(encoder, image, depth, [0], N_STEPS)


def _pseudo_concepts(n_channels: int) -> Cavs:
    generator = torch.Generator().manual_seed(1)
    return Cavs(torch.randn(101, n_channels, generator=generator), torch.full((101,), 2.0), torch.ones(101))
