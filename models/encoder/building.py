"""A timm model, made ready to be looked into, and what trying it once shows.

    build_model    eval mode, frozen, any input size where the architecture can (timm's ``dynamic_img_size``)
    probe_model    runs a small image through it: do the maps come as declared, which sizes does it take?
    fingerprint    SHA-256 of weights and configuration: two encoders that answer alike have the same one

What timm declares about its models is mostly true; what is tried here is true of this model.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from models.encoder.preprocessing import Preprocessing
from models.errors import UnsupportedEncoder

# What timm raises for a configuration it cannot build, or for an image size an architecture cannot take.
MODEL_ERRORS = (RuntimeError, ValueError, TypeError, AssertionError, AttributeError, LookupError, ArithmeticError)
_MIN_TRIAL_SIDE_PX = 96


class TimmModel(nn.Module):
    """What timm adds to a module. An annotation only: the classes of timm's models do not inherit from it."""

    pretrained_cfg: dict[str, Any]
    feature_info: Any  # a list of dicts, or timm's own object around one
    num_classes: int
    num_features: int
    forward_intermediates: Callable[..., Any]
    forward_head: Callable[..., Tensor]


@dataclass(frozen=True)
class Depth:
    """One tapped output: its place in the network, its channels, and how many input pixels one position spans."""

    idx: int
    module_name: str
    n_channels: int
    reduction: int


@dataclass(frozen=True)
class NetworkSpec:
    """What builds a network again, without its weights."""

    architecture: str
    model_args: str = "{}"  # JSON object: arguments of timm's constructor

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of timm's constructor, by name."""
        return json.loads(self.model_args)


@dataclass(frozen=True)
class InputSizes:
    """Which inputs the network takes: sides are multiples of ``multiple``, at least ``min_side``; or only ``own``."""

    own: tuple[int, int]
    multiple: int
    min_side: int
    fixed: bool

    @property
    def trial(self) -> tuple[int, int]:
        """A small input, oblong where the network takes that."""
        return self.own if self.fixed else (self.min_side, self.min_side + self.multiple)


@dataclass(frozen=True)
class Probe:
    """What one small image showed of a model."""

    depths: tuple[Depth, ...]
    sizes: InputSizes
    n_prefix_tokens: int
    n_outputs: int


