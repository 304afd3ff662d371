"""What making an index asks of the service: plain data, group after group, so that others have their turn in between.

None of the answers is kept by the service: each goes to disk.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from explainers.datasets.findings import Audit, Hit, NamedByConcept, RankedConcepts, RegionMap, ReplacedPart, WordQuery
from explainers.dictionaries.clustering import Dictionary
from explainers.dictionaries.regions import Regions
from explainers.dictionaries.settings import DictionarySettings
from explainers.library.regions import Region
from explainers.library.sets import OpenSet
from explainers.runtime.scheduler import Activity
from explainers.runtime.worker import Urgency
from explainers.service.questions import Question
from models.encoder import EncoderInfo
from models.photo import Photo


@dataclass(frozen=True)
class AskAudit(Question[Audit]):
    """Which parts of an index carry the evidence for a class, and where the network fails."""

    folder: Path
    index_key: str  # of the index that is meant: a newer one in the same folder is another question
    k: int
    classes: tuple[int, ...] = ()  # all that can be tested, unless some are named
    seed: int = 0

    urgency = Urgency.SOON

    @property
    def kept_as(self) -> Hashable:
        return self

    @property
    def activity(self) -> Activity:
        return Activity("auditing", f"the index '{self.folder.name}'")


@dataclass(frozen=True)
class NameParts(Question[tuple[NamedByConcept, ...]]):
    """Which parts of an index respond to some concepts."""

    folder: Path
    index_key: str
    k: int
    concepts: tuple[OpenSet, ...]
    random: OpenSet

    @property
    def activity(self) -> Activity:
        return Activity("naming", f"parts of the index '{self.folder.name}'")


@dataclass(frozen=True)
class RankConcepts(Question[RankedConcepts]):
    """What the parts of an index that respond to concepts carry together for each class, and how they go with errors."""

    folder: Path
    index_key: str
    k: int
    concepts: tuple[OpenSet, ...]
    random: OpenSet
    seed: int = 0

    @property
    def activity(self) -> Activity:
        return Activity("ranking", f"{len(self.concepts)} concepts in the index '{self.folder.name}'")


@dataclass(frozen=True)
class ReplaceParts(Question[tuple[ReplacedPart, ...]]):
    """What becomes of classes in their photos if parts are replaced by what surrounds them."""

    folder: Path
    index_key: str
    data: Path  # where the photos lie
    k: int
    rows: tuple[tuple[int, int], ...]  # classes and parts
    n_photos: int = 24  # of each class and part, at most
    n_places: int = 19  # other places in each photo
    seed: int = 0

    @property
    def activity(self) -> Activity:
        return Activity("replacing", f"parts of the index '{self.folder.name}'")


@dataclass(frozen=True)
class QueryByRegion(Question[tuple[float, ...]]):
    """What looks for regions like that of a photo: its coordinates in the space of an index."""

    folder: Path
    index_key: str
    photo: Photo
    region: Region | None  # None: all of the photo

    urgency = Urgency.NOW

    @property
    def activity(self) -> Activity:
        return Activity("looking at", f"a region of '{self.photo.name}'")


@dataclass(frozen=True)
class QueryByConcept(Question[tuple[float, ...]]):
    """What looks for regions that respond to a concept: its CAV in the space of an index."""

    folder: Path
    index_key: str
    concept: OpenSet
    random: OpenSet

    @property
    def activity(self) -> Activity:
        return Activity("fitting", f"the concept '{self.concept.name}'")


@dataclass(frozen=True)
class QueryByWord(Question[WordQuery]):
    """What looks for regions that respond to a word: its CAV in the space of an index, by way of a text tower and of photos of
    the index that tower and encoder have both seen."""

    folder: Path
    index_key: str
    data: Path  # where the photos lie
    word: str
    tower: str
    n_photos: int = 120  # on which the map between the two is fitted, at most
    seed: int = 0

    @property
    def activity(self) -> Activity:
        return Activity("mapping", f"the word '{self.word}'")


@dataclass(frozen=True)
class SearchRegions(Question[tuple[Hit, ...]]):
    """The regions of an index that are most alike to a query."""

    folder: Path
    index_key: str
    k: int
    query: tuple[float, ...]  # coordinates in the space of the dictionary
    n_hits: int = 24

    urgency = Urgency.NOW

    @property
    def activity(self) -> Activity:
        return Activity("searching", f"the index '{self.folder.name}'")


@dataclass(frozen=True)
class MapRegions(Question[RegionMap]):
    """Some regions of an index on a plane, those that are alike near each other."""

    folder: Path
    index_key: str
    k: int
    n_regions: int = 800
    seed: int = 0

    @property
    def kept_as(self) -> Hashable:
        return self

    @property
    def activity(self) -> Activity:
        return Activity("mapping", f"regions of the index '{self.folder.name}'")


@dataclass(frozen=True)
class Chosen:
    """An encoder with the depth and the input size that an index takes."""

    encoder: EncoderInfo
    depth: int
    input_size: int  # px


@dataclass(frozen=True)
class ChooseDepth(Question[Chosen]):
    """Which depth and which input size an index takes; None and 0 leave them to the encoder."""

    encoder_name: str
    depth: int | None
    input_size: int

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("indexing", "a data set", self.encoder_name)


@dataclass(frozen=True)
class PhotosAtDepth:
    """Some photos as an encoder sees them at one depth."""

    encoder_name: str
    depth: int
    input_size: int  # px
    photos: tuple[Photo, ...]


@dataclass(frozen=True)
class SampleActivations(Question[tuple[np.ndarray, ...]]):
    """Activations (n, C) at some positions of each photo, which its hash and the seed choose."""

    seen: PhotosAtDepth
    n_positions: int  # of each photo
    seed: int

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("sampling", f"{len(self.seen.photos)} photos", self.seen.encoder_name)


@dataclass(frozen=True)
class FitDictionary(Question[Dictionary]):
    """The dictionary of sampled activations (n, C)."""

    settings: DictionarySettings
    key: str  # a hash of what was sampled
    activations: np.ndarray = field(compare=False, repr=False)

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("clustering", f"{len(self.activations)} positions")


@dataclass(frozen=True, eq=False)
class Described:
    """One photo: its most probable classes, and its regions for every k."""

    class_idx: tuple[int, ...]  # the most probable first
    probabilities: tuple[float, ...]
    regions: Mapping[int, Regions]  # by k


@dataclass(frozen=True)
class DescribePhotos(Question[tuple[Described, ...]]):
    """What an index keeps of each photo."""

    seen: PhotosAtDepth
    key: str  # of the dictionary
    dictionary: Dictionary = field(compare=False, repr=False)

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("indexing", f"{len(self.seen.photos)} photos", self.seen.encoder_name)
