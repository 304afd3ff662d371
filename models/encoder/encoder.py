"""An encoder: a frozen timm model that is looked into and never modified.

    depth          index into the encoder's tapped outputs, shallow = 0 (timm's ``feature_info``)
    feature map    activations of one depth, (C, H, W); never contains prefix tokens
    prefix tokens  class and register tokens of a transformer

The feature maps come from timm's ``forward_intermediates``, the logits from the plain forward pass, and everything
after a depth from ``head_from`` (models/encoder/heads.py). Images go in as ``prepare`` makes them; results stay on the device.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.encoder.building import (
    Depth,
    InputSizes,
    NetworkSpec,
    TimmModel,
    build_model,
    family_of,
    fingerprint,
    preprocessing_of,
    probe_model,
)
from models.encoder.fitting import build_with_weights
from models.encoder.heads import CutPointTrials, Head, Tap, head_for
from models.encoder.labels import class_names
from models.encoder.passages import Passage, passage_for
from models.encoder.preprocessing import Preprocessing, prepare
from models.errors import BadSettings, NotACutPoint, UnsupportedEncoder
from models.photo import Photo

__all__ = ["Depth", "Encoder", "EncoderInfo", "default_depths", "depths_in_one_pass", "randomised"]


@dataclass(frozen=True)
class EncoderInfo:
    """What a page or a result needs to know about an encoder, as plain values."""

    name: str
    architecture: str
    family: str
    fingerprint: str
    n_parameters: int
    depths: tuple[Depth, ...]
    default_depths: tuple[int, ...]
    attributed_depths: tuple[int, ...]  # the default depths, as far as the logits depend on their maps
    has_classifier: bool
    class_names: tuple[str, ...]
    n_prefix_tokens: int
    preprocessing: Preprocessing
    fixed_input: bool
    size_multiple: int
    licence: str


class Encoder:
    """A frozen model on a device, and what is known about it."""

    def __init__(self, model: TimmModel, spec: NetworkSpec, name: str, device: str | torch.device = "cpu", licence: str = ""):
        """Tries the model once on a small image; raises UnsupportedEncoder with the reason if it cannot be served."""
        probe = probe_model(model, spec.architecture)
        preprocessing = preprocessing_of(model)
        names = class_names(_labelling(model, spec), probe.n_outputs)
        self.device = torch.device(device)
        self.info = EncoderInfo(
            name=name,
            architecture=spec.architecture,
            family=family_of(spec.architecture),
            fingerprint=fingerprint(model, spec, preprocessing),
            n_parameters=sum(parameter.numel() for parameter in model.parameters()),
            depths=probe.depths,
            default_depths=default_depths(probe.depths),
            attributed_depths=default_depths(probe.depths),
            has_classifier=bool(names),
            class_names=names,
            n_prefix_tokens=probe.n_prefix_tokens,
            preprocessing=preprocessing,
            fixed_input=probe.sizes.fixed,
            size_multiple=probe.sizes.multiple,
            licence=licence or model.pretrained_cfg.get("license") or "unknown",
        )
        self.spec = spec
        self.sizes: InputSizes = probe.sizes
        self._taps: dict[int, Tap | NotACutPoint] = {}
        self.model = model.to(self.device)
        if self.info.has_classifier and self.info.n_prefix_tokens:
            on_map = sorted({self._nearest_read_from(depth) for depth in self.info.default_depths})
            self.info = replace(self.info, attributed_depths=tuple(on_map))

    @classmethod
    def from_timm(
        cls,
        architecture: str,
        seed: int = 0,
        device: str | torch.device = "cpu",
        name: str = "",
        weights: Path | None = None,
        **model_args: Any,
    ) -> "Encoder":
        """The encoder of a timm architecture (``resnet18``, with a tag ``resnet18.a1_in1k``), with random weights or a file's."""
        spec = NetworkSpec(timm.models.get_arch_name(architecture), json.dumps(model_args, sort_keys=True))
        options: dict[str, Any] = {"pretrained": weights is not None}
        if weights is not None:
            options["pretrained_cfg_overlay"] = {"file": str(weights), "custom_load": False}
        return cls(build_model(architecture, model_args, seed, **options), spec, name or architecture, device)

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        weights: Mapping[str, Tensor] | None = None,
        name: str = "",
        device: str | torch.device = "cpu",
        licence: str = "",
        described: Mapping[str, Any] | None = None,
    ) -> "Encoder":
        """The encoder in a folder of timm's ``local-dir`` format: ``config.json``, and ``model.safetensors`` unless ``weights``
        (tensors of any shape by name) are given.

        ``described`` takes the place of what the configuration says of the weights (timm's ``pretrained_cfg``). Raises
        BadCheckpoint where the weights do not fit the network.
        """
        spec = _spec_in(folder)
        weights = load_file(folder / "model.safetensors") if weights is None else weights
        model = build_with_weights(f"local-dir:{folder}", weights, **(described or {}))
        return cls(model, spec, name or str(folder), device, licence)

    @classmethod
    def untrained(
        cls,
        folder: Path,
        seed: int,
        name: str,
        device: str | torch.device = "cpu",
        licence: str = "",
        described: Mapping[str, Any] | None = None,
    ) -> "Encoder":
        """The network that a folder's ``config.json`` describes, as it is before training: weights drawn from ``seed``."""
        model = build_model(f"local-dir:{folder}", {}, seed, pretrained=False, pretrained_cfg_overlay=dict(described or {}))
        return cls(model, _spec_in(folder), name, device, licence)

    @property
    def n_bytes(self) -> int:
        """Memory that weights and buffers take."""
        tensors = (*self.model.parameters(), *self.model.buffers())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def input_shape(self, photo_shape: tuple[int, int], input_size: int) -> tuple[int, int]:
        """Height and width at which the encoder sees a photo of ``photo_shape``.

        The aspect ratio is kept and the area is that of a square of ``input_size``, up to rounding to what the encoder
        takes; very long photos are squashed so far that no side falls under the smallest size. An encoder of fixed
        input sees its own square, whatever ``input_size`` says.
        """
        if self.sizes.fixed:
            return self.sizes.own
        aspect = (photo_shape[0] / photo_shape[1]) ** 0.5
        longest = max(self.sizes.min_side, input_size**2 / self.sizes.min_side)
        sides = (min(input_size * aspect, longest), min(input_size / aspect, longest))
        smallest, multiple = self.sizes.min_side, self.sizes.multiple
        height, width = (max(smallest, round(side / multiple) * multiple) for side in sides)
        return height, width

    def prepare(self, photo: Photo, input_size: int) -> Tensor:
        """The photo as the encoder sees it, (3, H, W) on the CPU."""
        return prepare(photo, self.info.preprocessing, self.input_shape(photo.shape, input_size))

    @torch.no_grad()
    def feature_maps(self, images: Tensor, depths: Sequence[int]) -> list[Tensor]:
        """Per depth, in the order of ``depths``, the maps (N, C, h, w) of the images (N, 3, H, W)."""
        self._require_depths(depths)
        wanted = sorted(set(depths))
        options = {"indices": wanted, "intermediates_only": True, "output_fmt": "NCHW", "stop_early": True}
        maps = self.model.forward_intermediates(images.to(self.device), **options)
        by_depth = dict(zip(wanted, maps, strict=True))
        return [by_depth[depth].float() for depth in depths]

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """What the network answers to images (N, 3, H, W), (N, n_classes); an embedding without ``info.has_classifier``."""
        return self.model(images.to(self.device)).float()

    def head_from(self, depth: int) -> Callable[[Tensor], Head]:
        """A callable that takes one image, (3, H, W) or (1, 3, H, W), and gives the rest of the network after ``depth`` for it;
        or several of one shape, (N, 3, H, W), and gives the rest for N activations, one of each.

        The image runs only up to the depth, once. Raises NotACutPoint, with the reason, where the depth's activation
        alone does not decide the logits (tried once per depth, on two small images), and UnsupportedEncoder where weights that
        are not finite leave nothing to decide.
        """
        tap = self._require_tap(depth)
        return lambda image: head_for(self.model, tap, image.to(self.device))

    def passage_through(self, depths: Sequence[int]) -> Callable[[Tensor], Passage]:
        """As ``head_from`` the first of ``depths``, with the later ones open to change on the way; depths shallow first."""
        taps = [self._require_tap(depth) for depth in depths]
        return lambda image: passage_for(self.model, taps, image.to(self.device))

    def reads_map(self, depth: int) -> bool:
        """Whether the logits depend on the feature map of a depth, and not on its prefix tokens alone; raises NotACutPoint where
        the depth's activation does not decide the logits."""
        head = self.head_from(depth)(self._trial_images()[0])
        activation = head.activation.detach().clone().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(head.logits_of(activation.clone()).square().sum(), activation)
        return bool(head.map_of(gradient).any())

    def _nearest_read_from(self, depth: int) -> int:
        """The depth itself, or the nearest before it whose map the logits depend on; itself if there is none."""
        with suppress(NotACutPoint):
            return next((before for before in range(depth, -1, -1) if self.reads_map(before)), depth)
        return depth

    def cut_points(self) -> tuple[int, ...]:
        """The depths from which ``head_from`` can finish the network."""
        return tuple(depth.idx for depth in self.info.depths if self._is_cut_point(depth.idx))

    def _require_tap(self, depth: int) -> Tap:
        self._require_depths([depth])
        if depth not in self._taps:
            self._taps[depth] = self._try_tap(depth)
        tap = self._taps[depth]
        if isinstance(tap, NotACutPoint):
            raise NotACutPoint(str(tap))
        return tap

    def _require_depths(self, depths: Sequence[int]) -> None:
        n_depths = len(self.info.depths)
        for depth in depths:
            if not 0 <= depth < n_depths:
                raise BadSettings(f"{self.info.name} has no depth {depth}. Choose from 0 to {n_depths - 1}.")

    def _is_cut_point(self, depth: int) -> bool:
        try:
            self.head_from(depth)
        except NotACutPoint:
            return False
        return True

    def _try_tap(self, depth: int) -> Tap | NotACutPoint:
        try:
            return self._trials.require_cut_point(self.info.depths[depth])
        except NotACutPoint as refusal:
            return refusal

    @cached_property
    def _trials(self) -> CutPointTrials:
        images = self._trial_images()
        depths = range(len(self.info.depths))
        maps = self.feature_maps(images[1], depths)
        require_finite_maps(self.info, "a trial image", dict(zip(depths, maps, strict=True)))
        require_finite_answer(self.info, "a trial image", self.logits(images[1]))
        return CutPointTrials(self.model, self.info.depths, images, maps)

    def _trial_images(self) -> tuple[Tensor, Tensor]:
        """Two small images (1, 3, h, w) with coarse and fine structure, always the same ones."""
        generator = torch.Generator().manual_seed(0)
        coarse = torch.randn(2, 3, 4, 4, generator=generator)
        coarse = nn.functional.interpolate(coarse, self.sizes.trial, mode="bilinear", align_corners=False)
        images = coarse + 0.5 * torch.randn(coarse.shape, generator=generator)
        first, second = images.to(self.device).split(1)
        return first, second


