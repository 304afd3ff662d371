"""What decides a dictionary of parts, besides the encoder, the depth and the photos."""

from dataclasses import dataclass

from models.errors import BadSettings

LIMITS = {"n_positions": (100, 1_000_000), "n_components": (2, 256), "seed": (0, 2**31 - 1)}
K_RANGE = (2, 1024)


@dataclass(frozen=True)
class DictionarySettings:
    """How positions of many photos are clustered."""

    ks: tuple[int, ...] = (32, 64, 128)  # how many parts, all of them from one sample
    n_positions: int = 20_000  # of all photos together, on which clusters are fitted
    n_components: int = 64  # principal components that are kept of the activations
    seed: int = 0


def require_valid(settings: DictionarySettings) -> None:
    """Raises BadSettings where a number makes no sense."""
    low, high = K_RANGE
    if not settings.ks or any(not low <= k <= high for k in settings.ks) or len(set(settings.ks)) < len(settings.ks):
        raise BadSettings(f"{settings.ks} parts were asked for; different numbers from {low} to {high} are needed.")
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(settings, name) <= most:
            raise BadSettings(f"{name} is {getattr(settings, name)}; a number from {least} to {most} is needed.")