def build_model(source: str, model_args: Mapping[str, Any], seed: int = 0, **timm_options: Any) -> TimmModel:
    """The timm model ``source`` (an architecture, or ``local-dir:`` with a folder), frozen, in eval mode.

    Weights that nothing is loaded into are drawn from ``seed``; the global random state stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _create_flexible(source, dict(model_args), timm_options)
    return model.float().eval().requires_grad_(requires_grad=False)


def build_outline(source: str) -> TimmModel:
    """What ``build_model`` would make of the source, its tensors with shapes but without values: cheap, whatever its size."""
    with torch.device("meta"):
        return _create_flexible(source, {}, {"pretrained": False})


def _create_flexible(source: str, model_args: dict[str, Any], timm_options: dict[str, Any]) -> TimmModel:
    """The model, for any input size where its constructor knows how; timm says so only by accepting the argument."""
    if "dynamic_img_size" not in model_args:
        try:
            return create_model(source, **timm_options, **model_args, dynamic_img_size=True)
        except TypeError as error:
            if "dynamic_img_size" not in str(error):
                raise
    return create_model(source, **timm_options, **model_args)


def create_model(source: str, **timm_options: Any) -> TimmModel:
    """What timm makes of a name or a ``local-dir:`` folder, typed as what it is."""
    return cast(TimmModel, timm.create_model(source, **timm_options))


def preprocessing_of(model: TimmModel) -> Preprocessing:
    """How the model was trained to see, from its timm configuration."""
    config = resolve_model_data_config(model)
    side = min(own_size(model))
    return Preprocessing(tuple(config["mean"]), tuple(config["std"]), config["interpolation"], side)


def own_size(model: TimmModel) -> tuple[int, int]:
    """Height and width of the images the model was built for."""
    _channels, height, width = timm.models.get_model_input_config(model)["input_size"]
    return height, width


def probe_model(model: TimmModel, architecture: str) -> Probe:
    """Tries the model; raises UnsupportedEncoder with the reason if it cannot be looked into."""
    depths = _declared_depths(model, architecture)
    _require_rgb(model, architecture)
    refusal = f"{architecture} takes neither its own input size {own_size(model)} nor another one."
    for sizes in _candidate_sizes(own_size(model), max(depth.reduction for depth in depths)):
        trial = _try(model, sizes.trial, depths[-1].module_name)
        if trial is not None:
            refusal = _mismatch(trial, depths, sizes.trial, architecture)
            if not refusal:
                return Probe(depths, sizes, trial.n_prefix_tokens, trial.logits.shape[1])
    raise UnsupportedEncoder(refusal)


def _declared_depths(model: TimmModel, architecture: str) -> tuple[Depth, ...]:
    if not callable(getattr(model, "forward_intermediates", None)):
        raise UnsupportedEncoder(f"{architecture} cannot hand out its feature maps (no forward_intermediates in timm).")
    declared = getattr(model, "feature_info", None)
    declared = getattr(declared, "info", declared)
    if not declared:
        raise UnsupportedEncoder(f"{architecture} does not say which depths it has (no feature_info in timm).")
    return tuple(
        Depth(idx, entry["module"], int(entry["num_chs"]), int(entry["reduction"])) for idx, entry in enumerate(declared)
    )


def _require_rgb(model: TimmModel, architecture: str) -> None:
    n_channels = timm.models.get_model_input_config(model)["input_size"][0]
    if n_channels != 3:
        raise UnsupportedEncoder(f"{architecture} takes images of {n_channels} channel(s); only colour images (3) work here.")


def _candidate_sizes(own: tuple[int, int], reduction: int) -> Iterator[InputSizes]:
    """What to try: any size first; multiples of the network's own size, for those with windows; its own size alone."""
    for multiple in dict.fromkeys((reduction, min(own))):
        at_least = 1 if multiple == min(own) else 2
        yield InputSizes(own, multiple, max(at_least, -(-_MIN_TRIAL_SIDE_PX // multiple)) * multiple, fixed=False)
    if own[0] == own[1]:
        yield InputSizes(own, own[0], own[0], fixed=True)


@dataclass(frozen=True, eq=False)
class _Trial:
    """What a model did with one small image."""

    maps: list[Tensor]
    logits: Any
    last_output: Any  # of the module that is the last depth

    @property
    def n_prefix_tokens(self) -> int:
        """Tokens of the last block's output beyond the map's positions (class and register tokens)."""
        if not isinstance(self.last_output, Tensor) or self.last_output.ndim != 3:
            return 0
        return max(0, self.last_output.shape[1] - self.maps[-1].shape[2] * self.maps[-1].shape[3])


def _try(model: TimmModel, shape: tuple[int, int], last_module: str) -> _Trial | None:
    """None if the model does not take images of this shape."""
    image = torch.zeros(1, 3, *shape)
    try:
        with _outputs_of(model, last_module) as outputs, torch.no_grad():
            maps = model.forward_intermediates(image, intermediates_only=True, output_fmt="NCHW")
            return _Trial(maps, model(image), outputs[-1] if outputs else None)
    except torch.OutOfMemoryError:
        raise
    except MODEL_ERRORS:
        return None


def _mismatch(trial: _Trial, depths: tuple[Depth, ...], shape: tuple[int, int], architecture: str) -> str:
    """How the answer differs from what timm declares; empty if it does not. Some networks resize every image themselves."""
    if not isinstance(trial.logits, Tensor) or trial.logits.ndim != 2:
        return f"{architecture} answers with more than one vector per image, which is not supported."
    if len(trial.maps) != len(depths):
        return f"{architecture} declares {len(depths)} depths but hands out {len(trial.maps)} feature maps."
    for depth, feature_map in zip(depths, trial.maps, strict=True):
        if not _is_as_declared(feature_map, depth, shape):
            return (
                f"{architecture} declares {depth.n_channels} channels at 1/{depth.reduction} for depth {depth.idx}, "
                f"but its feature map is {tuple(feature_map.shape)} for an input of {shape}."
            )
    return ""


def _is_as_declared(feature_map: Tensor, depth: Depth, shape: tuple[int, int]) -> bool:
    """Whether channels and size are right, but for a few positions at the border (stems that do not pad)."""
    if feature_map.ndim != 4 or feature_map.shape[1] != depth.n_channels:
        return False
    expected = [side / depth.reduction for side in shape]
    return all(abs(side - wanted) <= 2 + 0.1 * wanted for side, wanted in zip(feature_map.shape[2:], expected, strict=True))


@contextmanager
def _outputs_of(model: nn.Module, module_name: str) -> Generator[list[Any]]:
    """While active, collects what the named module returns; stays empty where there is no such module."""
    outputs: list[Any] = []
    module = dict(model.named_modules()).get(module_name, nn.Module())
    handle = module.register_forward_hook(lambda *call: outputs.append(call[-1]))
    try:
        yield outputs
    finally:
        handle.remove()


def fingerprint(model: nn.Module, spec: NetworkSpec, preprocessing: Preprocessing) -> str:
    """SHA-256 (hex) of everything that decides what the model answers to a photo."""
    digest = hashlib.sha256(_described(spec, preprocessing).encode())
    for name, tensor in sorted(model.state_dict().items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _described(spec: NetworkSpec, preprocessing: Preprocessing) -> str:
    """Both in one text. It must not change with the names used here: CAVs on disk are kept under the fingerprint."""
    return (
        f"(Recipe(architecture={spec.architecture!r}, model_args={spec.model_args!r}), "
        f"Preprocessing(mean={preprocessing.mean!r}, std={preprocessing.std!r}, "
        f"interpolation={preprocessing.interpolation!r}, input_size={preprocessing.input_size!r}))"
    )


FAMILIES = {  # which timm modules define architectures of a family; CNN where nothing is said
    "Transformer": """
        beit cait convit crossvit davit deepseek_vit deit eva focalnet gcvit gemma4_vit hiera hieradet_sam2 mvitv2
        naflexvit nest pit pvt_v2 qwen3_vit swin_transformer swin_transformer_v2 swin_transformer_v2_cr tnt twins
        vision_transformer vision_transformer_relpos vision_transformer_sam volo xcit""",
    "Hybrid": """
        byoanet coat edgenext efficientformer efficientformer_v2 efficientvim efficientvit_mit efficientvit_msra
        fastvit iformer levit lowformer maxxvit metaformer mobilenetv5 mobilevit nextvit repvit shvit swiftformer
        tiny_vit vision_transformer_hybrid visformer vitamin""",
    "MLP": "mlp_mixer sequencer",
}


def family_of(architecture: str) -> str:
    """CNN, Transformer, Hybrid or MLP."""
    module = timm.models.model_entrypoint(architecture).__module__.rsplit(".", 1)[-1]
    return next((family for family, modules in FAMILIES.items() if module in modules.split()), "CNN")
