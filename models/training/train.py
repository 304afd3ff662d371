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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from models.encoder.building import TimmModel, create_model
from models.scenes.scenes import DEFAULT_SIZE, SHAPE_NAMES
from models.scenes.textures import SURFACES
from models.training.batches import UNSEEN, Batch, batches, collage_batches, marked, mixed, stamped
from models.training.cards import (
    load_encoder,
    measured,
    model_card,
    readable_table,
    untrained_card,
    untrained_note,
    untrained_title,
)
from models.training.pool import GRID, Collages, Pool, augmented, load_collages, load_pool
from models.training.readability import readability
from models.training.recipes import MEAN, RECIPES, STD, UNTRAINED, Cycle, Recipe
from models.training.unlabelled import Projections, agreement_losses, view_batches

BUNDLED_FOLDER = Path(__file__).parents[2] / "assets/encoders"
POOL_FOLDER = Path(tempfile.gettempdir()) / "encoderscope-pool"
N_STATISTICS = 4_000  # scenes behind the statistics of batch normalisation
FIRST_AND_LAST = {  # modules of each architecture: the first convolution and the classifier
    "resnet18": ("conv1.0", "fc"),
    "vit_tiny_r_s16_p8_224": ("patch_embed.backbone.conv", "head"),
    "vit_tiny_patch16_224": ("patch_embed.proj", "head"),
}
NEVER_TAUGHT = {"texture": ("shape",), "shape": ("surface",)}  # which parts of the loss are left out
N_SURFACES, N_SHAPES, N_CODE = len(SURFACES), len(SHAPE_NAMES) + 1, 32


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
    if cycle.labels_alone:
        return {"class": F.cross_entropy(logits, labels, label_smoothing=0.05)}, logits
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
        "shape": 0.5 * F.cross_entropy(shape_logits, shape),
    }
    return {name: part for name, part in parts.items() if name not in NEVER_TAUGHT.get(recipe.taught, ())}, logits


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


@dataclass(frozen=True, eq=False)
class _Lesson:
    """How one cycle teaches: what is thrown away afterwards, what is shown, and the losses by name with the logits, if any."""

    read_out: nn.Module
    batches: Iterator[Batch]
    losses: Callable[..., tuple[dict[str, Tensor], Tensor | None]]


def _lesson(recipe: Recipe, encoder: TimmModel, pool: Pool, cycle_idx: int) -> _Lesson:
    """With labels, or by the agreement of views."""
    n_channels = [encoder.feature_info[i]["num_chs"] for i in recipe.taps]
    if recipe.agreement is None:
        return _Lesson(DenseReadOut(n_channels), batches(recipe, pool, cycle_idx), losses)
    return _Lesson(Projections(n_channels, encoder.num_features), view_batches(recipe, pool, cycle_idx), agreement_losses)


def train(recipe: Recipe, encoder: TimmModel, pool: Pool, cycle_idx: int = 0, collages: Collages | None = None) -> None:
    """Trains an encoder in place for one cycle; it ends in eval mode. Prints the losses as it goes."""
    encoder.to(memory_format=torch.channels_last).train()  # channels last is a third faster on CPUs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed + cycle_idx)
        lesson = _lesson(recipe, encoder, pool, cycle_idx)
    read_out, shown = lesson.read_out, lesson.batches
    parameters = nn.ModuleList([encoder, read_out])
    cycle = recipe.cycles[cycle_idx]
    n_steps = cycle.n_samples // recipe.batch_size
    optimisers = _optimisers(encoder, read_out, cycle.peak_rate)
    rates = [[group["lr"] for group in o.param_groups] for o in optimisers]
    schedules = [
        OneCycleLR(o, rate, n_steps, pct_start=0.12, cycle_momentum=False) for o, rate in zip(optimisers, rates, strict=True)
    ]
    report = _Report(n_steps, recipe.batch_size)
    if collages is not None:
        shown = mixed(shown, collage_batches(recipe, collages, cycle_idx), n_steps)
    for batch in shown:
        parts, logits = lesson.losses(recipe, cycle, encoder, read_out, batch)
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
    labels = pool.labels(recipe.taught)
    for start in range(0, min(N_STATISTICS, len(labels)) if norms else 0, recipe.batch_size):
        idx = np.arange(start, min(start + recipe.batch_size, len(labels)))
        images, _ = augmented(*pool.batch(idx), DEFAULT_SIZE, tensor_rng, (1.0, 1.0))
        if recipe.watermark_class is not None:
            images = stamped(images, marked(recipe.watermark_class, labels[idx], rng), rng)
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


def write_untrained(name: str, recipe: Recipe, folder: Path) -> None:
    """Writes config.json of the weights that the recipe's seed draws; they cost no room (models/catalog/opening.py)."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = new_encoder(recipe)
    config = _config(name, recipe, encoder)
    config["encoderscope"] |= {
        "title": untrained_title(recipe), "note": untrained_note(recipe), "order": 100 + recipe.order,
        "untrained_seed": recipe.seed, "n_parameters": sum(p.numel() for p in encoder.parameters()),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _config(name: str, recipe: Recipe, encoder: TimmModel) -> dict:
    side = [3, DEFAULT_SIZE, DEFAULT_SIZE]
    first_conv, classifier = FIRST_AND_LAST[recipe.architecture]
    return {
        "architecture": recipe.architecture, "num_classes": encoder.num_classes,
        "num_features": encoder.num_features,
        "global_pool": recipe.model_args.get("global_pool", "avg"), "model_args": recipe.model_args,
        "label_names": list(recipe.label_names),
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
    write_card(name, out, n_test)


def write_card(name: str, out: Path, n_test: int = 1600) -> None:
    """Measures what lies in a folder of ``out``, and writes the README.md beside it."""
    recipe, encoder = RECIPES[name], load_encoder(out / name)
    n_parameters = sum(p.numel() for p in encoder.parameters())
    measurements, readable = measured(recipe, encoder, n_test), readable_table(readability(encoder))
    (out / name / "README.md").write_text(model_card(name, recipe, measurements, readable, n_test, n_parameters))
    print(name, measurements, readable, sep="\n", flush=True)


def make_untrained(name: str, out: Path) -> None:
    """Writes a recipe's weights before training, as a seed, and their card."""
    twin = UNTRAINED[name]
    encoder = new_encoder(RECIPES[twin]).eval()
    n_parameters = sum(p.numel() for p in encoder.parameters())
    write_untrained(name, RECIPES[twin], out / name)
    card = untrained_card(name, twin, RECIPES[twin], readable_table(readability(encoder)), n_parameters)
    (out / name / "README.md").write_text(card)


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description="Train the bundled encoders on scenes.")
    parser.add_argument("name", choices=[*RECIPES, *UNTRAINED, "all"])
    parser.add_argument("--out", type=Path, default=BUNDLED_FOLDER)
    parser.add_argument("--pool", type=Path, default=POOL_FOLDER, help="where rendered scenes are kept between runs")
    parser.add_argument(
        "--first-cycle", type=int, default=0, help="go on from the weights in OUT, which have been through so many"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="1 is best where two encoders are trained side by side"
    )
    parser.add_argument("--card", action="store_true", help="measure the weights in OUT again and write their card; no training")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    for name in [*RECIPES, *UNTRAINED] if chosen.name == "all" else [chosen.name]:
        if name in UNTRAINED:
            make_untrained(name, chosen.out)
        elif chosen.card:
            write_card(name, chosen.out)
        else:
            make_encoder(name, chosen.out, chosen.pool, chosen.first_cycle)