def require_finite_maps(info: EncoderInfo, shown: str, maps: Mapping[int, Tensor]) -> None:
    """Raises UnsupportedEncoder unless every feature map, of any shape (...) and by depth, of what was ``shown`` is finite."""
    for depth, feature_map in maps.items():
        if not feature_map.sum(dtype=torch.float64).isfinite():
            raise UnsupportedEncoder(
                f"At depth {depth} the activations of '{info.name}' for {shown} are not all finite; its weights may be damaged. "
                "Choose another encoder, or segment with depths before that one."
            )


def require_finite_answer(info: EncoderInfo, shown: str, logits: Tensor) -> None:
    """Raises UnsupportedEncoder unless the logits, of any shape (...), for what was ``shown`` are finite."""
    if not bool(logits.isfinite().all()):
        raise UnsupportedEncoder(
            f"The logits of '{info.name}' for {shown} are not all finite; its weights may be damaged. Choose another encoder."
        )


def randomised(encoder: Encoder, seed: int = 0) -> Encoder:
    """The encoder's network with random weights: what the architecture alone would show."""
    model, name = random_network(encoder, seed), f"{encoder.info.name} (random weights)"
    return Encoder(model, encoder.spec, name, encoder.device, encoder.info.licence)


def random_network(encoder: Encoder, seed: int) -> TimmModel:
    """A network of the encoder's architecture, its weights drawn from ``seed``."""
    config = {key: value for key, value in encoder.model.pretrained_cfg.items() if key not in ("file", "source")}
    return build_model(encoder.spec.architecture, encoder.spec.arguments, seed, pretrained_cfg=config, pretrained=False)


