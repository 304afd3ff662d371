"""Integrated gradients of one image and class, ours beside Captum's: one run, one thread.

speed    at equal points, beside LayerIntegratedGradients; and what a further concept with its 100 pseudo-concepts costs, as a
         share of ours
to_gap   until the completeness gap is at most 1 %, both sides free to choose their points: Captum's take Gauss-Legendre points,
         as few of a doubling series as reach it (only that last try is timed), from its own baseline (the activation of a black
         image) through the whole network, and from ours (no activation at all) through the head that we made; random weights
         get random biases as well, for without any a transformer's gradients at zero overflow
path     how far the attributions of every activation are from those on many points (relative L1 distance): ours, and those of
         Gauss-Legendre points of the same path, as few as reach a gap of 1 %

"""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from explainers.integrated_gradients import path_gradients
from explainers.integrated_gradients.path import CHUNK_SIZE, WANTED_GAP
from explainers.integrated_gradients.quadrature import evenly_between
from explainers.service.concepts import evidence_at
from explainers.visual_tcav.attribution import contributions, evidence_of
from explainers.visual_tcav.cav import Cavs
from models.catalog import Catalog
from models.encoder.encoder import Encoder
from models.encoder.heads import Head
from models.photo import Photo
from models.photo.samples import read_sample

N_STEPS = 50
CASES = {  # architecture: (what the depth is called, its idx, the ratio that is wanted)
    "resnet50": (("last stage", 4, 15.0), ("third stage", 3, 3.5)),
    "vit_small_patch16_224": (("block 9 of 12", 8, 2.5),),
}


TO_GAP = {  # architecture: depths
    "deit_tiny_patch16_224": (2, 5, 8, 10),
    "vit_small_patch16_224": (2, 5, 8, 10),
}
SERIES = (10, 20, 40, 80, 160, 320, 640)  # points that Captum may take


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


def to_gap_table(weights: Path) -> list[dict]:
    """Seconds and points to a gap of at most 1 %, of ours and of Captum's from both baselines; with the encoder's own weights
    where they are at hand, on a photograph and its most probable class."""
    from captum.attr import IntegratedGradients, LayerIntegratedGradients

    torch.set_num_threads(1)
    rows = []
    for architecture, depths in TO_GAP.items():
        folder = weights / architecture
        encoder = Encoder.from_folder(folder, name=architecture) if folder.is_dir() else _with_biases(architecture)
        image = encoder.prepare(read_sample("chelsea"), encoder.info.preprocessing.input_size)
        class_idx = int(encoder.logits(image[None])[0].argmax())
        for depth in depths:
            head = encoder.head_from(depth)(image)
            activation = head.activation.detach()
            layer = LayerIntegratedGradients(encoder.model, encoder.model.get_submodule(encoder.info.depths[depth].module_name))
            path = path_gradients(head.logits_of, activation[0], [class_idx], N_STEPS, refined=True)
            ours = seconds(lambda: evidence_at(encoder, image, depth, [class_idx], N_STEPS), 2)  # noqa: B023
            row = {"encoder": architecture, "depth": depth, "ours, s": ours, "points": path.n_points,
                   "gap": path.completeness_gaps[0] / abs(path.logit_changes[0])}  # fmt: skip
            whole = _black_to_image(encoder, image, class_idx)
            for name, method, inputs, change in (
                ("own baseline", layer, image[None], whole),
                ("our baseline", IntegratedGradients(head.logits_of), activation, path.logit_changes[0]),
            ):
                taken, n, gap = _captum_to_gap(method, inputs, class_idx, change)
                row |= {f"Captum, {name}, s": taken, f"points ({name})": n, f"gap ({name})": gap, f"ratio ({name})": taken / ours}
            rows.append(row)
            print(row, flush=True)
    return rows


def _with_biases(architecture: str) -> Encoder:
    """An encoder with random weights and biases, the latter as large as those of a trained network."""
    encoder, generator = Encoder.from_timm(architecture), torch.Generator().manual_seed(0)
    for name, parameter in encoder.model.named_parameters():
        if name.endswith("bias"):
            parameter.data.normal_(0, 0.1, generator=generator)
    return encoder


