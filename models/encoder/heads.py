"""The rest of a network after one depth, as a function of that depth's activation.

Generic, without a line about any architecture. The image runs once up to the tapped module, while hooks note what the
outermost modules before it return. To finish from an activation, the network runs with exactly those modules short-cut
to what they returned, and the tapped one to the activation; everything after it computes as always, differentiably.

    tap        the module whose output is the feature map of a depth, and where in that output the map is
    layout     how that output holds a map: (N, C, H, W), (N, H, W, C), or tokens (N, P + H*W, C) with P prefix tokens
    cut point  a depth whose activation alone decides the logits, because nothing in the network bypasses it

Whether a depth is a cut point is tried, not assumed: finishing from the activation of image B while everything else is
that of image A must give the logits of B. So is whether short-cuts after the tap (models/encoder/token_heads.py,
models/encoder/folding.py) give them too.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from models.encoder.building import MODEL_ERRORS, Depth
from models.encoder.folding import Folded, folded_norms
from models.encoder.token_heads import short_cuts
from models.errors import NotACutPoint

_LEAK_OF_DIFFERENCE = 1e-3  # of how far apart the two images' logits are
_LEAK_OF_LOGITS = 1e-5  # of the logits themselves: rounding in float32
_ROUNDING = 1e-5  # of the logits: what another order of the same sums may change


@dataclass(frozen=True)
class Layout:
    """How a module's output holds a feature map."""

    name: str  # "NCHW", "NHWC" or "tokens"
    n_prefix_tokens: int = 0

    def map_of(self, activation: Tensor, grid: tuple[int, int]) -> Tensor:
        """An activation in this layout as (N, C, H, W), without prefix tokens."""
        if self.name == "NCHW":
            return activation
        if self.name == "tokens":
            activation = activation[:, self.n_prefix_tokens :].unflatten(1, grid)
        return activation.permute(0, 3, 1, 2)

    def tokens_of(self, activation: Tensor) -> Tensor:
        """An activation in this layout as (N, P + H*W, C): its P prefix tokens first, then its positions row by row."""
        if self.name == "NCHW":
            return activation.flatten(2).transpose(1, 2)
        return activation if self.name == "tokens" else activation.flatten(1, 2)

    def of_tokens(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """The activation in this layout whose ``tokens_of`` are these, (N, P + H*W, C), on a grid of height and width."""
        if self.name == "NCHW":
            return tokens.transpose(1, 2).unflatten(2, grid)
        return tokens if self.name == "tokens" else tokens.unflatten(1, grid)


@dataclass(frozen=True)
class Tap:
    """Where in the network a depth's activation appears."""

    depth: Depth
    module_name: str
    layout: Layout
    slot: int | None = None  # which part of the output, for modules that return several tensors
    short_cut: bool = False  # whether modules after it may skip what nobody reads


@dataclass(frozen=True, eq=False)
class Head:
    """The network from one depth on, for one image, or for several of one shape."""

    depth: Depth
    activation: Tensor  # of these images, in the block's own layout
    grid: tuple[int, int]  # height and width of the feature map
    layout: Layout
    logits_of: Callable[[Tensor], Tensor] = field(repr=False)  # (N, *own layout) -> (N, n_classes), differentiable; of several
    # images, N is their number

    @property
    def n_prefix_tokens(self) -> int:
        """How many tokens of the activation belong to no position of the map."""
        return self.layout.n_prefix_tokens

    def map_of(self, activation: Tensor) -> Tensor:
        """An activation (or its gradient) in the block's own layout as (N, C, H, W), without prefix tokens."""
        return self.layout.map_of(activation, self.grid)

    @property
    def tokens(self) -> Tensor:
        """This image's activation token by token, (P + H*W, C): its P prefix tokens, then its positions row by row."""
        return self.layout.tokens_of(self.activation)[0].float()

    def logits_of_tokens(self, tokens: Tensor) -> Tensor:
        """Logits (N, n_classes) for activations given token by token, (N, P + H*W, C)."""
        return self.logits_of(self.layout.of_tokens(tokens, self.grid).to(self.activation.dtype))

    def prefix_of(self, activation: Tensor) -> Tensor:
        """The prefix tokens of an activation (or of its gradient), (N, n_prefix_tokens, C)."""
        if self.layout.name != "tokens":
            return activation.new_zeros(activation.shape[0], 0, self.depth.n_channels)
        return activation[:, : self.n_prefix_tokens]


@dataclass(frozen=True, eq=False)
class Recording:
    """What the modules before the tap returned for one image, in the order of their calls."""

    image: Tensor
    outputs: dict[nn.Module, list[Any]]
    tapped: Any  # what the tapped module returned


def head_for(model: nn.Module, tap: Tap, image: Tensor) -> Head:
    """Runs the image, (3, H, W) or (1, 3, H, W), up to the tap; the head does the rest for any activation. Of several images,
    (N, 3, H, W), it does the rest for N activations, one of each."""
    image = image if image.ndim == 4 else image[None]
    recording = _record(model, tap, image)
    activation = recording.tapped if tap.slot is None else recording.tapped[tap.slot]
    grid = _grid_of(activation, tap, image.shape[-2])
    return Head(tap.depth, activation, grid, tap.layout, partial(_finish, model, tap, recording, {}))


class CutPointTrials:
    """Tries depths on two small images; what all depths need is computed once."""

    def __init__(self, model: nn.Module, depths: Sequence[Depth], images: tuple[Tensor, Tensor], maps: Sequence[Tensor]):
        """``images``: (1, 3, H, W) each; ``maps``: the feature maps (1, C, h, w) of the second one, one per depth."""
        self.model = model
        self.image_a, image_b = images
        with torch.no_grad():
            self.logits_a, self.logits_b = model(self.image_a), model(image_b)
        self.taps = find_taps(model, depths, image_b, maps)

    def require_cut_point(self, depth: Depth) -> Tap:
        """The depth's tap; raises NotACutPoint unless its activation alone decides the logits."""
        if depth.idx not in self.taps:
            raise NotACutPoint(_refusal(depth, "no single module returns its feature map"))
        if self._distance(self.logits_a, self.logits_b) == 0:
            raise NotACutPoint(
                _refusal(depth, "the network answers the same to different images, so there is nothing to attribute")
            )
        tap, activation_b = self.taps[depth.idx]
        try:
            with torch.no_grad():
                crossed = head_for(self.model, tap, self.image_a).logits_of(activation_b)
        except MODEL_ERRORS as error:
            raise NotACutPoint(_refusal(depth, "the network cannot be finished from its activation alone")) from error
        if self._distance(crossed, self.logits_b) > self._tolerance:
            raise NotACutPoint(_refusal(depth, "part of the network bypasses it, so it does not decide the answer alone"))
        return self._short_cut(tap, activation_b, crossed)

    def _short_cut(self, tap: Tap, activation_b: Tensor, crossed: Tensor) -> Tap:
        """The tap with the short-cut, if there is one and it gives the logits ``crossed`` (1, n_classes) too; else as it was."""
        shorter = replace(tap, short_cut=True)
        try:
            if not short_cuts(self.model) and not folded_norms(self.model):
                return tap
            with torch.enable_grad():  # only then norms are folded
                answer = head_for(self.model, shorter, self.image_a).logits_of(activation_b.clone().requires_grad_()).detach()
        except MODEL_ERRORS:
            return tap
        agree = answer.shape == crossed.shape and self._distance(answer, crossed) <= _ROUNDING * float(crossed.abs().max())
        return shorter if agree else tap

    @property
    def _tolerance(self) -> float:
        return max(
            _LEAK_OF_DIFFERENCE * self._distance(self.logits_a, self.logits_b),
            _LEAK_OF_LOGITS * float(self.logits_b.abs().max()),
        )

    @staticmethod
    def _distance(logits: Tensor, others: Tensor) -> float:
        return float((logits - others).abs().max())


def find_taps(model: nn.Module, depths: Sequence[Depth], image: Tensor, maps: Sequence[Tensor]) -> dict[int, tuple[Tap, Tensor]]:
    """Per depth the module that returns its map, the declared one or else the outermost, and what it returned.

    ``maps`` are the feature maps (1, C, h, w) of ``image`` (1, 3, H, W), one per depth; modules return them in their own layouts.
    """
    declared = {depth.idx: {depth.module_name} for depth in depths}
    taps = _match_outputs(model, dict(zip(depths, maps, strict=True)), image, declared)
    missing = {depth: feature_map for depth, feature_map in zip(depths, maps, strict=True) if depth.idx not in taps}
    if missing:
        anywhere = {name for name, _ in model.named_modules() if name}
        taps |= _match_outputs(model, missing, image, {depth.idx: anywhere for depth in missing})
    return taps


def _match_outputs(
    model: nn.Module, maps: Mapping[Depth, Tensor], image: Tensor, candidates: Mapping[int, set[str]]
) -> dict[int, tuple[Tap, Tensor]]:
    """Runs the image once and looks for the maps among the outputs of the candidate modules."""
    taps: dict[int, tuple[Tap, Tensor]] = {}

    def compare(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        for depth, feature_map in maps.items():
            if name not in candidates[depth.idx]:
                continue
            known = taps.get(depth.idx)
            for slot, tensor in _tensors_in(output):
                layout = _layout_of(tensor, feature_map)
                if layout and (known is None or name.count(".") < known[0].module_name.count(".")):
                    taps[depth.idx] = (Tap(depth, name, layout, slot), tensor.detach().clone())

    with _hooked(model, compare), torch.no_grad():
        model(image)
    return taps


def _refusal(depth: Depth, reason: str) -> str:
    return f"Depth {depth.idx} ({depth.module_name}) cannot be used for attribution: {reason}. Choose another depth."


class _TapReached(Exception):
    """Ends a forward pass of which the rest is not needed."""


def _record(model: nn.Module, tap: Tap, image: Tensor) -> Recording:
    """Runs the image up to the tap and notes what the outermost modules before it returned."""
    tapped = model.get_submodule(tap.module_name)
    path = tap.module_name.split(".")
    ancestors = {model.get_submodule(".".join(path[:n])) for n in range(len(path))}  # the model included
    recording: dict[nn.Module, list[Any]] = {}
    running: list[nn.Module] = []
    reached: list[Any] = []

    def leave(_name: str, module: nn.Module, _inputs: Any, output: Any) -> None:
        running.pop()
        if module in ancestors or any(caller not in ancestors for caller in running):
            return
        if module is tapped:
            reached.append(_cloned(output))
            raise _TapReached
        recording.setdefault(module, []).append(_cloned(output))

    with _hooked(model, leave, running.append), torch.no_grad(), suppress(_TapReached):
        model(image)
    if not reached:
        raise NotACutPoint(_refusal(tap.depth, f"{tap.module_name} does not run in the plain forward pass"))
    return Recording(image, recording, reached[0])


def _short_cuts(model: nn.Module, made: Folded, *, differentiated: bool) -> dict[nn.Module, Callable[[Tensor], Tensor]]:
    """What modules after a tap may compute instead. Folding costs as much as one image, so it waits for gradients, which are
    taken at many points."""
    return short_cuts(model) | (folded_norms(model, made) if differentiated else {})


def _finish(model: nn.Module, tap: Tap, recording: Recording, made: Folded, activation: Tensor) -> Tensor:
    """Logits (N, n_classes) for activations (N, *own layout); ``made`` keeps convolutions that were folded."""
    n_images = activation.shape[0]
    injected = replaced(_expanded(recording.tapped, n_images), tap.slot, activation.clone())  # safe from in-place steps
    answers = {module: [_expanded(output, n_images) for output in calls] for module, calls in recording.outputs.items()}
    answers[model.get_submodule(tap.module_name)] = [injected]
    answering = {module: _first_answering(outputs, module.forward) for module, outputs in answers.items()}
    differentiated = torch.is_grad_enabled() and activation.requires_grad
    shorter = _short_cuts(model, made, differentiated=differentiated) if tap.short_cut else {}
    with _forwarding(shorter | answering):
        return model(recording.image.expand(n_images, -1, -1, -1)).float()


@contextmanager
def _forwarding(forwards: dict[nn.Module, Callable[..., Any]]) -> Generator[None]:
    """While active, each module computes what its given forward does."""
    before = {module: vars(module).get("forward") for module in forwards}
    for module, forward in forwards.items():
        module.forward = forward
    try:
        yield
    finally:
        for module, forward in before.items():
            del module.forward
            if forward is not None:
                module.forward = forward


def _first_answering(outputs: list[Any], compute: Callable[..., Any]) -> Callable[..., Any]:
    """A forward whose first calls return the given outputs; later ones (shared modules) compute."""
    remaining = iter(outputs)

    def forward(*args: Any, **kwargs: Any) -> Any:
        for output in remaining:
            return output
        return compute(*args, **kwargs)

    return forward


@contextmanager
def _hooked(
    model: nn.Module,
    leave: Callable[[str, nn.Module, Any, Any], None],
    enter: Callable[[nn.Module], object] = lambda module: None,
) -> Generator[None]:
    """While active, ``enter(module)`` and ``leave(name, module, inputs, output)`` are called around every module."""
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda module, _inputs: enter(module)))
        handles.append(module.register_forward_hook(partial(leave, name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layout_of(tensor: Tensor, feature_map: Tensor) -> Layout | None:
    """How the tensor holds the map; None if it does not."""
    n, c, h, w = feature_map.shape
    shape = tuple(tensor.shape)
    if shape == (n, c, h, w) and _agrees(tensor, feature_map):
        return Layout("NCHW")
    channels_last = feature_map.permute(0, 2, 3, 1)
    if shape == (n, h, w, c) and _agrees(tensor, channels_last):
        return Layout("NHWC")
    n_prefix_tokens = shape[1] - h * w if len(shape) == 3 and shape[2] == c else -1
    if n_prefix_tokens >= 0 and _agrees(tensor[:, n_prefix_tokens:], channels_last.flatten(1, 2)):
        return Layout("tokens", n_prefix_tokens)
    return None


def _agrees(tensor: Tensor, other: Tensor) -> bool:
    return torch.allclose(tensor.float(), other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


def _grid_of(activation: Tensor, tap: Tap, image_height: int) -> tuple[int, int]:
    """Height and width of the map; for tokens, the split of their number that is nearest to the image's height."""
    if tap.layout.name != "tokens":
        first = 2 if tap.layout.name == "NCHW" else 1
        return activation.shape[first], activation.shape[first + 1]
    n_positions = activation.shape[1] - tap.layout.n_prefix_tokens
    heights = [height for height in range(1, n_positions + 1) if n_positions % height == 0]
    height = min(heights, key=lambda height: abs(height - image_height / tap.depth.reduction))
    return height, n_positions // height


def _tensors_in(output: Any) -> list[tuple[int | None, Tensor]]:
    """The tensors a module returned, each with its place."""
    if isinstance(output, Tensor):
        return [(None, output)]
    parts = output if isinstance(output, (tuple, list)) else ()
    return [(slot, part) for slot, part in enumerate(parts) if isinstance(part, Tensor)]


def replaced(output: Any, slot: int | None, tensor: Tensor) -> Any:
    """What a module returned with the tensor, of any shape (...), in its place."""
    if slot is None:
        return tensor
    return type(output)(tensor if place == slot else part for place, part in enumerate(output))


def _mapped(change: Callable[[Tensor], Tensor], output: Any) -> Any:
    """What a module returned, tuples, lists and dicts included, with every tensor changed."""
    match output:
        case Tensor():
            return change(output)
        case tuple() | list():
            return type(output)(_mapped(change, part) for part in output)
        case dict():
            return {key: _mapped(change, part) for key, part in output.items()}
    return output


def _cloned(output: Any) -> Any:
    return _mapped(lambda tensor: tensor.detach().clone(), output)


def _expanded(output: Any, n_images: int) -> Any:
    """A recorded output for several images; tensors without an axis of images stay as they are."""

    def expand(tensor: Tensor) -> Tensor:
        has_images = tensor.ndim > 1 and tensor.shape[0] == 1
        return tensor.expand(n_images, *tensor.shape[1:]) if has_images else tensor

    return _mapped(expand, output)
