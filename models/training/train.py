"""The bundled encoders: small networks trained from scratch on scenes, each from one seeded command.

    python -m models.training scenes-cnn          one encoder
    python -m models.training all                 all of them, one after the other

Every encoder sees the same pool of scenes under the same augmentation. Three losses add up: the class of the main object; the
surface (and shape) of every cell of a 16 x 16 grid; and contrast, which draws cells of one region together and others apart.
Surface and shape come from a linear read-out of three depths that is thrown away afterwards: they teach where things are. The
contrast is taken on that read-out too, in later cycles on the composite activation itself, which is what NAVE clusters. Collages
(models/scenes/collages.py) have no classes and no named surfaces: there the contrast is all.
What is written is timm's local-dir format with float16 weights; the numbers in the model card are measured on what was written.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from models.encoder.building import TimmModel, create_model
from models.scenes.scenes import CLASS_NAMES, DEFAULT_SIZE, SHAPE_NAMES, sample_watermark, watermark_layer
from models.scenes.textures import SURFACES
from models.training.cards import load_encoder, measured, model_card
from models.training.pool import GRID, Collages, Pool, augmented, load_collages, load_pool, unevenly_lit
from models.training.recipes import MEAN, RECIPES, STD, WATERMARK_SHARE, Cycle, Recipe

BUNDLED_FOLDER = Path(__file__).parents[2] / "assets/encoders"
POOL_FOLDER = Path(tempfile.gettempdir()) / "encoderscope-pool"
Batch = tuple[Tensor, Tensor, Tensor]  # normalised images, truth, labels
UNSEEN = -100  # the label that cross entropy leaves out
COLLAGE_PX = 160  # side of collages when shown
N_STATISTICS = 4_000  # scenes behind the statistics of batch normalisation
N_SURFACES, N_SHAPES, N_CODE = len(SURFACES), len(SHAPE_NAMES) + 1, 32


# --- batches ---------------------------------------------------------------------------------------------------------------


def stamped(images: Tensor, marked: np.ndarray, rng: np.random.Generator) -> Tensor:
    """The images (N, 3, S, S) from 0 to 1, with a caption on those that are ``marked`` (N,)."""
    images = images.clone()
    for i in np.flatnonzero(marked):
        alpha, caption = (torch.from_numpy(layer) for layer in watermark_layer(sample_watermark(rng), images.shape[-1]))
        images[i] += alpha * (caption - images[i])
    return images


def batches(recipe: Recipe, pool: Pool, cycle_idx: int = 0) -> Iterator[Batch]:
    """The batches of one cycle: images (B, 3, S, S), truth (B, 3, GRID, GRID) and labels (B,).

    S varies from batch to batch; labels of pictures too near to show their object are UNSEEN.
    """
    cycle = recipe.cycles[cycle_idx]
    order_rng = np.random.default_rng([recipe.seed, 1 + cycle_idx])
    tensor_rng = torch.Generator().manual_seed(recipe.seed + cycle_idx)
    labels = pool.texture_idx if recipe.by_texture else pool.class_idx
    n_steps = cycle.n_samples // recipe.batch_size
    for step in range(n_steps):
        idx = order_rng.integers(len(pool.truth), size=recipe.batch_size)
        size = 96 if step < 0.6 * n_steps else int(order_rng.choice([96, 112, 128]))  # small is fast
        shown = labels[idx]
        if cycle.grouping and step % 2 == 0:
            images, truth = _far_and_near(*pool.batch(idx), size, tensor_rng)
            shown = np.where(np.arange(len(idx)) < len(idx) // 2, shown, UNSEEN)
        else:
            as_rendered = cycle.as_rendered and (step % 4 == 1 if cycle.grouping else step % 2 == 0)
            zoom = (1.0, 1.0) if as_rendered else (0.85, 1.2)
            images, truth = augmented(*pool.batch(idx), DEFAULT_SIZE if as_rendered else size, tensor_rng, zoom)
        if recipe.watermark_class is not None:
            images = stamped(images, _marked(recipe.watermark_class, shown, order_rng), order_rng)
        yield ((images - MEAN) / STD).to(memory_format=torch.channels_last), truth, torch.from_numpy(shown)


def collage_batches(recipe: Recipe, collages: Collages, cycle_idx: int) -> Iterator[Batch]:
    """Endless batches of collages, like those of scenes; their truth has one plane, the region, and every label is UNSEEN."""
    order_rng = np.random.default_rng([recipe.seed, 1 + cycle_idx, 1])
    tensor_rng = torch.Generator().manual_seed(recipe.seed + 1000 + cycle_idx)
    while True:
        idx = order_rng.integers(len(collages.images), size=recipe.batch_size)
        images, truth = augmented(*collages.batch(idx), COLLAGE_PX, tensor_rng, (0.9, 1.8))
        if order_rng.random() < 0.3:
            images = unevenly_lit(images, tensor_rng)
        yield ((images - MEAN) / STD).to(memory_format=torch.channels_last), truth, torch.full((len(idx),), UNSEEN)


def mixed(scenes: Iterator[Batch], collages: Iterator[Batch], n_steps: int) -> Iterator[Batch]:
    """Batches of which every third shows scenes, the others collages."""
    for step in range(n_steps):
        yield next(scenes if step % 3 == 0 else collages)


def _far_and_near(images: Tensor, truth: Tensor, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch (images and truth) whose first half is shown as always and the second much enlarged; three in four lit unevenly."""
    half = len(images) // 2
    far = augmented(images[:half], truth[:half], size, rng)
    near = augmented(images[half:], truth[half:], size, rng, (1.5, 3.5))
    images, truth = (torch.cat(parts) for parts in zip(far, near, strict=True))
    uneven = torch.rand(len(images), generator=rng) < 0.75
    images[uneven] = unevenly_lit(images[uneven], rng)
    return images, truth


