"""Copies of an encoder that were altered: random weights from the head down, another classifier, half precision.

The encoder itself stays as it is: every copy is a network of its own, and its fingerprint says so.

stage   weights that are altered together, counted from the head: stage 0 is what comes after the last depth, stage 1 what ends
        in the last depth, and so on; the last stage begins at the picture
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.encoder.building import TimmModel
from models.encoder.encoder import Encoder, random_network
from models.errors import UnsupportedEncoder

BATCH = 32


def n_stages(encoder: Encoder) -> int:
    """How many stages the weights have."""
    return len(encoder.info.depths) + 1


def stages_of_weights(encoder: Encoder) -> dict[str, int]:
    """The stage of every weight and buffer, by name. Modules are taken to be listed in the order in which they are passed, as
    timm lists them."""
    places = {name: place for place, (name, _) in enumerate(encoder.model.named_modules())}
    ends = [_last_place(places, depth.module_name) for depth in encoder.info.depths]
    stages = {}
    for name in encoder.model.state_dict():
        place = places.get(name.rpartition(".")[0], 0)
        depth = next((idx for idx, end in enumerate(ends) if place <= end), len(ends))
        stages[name] = len(ends) - depth
    return stages


def _last_place(places: dict[str, int], module_name: str) -> int:
    """Where a module ends: the place of the last module inside it."""
    return max(place for name, place in places.items() if name == module_name or name.startswith(f"{module_name}."))


def randomised_from_head(encoder: Encoder, n_randomised: int, seed: int) -> Encoder:
    """A copy whose first ``n_randomised`` stages have random weights (Adebayo et al. 2018: cascading randomisation)."""
    model = random_network(encoder, seed)
    stages = stages_of_weights(encoder)
    kept = {name: value for name, value in encoder.model.state_dict().items() if stages[name] >= n_randomised}
    model.load_state_dict(kept, strict=False)
    return _copy(encoder, model, f"{n_randomised} stages random")


@torch.no_grad()
def embeddings(encoder: Encoder, images: Sequence[Tensor]) -> Tensor:
    """What the classifier is given for images (3, H, W) of one size, (N, C) on the CPU."""
    model: Any = encoder.model
    batches = (torch.stack(list(images[start : start + BATCH])) for start in range(0, len(images), BATCH))
    rows = [model.forward_head(model.forward_features(b.to(encoder.device)), pre_logits=True).float().cpu() for b in batches]
    return torch.cat(rows)


def with_classifier(encoder: Encoder, weights: Tensor, offsets: Tensor) -> Encoder:
    """A copy whose logits are ``weights`` (n_classes, C) times the embedding (C,) plus ``offsets`` (n_classes,).

    Raises UnsupportedEncoder where the classifier is anything but one matrix.
    """
    model: Any = copy.deepcopy(encoder.model)
    model.reset_classifier(len(weights))
    classifier = model.get_classifier()
    if not isinstance(classifier, nn.Linear) or classifier.in_features != weights.shape[1]:
        raise UnsupportedEncoder(f"The classifier of '{encoder.info.name}' is not one matrix, so it cannot be fitted anew.")
    with torch.no_grad():
        classifier.weight.copy_(weights)
        classifier.bias.copy_(offsets)
    return _copy(encoder, model.eval().requires_grad_(requires_grad=False), "another classifier")


def in_half_precision(encoder: Encoder) -> Encoder:
    """A copy whose weights, and what every module without parts returns, are rounded to bfloat16; sums are taken in float32, as
    accelerators do."""
    model = copy.deepcopy(encoder.model)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data.copy_(tensor.bfloat16())
    for module in model.modules():
        if not any(module.children()):
            module.register_forward_hook(_rounded_output)
    return _copy(encoder, model, "half precision")


def _rounded_output(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    return output.bfloat16().float() if isinstance(output, Tensor) and output.is_floating_point() else output


def _copy(encoder: Encoder, model: TimmModel, what: str) -> Encoder:
    name = f"{encoder.info.name} ({what})"
    return Encoder(model.to("cpu"), encoder.spec, name, encoder.device, encoder.info.licence)
