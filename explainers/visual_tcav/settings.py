"""What decides an explanation besides encoder, photos, concepts and random counterpart."""

from dataclasses import dataclass

from explainers.visual_tcav.fitting import FitSettings

N_CLASSES = 3  # how many of the most probable classes are explained unless some are named


@dataclass(frozen=True)
class ExplainSettings:
    """What decides an explanation, besides encoder, photos, concepts and random counterpart."""

    depths: tuple[int, ...] = ()  # () means the encoder's default depths, as far as they can be attributed to
    class_idx: tuple[int, ...] = ()  # () means the three most probable classes
    n_steps: int = 50
    n_null: int = 1000  # pseudo-concepts: enough to tell p = 0.002 from 0.005, which Holm needs over ten or twenty estimates
    n_bootstrap: int = 100  # replicates behind every interval
    input_size: int = 0  # 0 means the size the encoder was trained at
    seed: int = 0

    @property
    def fit(self) -> FitSettings:
        return FitSettings(self.n_null, self.n_bootstrap, self.seed)
