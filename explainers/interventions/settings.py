"""What decides an intervention besides encoder, photos, concepts and random counterpart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from explainers.visual_tcav.settings import ExplainSettings
from models.errors import BadSettings

Where = Literal["everywhere", "map", "prefix", "both"]
Method = Literal["projection", "leace"]
WHERES: tuple[Where, ...] = get_args(Where)
METHODS: tuple[Method, ...] = get_args(Method)
Filling = Literal["surroundings", "photo", "other"]
FILLINGS: tuple[Filling, ...] = get_args(Filling)
REMOVED, UNCHANGED = 0.0, 1.0
STRENGTHS = tuple(step / 4 for step in range(9))  # from removed to doubled
MAX_STRENGTH = 10.0
MAX_NULL = 10_000


@dataclass(frozen=True)
class InterventionSettings:
    """What decides an intervention, besides encoder, photos, concepts and random counterpart."""

    depths: tuple[int, ...] = ()  # () means all of ``depths_in_one_pass`` that decide the logits
    class_idx: tuple[int, ...] = ()  # () means the three most probable classes
    strengths: tuple[float, ...] = STRENGTHS  # each once, in order; removed and unchanged are always among them
    where: Where = "everywhere"
    method: Method = "projection"
    n_null: int = 200  # pseudo-concepts
    n_fitted: int = 1000  # pseudo-concepts that are fitted, of which the first n_null take part; those of an explanation serve
    n_bootstrap: int = 100  # replicates of a fit, and of the images behind the interval of a class
    input_size: int = 0  # 0 means the size the encoder was trained at
    seed: int = 0
    each_depth: bool = True  # every depth alone, too, and not only all of them in one pass

    def __post_init__(self) -> None:
        object.__setattr__(self, "strengths", with_both_ends(self.strengths))

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


@dataclass(frozen=True)
class RegionSettings:
    """What decides what replacing a region does, besides encoder, photo and region."""

    depths: tuple[int, ...] = ()  # () means the encoder's default depths, as far as they can be attributed to
    class_idx: tuple[int, ...] = ()  # () means the three most probable classes
    strengths: tuple[float, ...] = STRENGTHS  # each once, in order; replaced and unchanged are always among them
    filling: Filling = "surroundings"
    n_null: int = 200  # other places of the same shape, at most
    input_size: int = 0  # 0 means the size the encoder was trained at
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strengths", with_both_ends(self.strengths))

    @property
    def of_evidence(self) -> ExplainSettings:
        """Depths, classes and size, as explanations have them."""
        return ExplainSettings(self.depths, self.class_idx, input_size=self.input_size, seed=self.seed)


def with_both_ends(strengths: Sequence[float]) -> tuple[float, ...]:
    """Strengths, each once and in order, with removed and unchanged among them."""
    return tuple(sorted({REMOVED, UNCHANGED, *map(float, strengths)}))


def require_valid(settings: InterventionSettings | RegionSettings) -> None:
    """Raises BadSettings where a strength, a place, a method or a filling makes no sense."""
    for strength in settings.strengths:
        if not 0 <= strength <= MAX_STRENGTH:
            raise BadSettings(f"A strength of {strength:g} was given; from 0, removed, to {MAX_STRENGTH:g} is possible.")
    if not 1 <= settings.n_null <= MAX_NULL:
        raise BadSettings(f"n_null is {settings.n_null}; a number from 1 to {MAX_NULL} is needed.")
    for name, possible in (("where", WHERES), ("method", METHODS), ("filling", FILLINGS)):
        given = getattr(settings, name, possible[0])
        if given not in possible:
            raise BadSettings(f"{name} is '{given}'. Choose one of: {', '.join(possible)}.")