def _spec_in(folder: Path) -> NetworkSpec:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return NetworkSpec(config["architecture"], json.dumps(config.get("model_args") or {}, sort_keys=True))


def default_depths(depths: Sequence[Depth]) -> tuple[int, ...]:
    """The depths that a segmentation uses unless others are chosen, by one rule for all encoders.

    A pyramid gives its stages at 1/8 to 1/32 of the input: what is finer adds specks, not parts (tests/benchmarks/RESULTS.md). A
    network of one resolution gives about four depths, evenly spaced, the last one included.
    """
    if len({depth.reduction for depth in depths}) > 1:
        stages = {depth.reduction: depth.idx for depth in depths if 8 <= depth.reduction <= 32}  # last of each resolution
        return tuple(sorted(stages.values()))[-3:] or (depths[-1].idx,)
    n_chosen = min(4, len(depths))
    return tuple(depths[round(len(depths) * part / n_chosen) - 1].idx for part in range(1, n_chosen + 1))


def depths_in_one_pass(depths: Sequence[Depth]) -> tuple[int, ...]:
    """The depths at which a concept is taken away in one pass: all but the first, of a pyramid those at 1/8 of the input or
    coarser.

    What is taken away at some of them only is partly put back by what the others know of it (tests/benchmarks/RESULTS.md).
    """
    is_pyramid = len({depth.reduction for depth in depths}) > 1
    chosen = tuple(depth.idx for depth in depths[1:] if depth.reduction >= 8 or not is_pyramid)
    return chosen or (depths[-1].idx,)


def _labelling(model: TimmModel, spec: NetworkSpec) -> dict[str, Any]:
    """The configuration that says what the outputs stand for, with the classes the model really has."""
    config = dict(model.pretrained_cfg, architecture=spec.architecture)
    if model.num_classes != config.get("num_classes"):  # a head of another size than the weights came with
        names = config.get("label_names") or ()
        config.update(label_names=names if len(names) == model.num_classes else None, tag=None)
    return dict(config, num_classes=model.num_classes)
