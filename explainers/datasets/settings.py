"""What decides an index, besides the photos."""

from dataclasses import dataclass, field

from explainers.dictionaries.settings import DictionarySettings


@dataclass(frozen=True)
class IndexSettings:
    """How a data set is looked at."""

    encoder_name: str
    depth: int | None = None  # None: the one before the deepest of those that the encoder is looked at by default
    input_size: int = 0  # px; 0: what the encoder was trained with
    dictionary: DictionarySettings = field(default_factory=DictionarySettings)
    photos_per_shard: int = 1000
