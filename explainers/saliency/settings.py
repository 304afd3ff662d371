"""What decides a second opinion besides encoder and photo."""

from dataclasses import dataclass
from typing import Literal, get_args

from explainers.visual_tcav.settings import ExplainSettings
from models.errors import BadSettings

MapName = Literal["visual_tcav", "grad_cam", "integrated_gradients", "middle_first"]
MAP_NAMES: tuple[MapName, ...] = get_args(MapName)  # in the order shown; the last one knows nothing of the network


@dataclass(frozen=True)
class SaliencySettings:
    """What decides a second opinion, besides encoder and photo."""

    depths: tuple[int, ...] = ()  # () means the encoder's default depths, as far as they can be attributed to
    class_idx: int | None = None  # None means the most probable class
    n_steps: int = 50  # of integrated gradients
    n_shares: int = 10  # steps in which the photo is removed or restored
    n_random: int = 99  # random orders: enough for three maps at one depth to be significant after Holm's correction
    input_size: int = 0  # 0 means the size the encoder was trained at
    seed: int = 0

    @property
    def of_evidence(self) -> ExplainSettings:
        """The settings under which evidence is followed."""
        classes = () if self.class_idx is None else (self.class_idx,)
        return ExplainSettings(self.depths, classes, self.n_steps, input_size=self.input_size, seed=self.seed)


def require_valid(settings: SaliencySettings) -> None:
    """Raises BadSettings where a number makes no sense."""
    for name, (low, high) in {"n_shares": (2, 1000), "n_random": (1, 10_000)}.items():
        if not low <= getattr(settings, name) <= high:
            raise BadSettings(f"{name} is {getattr(settings, name)}; a number from {low} to {high} is needed.")
