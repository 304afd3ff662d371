"""Weights from a file, put into the network that they belong to: every tensor has its place and no place stays empty.

    match       tensors of a file beside those that a network needs, by name and shape
    prefix      what a wrapper put before the name of every tensor; it is taken off where the tensors fit without it

Nothing is left to chance: a network that would be served with a part of its weights drawn at random is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from models.encoder.building import MODEL_ERRORS, TimmModel, build_model
from models.errors import BadCheckpoint

HARMLESS_PREFIXES = ("module.", "model.", "encoder.", "backbone.", "net.", "_orig_mod.")  # what wrappers put before every key
N_NAMED = 3  # of the tensors that do not fit
_OPTIONAL = ("num_batches_tracked",)  # counters of batch normalisation, which nothing here reads

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Mismatch:
    """One tensor that does not fit; a shape is None on the side where the tensor is missing."""

    name: str
    stored: Shape | None
    needed: Shape | None

    def __str__(self) -> str:
        if self.stored is None:
            return f"{self.name} {self.needed} is missing from the file"
        if self.needed is None:
            return f"{self.name} {self.stored} has no place in the architecture"
        return f"{self.name} is {self.stored} in the file, but {self.needed} is needed"


@dataclass(frozen=True)
class Match:
    """How tensors fit a network once ``prefix`` is taken off their names."""

    prefix: str
    n_fitting: int
    mismatches: tuple[Mismatch, ...]  # in the order of the network

    @property
    def fits(self) -> bool:
        """Whether every tensor has its place and no place is empty."""
        return not self.mismatches


def match_shapes(stored: Mapping[str, Shape], needed: Mapping[str, Shape]) -> Match:
    """Stored tensors beside the needed ones, shapes by name. The prefix is the one with which most fits; often none."""
    matches = [_matched(stored, needed, prefix) for prefix in harmless_prefixes(stored)]
    return min(matches, key=lambda match: len(match.mismatches))


def harmless_prefixes(names: Iterable[str]) -> list[str]:
    """The empty prefix, and the ever longer ones that wrappers put before every name; of no name at all the empty one alone."""
    names, prefixes = list(names), [""]
    while names and (longer := [part for part in HARMLESS_PREFIXES if _all_begin(names, prefixes[-1] + part)]):
        prefixes.append(prefixes[-1] + longer[0])
    return prefixes


def _all_begin(names: Sequence[str], prefix: str) -> bool:
    return all(name.startswith(prefix) for name in names)


def _matched(stored: Mapping[str, Shape], needed: Mapping[str, Shape], prefix: str) -> Match:
    stored = {name.removeprefix(prefix): shape for name, shape in stored.items()}
    wanted = {name: shape for name, shape in needed.items() if name in stored or not name.endswith(_OPTIONAL)}
    names = [*wanted, *(name for name in stored if name not in wanted)]
    pairs = [Mismatch(name, stored.get(name), wanted.get(name)) for name in names]
    mismatches = tuple(pair for pair in pairs if pair.stored != pair.needed)
    return Match(prefix, len(pairs) - len(mismatches), mismatches)


def in_words(mismatches: Sequence[Mismatch]) -> str:
    """The first tensors that do not fit, by name and shapes, and how many more there are."""
    more = len(mismatches) - N_NAMED
    return "; ".join(map(str, mismatches[:N_NAMED])) + (f"; and {more} more do not fit" if more > 0 else "")


def build_with_weights(source: str, weights: Mapping[str, Tensor], **described: Any) -> TimmModel:
    """The timm model of a ``local-dir:`` folder with these weights, tensors of any shape (...) by name.

    ``described`` takes the place of what the folder's configuration says of the weights. Weights that need more than a prefix
    taken off are left to timm, which knows the names and sizes of other releases of its architectures. Raises BadCheckpoint, with
    names and shapes, where they do not fit.
    """
    model = build_model(source, {}, pretrained=False, pretrained_cfg_overlay=described)
    match = match_shapes(_shapes(weights), _shapes(model.state_dict()))
    if match.fits:
        model.load_state_dict({name.removeprefix(match.prefix): tensor for name, tensor in weights.items()}, strict=False)
        return model
    return _converted(source, weights, match, {**described, "num_classes": model.num_classes})


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _converted(source: str, weights: Mapping[str, Tensor], match: Match, described: Mapping[str, Any]) -> TimmModel:
    """The model with weights that timm converts. It drops a head only where the numbers of classes differ."""
    state = {name.removeprefix(match.prefix): tensor for name, tensor in weights.items()}
    overlay = {**described, "source": "", "state_dict": state}
    try:
        model = build_model(source, {}, pretrained=True, pretrained_cfg_overlay=overlay)
    except MODEL_ERRORS as error:
        raise BadCheckpoint(f"its files do not fit the architecture: {in_words(match.mismatches)}.") from error
    model.pretrained_cfg.update(state_dict=None)  # or it would hold the weights a second time
    return model
