"""Random weights beside encoders: one network per architecture, other weights for every seed."""

from collections.abc import Sequence

from models.encoder import Encoder
from models.encoder.encoder import randomised

RANDOM = "random weights"


def architecture_of(encoder: Encoder) -> str:
    """What encoders of one architecture share."""
    return f"{encoder.spec.architecture} {encoder.spec.model_args}"


def random_name(encoder: Encoder, encoders: Sequence[Encoder]) -> str:
    """What the random weights of an encoder's architecture are called: after the first of the encoders that has it."""
    first = next(other for other in encoders if architecture_of(other) == architecture_of(encoder))
    return f"{first.info.name}, {RANDOM}"


def with_random(encoders: Sequence[Encoder], seed: int) -> dict[str, Encoder]:
    """Encoders by name, and every architecture once with the random weights of a seed."""
    architectures = {random_name(encoder, encoders): encoder for encoder in reversed(encoders)}
    random = {name: randomised(encoder, seed) for name, encoder in reversed(architectures.items())}
    return {encoder.info.name: encoder for encoder in encoders} | random