PATHS = {"deit_tiny_patch16_224": (2, 5, 8, 10)}  # of which the path is measured: encoder, depths
FEW = (10, 20, 40, 80)  # Gauss-Legendre points
PANELS, NODES = 20, 8  # of the many points: Gauss-Legendre, panel by panel, even over the logarithm of the share


def path_table(weights: Path, photos: dict[str, Photo]) -> list[dict]:
    """Per encoder, photograph and depth: points, gap and distance of our path, and of Gauss-Legendre points, in per cent."""
    rows = []
    for name, depths in PATHS.items():
        encoder = Catalog().open(str(weights / name))
        for photo_name, photo in photos.items():
            image = encoder.prepare(photo, encoder.info.preprocessing.input_size)
            class_idx = int(encoder.logits(image[None])[0].argmax())
            for depth in depths:
                head = encoder.head_from(depth)(image)
                rows.append({"encoder": name, "photo": photo_name, "depth": depth, **_path_row(head, class_idx)})
                print(rows[-1], flush=True)
    return rows


def _path_row(head: Head, class_idx: int) -> dict:
    activation = head.activation[0].float()
    path = path_gradients(head.logits_of, activation, [class_idx], N_STEPS, refined=True)
    edges = [0.0, *evenly_between(0, 1, PANELS - 1), 1.0]
    panels = [_legendre(head, activation, class_idx, NODES, ends) * (ends[1] - ends[0]) for ends in pairwise(edges)]
    many, change = torch.stack(panels).sum(0), path.logit_changes[0]
    n, theirs, gap = 0, many, float("inf")
    for n in FEW:
        theirs = _legendre(head, activation, class_idx, n, (0.0, 1.0))
        gap = abs(float((theirs * activation).sum()) - change) / abs(change)
        if gap <= WANTED_GAP:
            break
    distance = [
        float(((mean - many) * activation).abs().sum() / (many * activation).abs().sum()) for mean in (path.mean[0], theirs)
    ]
    return {"points": path.n_points, "gap, %": 100 * path.completeness_gaps[0] / abs(change), "distance, %": 100 * distance[0],
            "Gauss-Legendre points": n, "their gap, %": 100 * gap, "their distance, %": 100 * distance[1]}  # fmt: skip


def _legendre(head: Head, activation: torch.Tensor, class_idx: int, n: int, ends: tuple[float, float]) -> torch.Tensor:
    """The mean gradient between two shares of the path, on n Gauss-Legendre points, of the activation's shape."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    shares = (ends[0] + (nodes + 1) / 2 * (ends[1] - ends[0])).tolist()
    mean = torch.zeros_like(activation)
    for share, weight in zip(shares, weights / 2, strict=True):
        point = (share * activation)[None].requires_grad_()
        mean += weight * torch.autograd.grad(head.logits_of(point.clone())[0, class_idx], point)[0][0]
    return mean


def _black_to_image(encoder: Encoder, image: torch.Tensor, class_idx: int) -> float:
    """How much the logit rises from an image of zeros, as the network gets it, to the image (3, H, W)."""
    with torch.no_grad():
        logits = encoder.model(torch.stack([image, torch.zeros_like(image)]))[:, class_idx]
    return float(logits[0] - logits[1])


def _captum_to_gap(method, inputs: torch.Tensor, class_idx: int, change: float) -> tuple[float, int, float]:
    """Seconds of the first try of the series whose gap is at most 1 % of the change of the logit, its points, its gap; of the
    last try if none reaches it."""
    taken, n, gap = 0.0, 0, float("inf")
    for n in SERIES:
        started = time.perf_counter()
        parts = method.attribute(inputs, target=class_idx, n_steps=n, internal_batch_size=CHUNK_SIZE)
        taken = time.perf_counter() - started
        gap = abs(float(parts.sum()) - change) / abs(change)
        if gap <= WANTED_GAP:
            break
    return taken, n, gap
