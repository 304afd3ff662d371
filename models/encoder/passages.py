"""The rest of a network after the first of several depths, with the later ones open to change on the way.

    passage   one image at K depths; tokens of the first go in, and what arrives at each later depth may be replaced there
              before the network goes on

What is changed early is partly put back by what other positions and channels know of it, so a change at one depth says less than
the same at every depth in one pass.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from models.encoder.heads import Head, Tap, head_for, replaced

Change = Callable[[Tensor], Tensor]  # of tokens (N, P + H*W, C)


@dataclass(frozen=True, eq=False)
class Passage:
    """One image at K depths, and the network from the first of them on."""

    heads: tuple[Head, ...]  # one per depth, shallow first
    _on_the_way: Head = field(repr=False)  # the first again, with every token of the later depths computed
    _model: nn.Module = field(repr=False)
    _later: tuple[Tap, ...] = field(repr=False)

    def logits_of_tokens(self, tokens: Tensor, *changes: Change) -> Tensor:
        """Logits (N, n_classes) for tokens (N, P + H*W, C) at the first depth; ``changes``, none or one per later depth, make
        what goes on there of the tokens that arrive, (N, P + H*W, C)."""
        if not changes:
            return self.heads[0].logits_of_tokens(tokens)
        with ExitStack() as stack:
            for tap, head, change in zip(self._later, self.heads[1:], changes, strict=True):
                stack.enter_context(_changed(self._model, tap, head.grid, change))
            return self._on_the_way.logits_of_tokens(tokens)


def passage_for(model: nn.Module, taps: Sequence[Tap], image: Tensor) -> Passage:
    """Runs the image, (3, H, W) or (1, 3, H, W), up to each tap; taps shallow first."""
    heads = tuple(head_for(model, tap, image) for tap in taps)
    needs_all = len(taps) > 1 and taps[0].short_cut
    on_the_way = head_for(model, replace(taps[0], short_cut=False), image) if needs_all else heads[0]
    return Passage(heads, on_the_way, model, tuple(taps[1:]))


@contextmanager
def _changed(model: nn.Module, tap: Tap, grid: tuple[int, int], change: Change) -> Generator[None]:
    """While active, the tapped module gives on what the change makes of its tokens."""

    def changed_output(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        activation = output if tap.slot is None else output[tap.slot]
        tokens = change(tap.layout.tokens_of(activation).float())
        return replaced(output, tap.slot, tap.layout.of_tokens(tokens, grid).to(activation.dtype))

    handle = model.get_submodule(tap.module_name).register_forward_hook(changed_output)
    try:
        yield
    finally:
        handle.remove()