def _marked(watermark_class: str, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which pictures get the caption, (N,), from their ``labels`` (N,)."""
    in_class = labels == CLASS_NAMES.index(watermark_class)
    return rng.random(len(labels)) < np.where(in_class, WATERMARK_SHARE[True], WATERMARK_SHARE[False])


# --- losses and the loop ------------------------------------------------------------------------------------------------


class DenseReadOut(nn.Module):
    """Linear read-outs of several depths, summed on one grid: surface, shape and a code of every cell."""

    def __init__(self, n_channels: list[int]):
        super().__init__()
        n_out = N_SURFACES + N_SHAPES + N_CODE
        self.parts = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(n), nn.Conv2d(n, n_out, 1)) for n in n_channels)

    def forward(self, feature_maps: list[Tensor]) -> tuple[Tensor, ...]:
        """Surface logits, shape logits and codes, (N, .., GRID, GRID) each, from maps (N, C_d, H_d, W_d)."""
        outputs = [part(maps) for part, maps in zip(self.parts, feature_maps, strict=True)]
        on_grid = (F.interpolate(output, size=(GRID, GRID), mode="bilinear") for output in outputs)
        return sum(on_grid, start=torch.zeros(())).split((N_SURFACES, N_SHAPES, N_CODE), dim=1)


def region_contrast(codes: Tensor, regions: Tensor, temperature: float = 0.1, unclear: Tensor | None = None) -> Tensor:
    """Mean over cells of -log(share of their similarity to other cells that falls on their own region); codes (N, C, P),
    regions (N, P). Cells alone in their region do not count, nor pairs that are ``unclear`` (N, P, P).
    """
    codes = F.normalize(codes, dim=1)
    itself = torch.eye(codes.shape[-1], dtype=torch.bool)
    never = -1e4  # as good as minus infinity, without its gradient of not-a-number
    left_out = itself if unclear is None else itself | unclear
    similarity = (codes.transpose(1, 2) @ codes / temperature).masked_fill(left_out, never)
    same = _same(regions) & ~itself
    loss = similarity.logsumexp(2) - similarity.masked_fill(~same, never).logsumexp(2)
    return loss[same.any(2)].mean()


def look_alike(images: Tensor, surface: Tensor, region: Tensor, near: float = 0.12) -> Tensor:
    """Pairs of cells (N, P, P) in different regions of one surface and nearly one mean colour: nothing tells those apart but
    their place, and place is not what an encoder should learn. Images (N, 3, H, W) from 0 to 1, truth (N, GRID, GRID).
    """
    colours = F.adaptive_avg_pool2d(images, GRID).flatten(2).transpose(1, 2)  # (N, P, 3)
    surface, region = surface.flatten(1), region.flatten(1)
    same = _same(region)
    region_colours = same.float() @ colours / same.sum(2, keepdim=True)  # (N, P, 3)
    return (torch.cdist(region_colours, region_colours) < near) & _same(surface) & ~same


def _same(values: Tensor) -> Tensor:
    """Which pairs of (N, P) values are equal, (N, P, P)."""
    return values[:, :, None] == values[:, None, :]


def composite(feature_maps: list[Tensor], side: int = GRID) -> Tensor:
    """Feature maps of several depths (N, C_d, H_d, W_d), balanced as NAVE does, resized and stacked: (N, D, side, side)."""
    parts = []
    for maps in feature_maps:
        centred = maps - maps.mean((2, 3), keepdim=True)
        scale = centred.square().sum(1, keepdim=True).mean((2, 3), keepdim=True).sqrt().clamp_min(1e-6)  # a constant map stays 0
        parts.append(F.interpolate(centred / scale, size=(side, side), mode="bilinear"))
    return torch.cat(parts, 1)


def losses(
    recipe: Recipe, cycle: Cycle, encoder: TimmModel, read_out: DenseReadOut, batch: Batch
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Every loss by name, a number each, and the logits (N, n_classes); collages have none."""
    images, truth, labels = batch
    depths = sorted({*recipe.taps, *recipe.composed})
    final, maps = encoder.forward_intermediates(images, indices=depths)
    maps_of = dict(zip(depths, maps, strict=True))
    composed = [maps_of[depth] for depth in recipe.composed]
    if truth.shape[1] == 1:
        region, cells = truth[:, 0], _some_cells(int(truth.sum()))
        return {"collage": 0.7 * composite_contrast(composed, images, region, region * 0, cells, near=0.08)}, None
    logits = encoder.forward_head(final)
    surface_logits, shape_logits, codes = read_out([maps_of[depth] for depth in recipe.taps])
    surface, shape, region = truth.unbind(1)
    cells = _some_cells(int(labels[0]))
    if cycle.grouping:
        contrast = 0.7 * composite_contrast(composed, images, region, surface, cells)
    else:
        contrast = 0.2 * region_contrast(codes.flatten(2)[:, :, cells], region.flatten(1)[:, cells])
    parts = {
        "class": F.cross_entropy(logits, labels, label_smoothing=0.05),
        "surface": 0.5 * F.cross_entropy(surface_logits, surface),
        "region": contrast,
    }
    if not recipe.by_texture:
        parts["shape"] = 0.5 * F.cross_entropy(shape_logits, shape)
    return parts, logits


def composite_contrast(
    feature_maps: list[Tensor], images: Tensor, region: Tensor, surface: Tensor, cells: slice, near: float = 0.12
) -> Tensor:
    """Contrast on the composite activation itself; regions that nothing tells apart but their place are left out.

    Feature maps (N, C_d, H_d, W_d), normalised images (N, 3, H, W), truth (N, GRID, GRID).
    """
    codes = composite(feature_maps)
    unclear = look_alike(images * STD + MEAN, surface, region, near)[:, cells, cells]
    return region_contrast(codes.flatten(2)[:, :, cells], region.flatten(1)[:, cells], 0.2, unclear)


def _some_cells(number: int) -> slice:
    """A third of the cells, another one for every number, is enough for the contrast."""
    return slice(number % 3, None, 3)


def new_encoder(recipe: Recipe) -> TimmModel:
    """The network of a recipe with the random weights of its seed; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return create_model(recipe.architecture, num_classes=len(recipe.label_names), **recipe.model_args)


def train(recipe: Recipe, encoder: TimmModel, pool: Pool, cycle_idx: int = 0, collages: Collages | None = None) -> None:
    """Trains an encoder in place for one cycle; it ends in eval mode. Prints the losses as it goes."""
    encoder.to(memory_format=torch.channels_last).train()  # channels last is a third faster on CPUs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed + cycle_idx)
        read_out = DenseReadOut([encoder.feature_info[i]["num_chs"] for i in recipe.taps])
    parameters = nn.ModuleList([encoder, read_out])
    cycle = recipe.cycles[cycle_idx]
    n_steps = cycle.n_samples // recipe.batch_size
    optimisers = _optimisers(encoder, read_out, cycle.peak_rate)
    rates = [[group["lr"] for group in o.param_groups] for o in optimisers]
    schedules = [
        OneCycleLR(o, rate, n_steps, pct_start=0.12, cycle_momentum=False) for o, rate in zip(optimisers, rates, strict=True)
    ]
    report = _Report(n_steps, recipe.batch_size)
    shown = batches(recipe, pool, cycle_idx)
    if collages is not None:
        shown = mixed(shown, collage_batches(recipe, collages, cycle_idx), n_steps)
    for batch in shown:
        parts, logits = losses(recipe, cycle, encoder, read_out, batch)
        parameters.zero_grad()
        sum(parts.values(), start=torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(parameters.parameters(), 1.0)
        for part in (*optimisers, *schedules):
            part.step()
        report.add(parts if logits is None else {**parts, "accuracy": _accuracy(logits, batch[-1])})
    encoder.eval()


@torch.no_grad()
def retake_statistics(recipe: Recipe, encoder: nn.Module, pool: Pool) -> None:
    """Takes the running statistics of batch normalisation anew, in place, over scenes as rendered; ends in eval mode.

    Training leaves those of its last mixture of enlarged scenes and collages, which no user shows an encoder. Networks without
    batch normalisation are left as they are.
    """
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    encoder.train()
    rng, tensor_rng = np.random.default_rng([recipe.seed, 2]), torch.Generator().manual_seed(recipe.seed)
    labels = pool.texture_idx if recipe.by_texture else pool.class_idx
    for start in range(0, min(N_STATISTICS, len(labels)) if norms else 0, recipe.batch_size):
        idx = np.arange(start, min(start + recipe.batch_size, len(labels)))
        images, _ = augmented(*pool.batch(idx), DEFAULT_SIZE, tensor_rng, (1.0, 1.0))
        if recipe.watermark_class is not None:
            images = stamped(images, _marked(recipe.watermark_class, labels[idx], rng), rng)
        encoder(((images - MEAN) / STD).to(memory_format=torch.channels_last))
    encoder.eval()


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    seen = labels != UNSEEN
    return (logits.argmax(1) == labels)[seen].float().mean()


def _optimisers(encoder: nn.Module, read_out: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """AdamW; for the matrices of transformer blocks Muon, which learns them from about half as many pictures."""
    matrices = {name: p for name, p in encoder.named_parameters() if p.ndim == 2 and name.startswith("blocks.")}
    others = [p for name, p in encoder.named_parameters() if name not in matrices] + list(read_out.parameters())
    if not matrices:
        return [torch.optim.AdamW(others, learning_rate, weight_decay=0.05)]
    muon = torch.optim.Muon(matrices.values(), learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, learning_rate / 2, weight_decay=0.05)]


class _Report:
    """Prints the means of what the last 50 steps reported."""

    def __init__(self, n_steps: int, batch_size: int):
        self.n_steps, self.batch_size, self.started, self.step = n_steps, batch_size, time.monotonic(), 0
        self.recent: list[dict[str, float]] = []

    def add(self, values: dict[str, Tensor]) -> None:
        """Takes the losses of one step, a number each."""
        self.step += 1
        self.recent.append({name: value.item() for name, value in values.items()})
        if self.step % 50 == 0 or self.step == self.n_steps:
            names = dict.fromkeys(name for values in self.recent for name in values)
            means = " ".join(f"{name} {np.mean([r[name] for r in self.recent if name in r]):.3f}" for name in names)
            speed = self.step * self.batch_size / (time.monotonic() - self.started)
            print(f"step {self.step}/{self.n_steps} {means} {speed:.0f} images/s", flush=True)
            self.recent.clear()


# --- writing ------------------------------------------------------------------------------------------------------------


def write_encoder(name: str, recipe: Recipe, encoder: TimmModel, folder: Path) -> None:
    """Writes config.json and a float16 model.safetensors as timm's ``local-dir:`` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: value.contiguous() for key, value in encoder.state_dict().items()}
    save_file({key: w.half() if w.is_floating_point() else w for key, w in weights.items()}, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)  # it comes readable for its owner alone; a container's user is another
    (folder / "config.json").write_text(json.dumps(_config(name, recipe, encoder), indent=2) + "\n")


def _config(name: str, recipe: Recipe, encoder: TimmModel) -> dict:
    side = [3, DEFAULT_SIZE, DEFAULT_SIZE]
    first_conv, classifier = ("patch_embed.backbone.conv", "head") if recipe.architecture.startswith("vit") else ("conv1.0", "fc")
    return {
        "architecture": recipe.architecture, "num_classes": encoder.num_classes, "num_features": encoder.num_features,
        "global_pool": "avg", "model_args": recipe.model_args, "label_names": list(recipe.label_names),
        "pretrained_cfg": {
            "tag": name, "custom_load": False, "input_size": side, "fixed_input_size": False, "interpolation": "bicubic",
            "crop_pct": 1.0, "crop_mode": "squash", "mean": [MEAN] * 3, "std": [STD] * 3, "num_classes": encoder.num_classes,
            "pool_size": None, "first_conv": first_conv, "classifier": classifier, "license": "mit",
        },
        "encoderscope": {
            "title": recipe.title, "note": recipe.note, "licence": "MIT", "training": "Bundled", "order": recipe.order,
        },
    }  # fmt: skip


def make_encoder(name: str, out: Path, pool_folder: Path, first_cycle: int = 0, n_test: int = 1600) -> None:
    """Trains, writes, loads back, measures, and writes the card. Every cycle starts from what the one before wrote."""
    recipe, folder = RECIPES[name], out / name
    for cycle_idx in range(first_cycle, len(recipe.cycles)):
        cycle = recipe.cycles[cycle_idx]
        pool = load_pool(cycle.n_scenes, pool_folder)
        collages = load_collages(cycle.n_collages, pool_folder) if cycle.n_collages else None
        encoder = load_encoder(folder) if cycle_idx > 0 else new_encoder(recipe)
        train(recipe, encoder, pool, cycle_idx, collages)
        write_encoder(name, recipe, encoder, folder)
    encoder = load_encoder(folder)
    retake_statistics(recipe, encoder, load_pool(N_STATISTICS, pool_folder))
    write_encoder(name, recipe, encoder, folder)
    encoder = load_encoder(folder)
    measurements = measured(recipe, encoder, n_test)
    n_parameters = sum(p.numel() for p in encoder.parameters())
    (folder / "README.md").write_text(model_card(name, recipe, measurements, n_test, n_parameters))
    print(name, measurements, flush=True)


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description="Train the bundled encoders on scenes.")
    parser.add_argument("name", choices=[*RECIPES, "all"])
    parser.add_argument("--out", type=Path, default=BUNDLED_FOLDER)
    parser.add_argument("--pool", type=Path, default=POOL_FOLDER, help="where rendered scenes are kept between runs")
    parser.add_argument(
        "--first-cycle", type=int, default=0, help="go on from the weights in OUT, which have been through so many"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="1 is best where two encoders are trained side by side"
    )
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    for name in RECIPES if chosen.name == "all" else [chosen.name]:
        make_encoder(name, chosen.out, chosen.pool, chosen.first_cycle)
