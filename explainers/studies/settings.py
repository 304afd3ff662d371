"""What decides the figures of a study, besides weights and photos."""

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

from explainers.nave.settings import INPUT_SIZE_RANGE
from models.catalog.entries import HUB_PREFIX
from models.errors import BadSettings

MAX_ENCODERS, MAX_SEEDS, MAX_PHOTOS = 12, 20, 64


@dataclass(frozen=True)
class StudySettings:
    """What a study is asked about."""

    encoders: tuple[str, ...]
    n_scenes: int = 8  # rendered where no photos are given
    n_seeds: int = 3
    input_size: int = 448  # px, the side of a square of as many pixels

    @property
    def seeds(self) -> range:
        """The seeds, from 0."""
        return range(self.n_seeds)

    @property
    def short_names(self) -> dict[str, str]:
        """What encoders are called that come from a folder: its own name, where no other encoder has it."""
        last = Counter(PurePath(name).name for name in self.encoders)
        local = [name for name in self.encoders if not name.startswith(HUB_PREFIX)]  # whose it is belongs to a hub's name
        return {name: short for name in local if (short := PurePath(name).name) != name and last[short] == 1}


def require_valid(settings: StudySettings, n_photos: int) -> None:
    """Raises BadSettings for what no study can do; ``n_photos`` counts photos that are given."""
    smallest, largest = INPUT_SIZE_RANGE
    wanted = {
        "encoders": (len(settings.encoders), 1, MAX_ENCODERS),
        "seeds": (settings.n_seeds, 1, MAX_SEEDS),
        "photos": (n_photos or settings.n_scenes, 1, MAX_PHOTOS),
        "pixels as input size": (settings.input_size, smallest, largest),
    }
    for what, (n, low, high) in wanted.items():
        if not low <= n <= high:
            raise BadSettings(f"{n} {what} were asked for; {low} to {high} are possible.")
