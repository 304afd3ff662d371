"""What decides an intervention besides encoder, photos, concepts and random counterpart."""

from dataclasses import dataclass
from typing import Literal, get_args

from explainers.visual_tcav.settings import ExplainSettings
from models.errors import BadSettings

Where = Literal["everywhere", "map", "prefix", "both"]
Method = Literal["projection", "leace"]
WHERES: tuple[Where, ...] = get_args(Where)
METHODS: tuple[Method, ...] = get_args(Method)
REMOVED, UNCHANGED = 0.0, 1.0
STRENGTHS = tuple(step / 4 for step in range(9))  # from removed to doubled
MAX_STRENGTH = 10.0
MAX_NULL = 10_000


@dataclass(frozen=True)
class InterventionSettings:
    """What decides an intervention, besides encoder, photos, concepts and random counterpart."""

    depths: tuple[int, ...] = ()  # () means the encoder's default depths, as far as they can be attributed to
    class_idx: tuple[int, ...] = ()  # () means the three most probable classes
    strengths: tuple[float, ...] = STRENGTHS  # each once, in order; removed and unchanged are always among them
    where: Where = "everywhere"
    method: Method = "projection"
    n_null: int = 200  # pseudo-concepts
    n_fitted: int = 1000  # pseudo-concepts that are fitted, of which the first n_null take part; those of an explanation serve
    n_bootstrap: int = 100  # replicates of a fit, and of the images behind the interval of a class
    input_size: int = 0  # 0 means the size the encoder was trained at
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strengths", tuple(sorted({REMOVED, UNCHANGED, *map(float, self.strengths)})))

    @property
    def of_fits(self) -> ExplainSettings:
        """The settings under which CAVs and pseudo-concepts are fitted."""
        n_null = max(self.n_null, self.n_fitted)
        return ExplainSettings(
            self.depths,
            self.class_idx,
            n_null=n_null,
            n_bootstrap=self.n_bootstrap,
            input_size=self.input_size,
            seed=self.seed,
        )


def require_valid(settings: InterventionSettings) -> None:
    """Raises BadSettings where a strength, a place or a method makes no sense."""
    for strength in settings.strengths:
        if not 0 <= strength <= MAX_STRENGTH:
            raise BadSettings(f"A strength of {strength:g} was given; from 0, removed, to {MAX_STRENGTH:g} is possible.")
    if not 1 <= settings.n_null <= MAX_NULL:
        raise BadSettings(f"n_null is {settings.n_null}; a number from 1 to {MAX_NULL} is needed.")
    for name, given, possible in (("where", settings.where, WHERES), ("method", settings.method, METHODS)):
        if given not in possible:
            raise BadSettings(f"{name} is '{given}'. Choose one of: {', '.join(possible)}.")
