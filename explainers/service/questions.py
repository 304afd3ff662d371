"""What can be asked of the service: one frozen dataclass per question, plain data that can go to another process.

A question about an encoder says what decides its answer besides the encoder (``content``): hashes and settings, never names.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from explainers.interventions.settings import InterventionSettings
from explainers.library.sets import OpenSet
from explainers.maps.part_maps import PartMap
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.results.comparisons import SegmentedPhotos
from explainers.results.components import ComponentsResult
from explainers.results.explanations import ClassExplanation, ConceptMaps, HealthReport, LocalExplanation
from explainers.results.interventions import ClassIntervention, PhotoIntervention
from explainers.results.look_alikes import LookAlikesResult
from explainers.results.segmentations import Predictions, SegmentationResult, SegmentationsResult
from explainers.runtime.scheduler import Activity
from explainers.runtime.worker import Urgency
from explainers.visual_tcav.settings import ExplainSettings
from models.catalog.admission import Admission
from models.catalog.checkpoints import Checkpoint, CheckpointMatch, Upload
from models.encoder import EncoderInfo
from models.photo import Photo

Answer = TypeVar("Answer")
OfDepths = TypeVar("OfDepths", NaveSettings, ComponentSettings)


class Question(Generic[Answer]):
    """What is asked."""

    @property
    def activity(self) -> Activity:
        """What answering it does, in words."""
        raise NotImplementedError

    @property
    def urgency(self) -> Urgency:
        """What it goes before, and after."""
        return Urgency.SOON

    @property
    def kept_as(self) -> Hashable | None:
        """What the answer is kept under where the question alone decides it; None where it is not kept."""
        return None


@dataclass(frozen=True)
class EncoderQuestion(Question[Answer]):
    """A question that a loaded encoder answers; the answer is kept under the encoder's fingerprint and ``content``."""

    encoder_name: str

    @property
    def verb(self) -> str:
        """What answering it does, in a word."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """What it is done to; may name somebody's file."""
        raise NotImplementedError

    @property
    def activity(self) -> Activity:
        return Activity(self.verb, self.subject, self.encoder_name)

    @property
    def photos_in_order(self) -> tuple[Photo, ...]:
        """The photos that the answer names."""
        return ()

    @property
    def size_ahead(self) -> int | None:
        """The input size in pixels at which photos can be prepared while the encoder is busy; None where it is not worth it."""
        return None

    def content(self, info: EncoderInfo) -> Hashable:
        """Everything that decides the answer besides the encoder."""
        raise NotImplementedError


@dataclass(frozen=True)
class PhotoQuestion(EncoderQuestion[Answer]):
    """A question about one photo."""

    photo: Photo

    @property
    def photos_in_order(self) -> tuple[Photo, ...]:
        return (self.photo,)

    @property
    def subject(self) -> str:
        return f"'{self.photo.name}'"


@dataclass(frozen=True)
class PhotosQuestion(EncoderQuestion[Answer]):
    """A question about several photos, in their order."""

    photos: tuple[Photo, ...]

    urgency = Urgency.LATER

    @property
    def photos_in_order(self) -> tuple[Photo, ...]:
        return self.photos

    @property
    def subject(self) -> str:
        return f"{len(self.photos)} photos"


def as_one_photo(photos: Sequence[Photo]) -> Urgency:
    """Of what takes as long as there are photos: two are looked at as one is."""
    return Urgency.NOW if len(photos) <= 2 else Urgency.LATER


# --- segmentation maps and classes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment(PhotoQuestion[SegmentationResult]):
    """The segmentation maps of a photo for every k; ``settings.depths == ()`` means the encoder's default depths."""

    settings: NaveSettings

    urgency = Urgency.NOW
    verb = "segmenting"

    @property
    def size_ahead(self) -> int | None:
        return self.settings.input_size

    def content(self, info: EncoderInfo) -> Hashable:
        return _hashes(self), resolved(self.settings, info)


@dataclass(frozen=True)
class _SegmentPhotos(PhotosQuestion[Answer]):
    settings: NaveSettings

    verb = "segmenting"

    @property
    def urgency(self) -> Urgency:
        return as_one_photo(self.photos)

    def content(self, info: EncoderInfo) -> Hashable:
        return _hashes(self), resolved(self.settings, info)


@dataclass(frozen=True)
class SegmentEach(_SegmentPhotos[SegmentationsResult]):
    """The segmentation maps of several photos, each clustered alone, computed side by side."""

    @property
    def size_ahead(self) -> int | None:
        return self.settings.input_size


@dataclass(frozen=True)
class SegmentTogether(_SegmentPhotos[SegmentationsResult]):
    """The segmentation maps of several photos clustered together: a cluster means one thing in all of them."""


@dataclass(frozen=True)
class SegmentForComparison(_SegmentPhotos[SegmentedPhotos]):
    """The segmentation maps of several photos, each clustered alone, shrunk to what comparing encoders needs."""


@dataclass(frozen=True)
class FindComponents(PhotosQuestion[ComponentsResult]):
    """What it takes to say which places of photos are alike: their positions on a few principal components, of all together.

    ``settings.depths == ()`` means the encoder's default depths.
    """

    settings: ComponentSettings

    verb = "comparing"

    @property
    def urgency(self) -> Urgency:
        return as_one_photo(self.photos)

    @property
    def subject(self) -> str:
        return f"the places of '{self.photos[0].name}'" if len(self.photos) == 1 else f"the places of {len(self.photos)} photos"

    def content(self, info: EncoderInfo) -> Hashable:
        return _hashes(self), resolved(self.settings, info)


@dataclass(frozen=True)
class Classify(PhotoQuestion[Predictions]):
    """The most probable classes of a photo, at the size the encoder was trained at."""

    urgency = Urgency.NOW
    verb = "classifying"

    def content(self, info: EncoderInfo) -> Hashable:
        return self.photo.sha256


# --- concepts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _ConceptsInPhoto(PhotoQuestion[Answer]):
    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings | InterventionSettings

    def content(self, info: EncoderInfo) -> Hashable:
        return _hashes(self), _sets((*self.concepts, self.random)), self.settings


@dataclass(frozen=True)
class _ConceptsInPhotos(PhotosQuestion[Answer]):
    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings | InterventionSettings

    @property
    def subject(self) -> str:
        return f"{len(self.photos)} images"

    def content(self, info: EncoderInfo) -> Hashable:
        return _hashes(self), _sets((*self.concepts, self.random)), self.settings


@dataclass(frozen=True)
class ExplainPhoto(_ConceptsInPhoto[LocalExplanation]):
    """Where each concept is seen in a photo, and what it contributes to some classes, at several depths."""

    settings: ExplainSettings

    verb = "explaining"


@dataclass(frozen=True)
class ExplainClass(_ConceptsInPhotos[ClassExplanation]):
    """What each concept contributes to one class over many photos of it; ``settings.class_idx`` names that class."""

    settings: ExplainSettings

    verb = "explaining"


@dataclass(frozen=True)
class CheckConcepts(EncoderQuestion[HealthReport]):
    """What the CAVs of some concepts are worth, at every depth unless some are named."""

    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings

    urgency = Urgency.LATER
    verb = "checking"

    @property
    def subject(self) -> str:
        return f"{len(self.concepts)} concepts"

    def content(self, info: EncoderInfo) -> Hashable:
        return _sets((*self.concepts, self.random)), self.settings


@dataclass(frozen=True)
class MapConcepts(_ConceptsInPhoto[ConceptMaps]):
    """Where each concept is seen in a photo, at every depth unless some are named; works without a classifier."""

    settings: ExplainSettings

    verb = "mapping"

    @property
    def subject(self) -> str:
        return f"{len(self.concepts)} concepts in '{self.photo.name}'"


@dataclass(frozen=True)
class InterveneOnPhoto(_ConceptsInPhoto[PhotoIntervention]):
    """What changes for some classes if each concept is removed from a photo, or made stronger, at several depths."""

    settings: InterventionSettings

    verb = "changing"


@dataclass(frozen=True)
class InterveneOnClass(_ConceptsInPhotos[ClassIntervention]):
    """How far one class falls on average over many photos of it if a concept is removed; ``settings.class_idx`` names it."""

    settings: InterventionSettings

    verb = "changing"


# --- parts --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LookAlikes(PhotosQuestion[LookAlikesResult]):
    """Which concepts the parts of some photos look like; works without a classifier.

    Of concepts and random counterparts those count whose CAVs are at hand, unless they are to be fitted.
    """

    maps: tuple[PartMap, ...]  # one per photo
    n_parts: int
    concepts: tuple[OpenSet, ...]
    randoms: tuple[OpenSet, ...]
    settings: ExplainSettings
    fit: bool = False
    n_at_hand: int = 0  # CAVs that the library has: what is answered from these is asked again when there are more

    verb = "comparing"

    @property
    def subject(self) -> str:
        return f"{self.n_parts} clusters with {len(self.concepts)} concepts"

    def content(self, info: EncoderInfo) -> Hashable:
        sets = _sets((*self.concepts, *self.randoms))
        return _hashes(self), self.maps, self.n_parts, sets, self.settings, self.fit, self.n_at_hand


# --- the catalog --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenEncoder(Question[EncoderInfo]):
    """The facts of an encoder once it is loaded; its weights are fetched first where needed."""

    encoder_name: str

    urgency = Urgency.NOW

    @property
    def activity(self) -> Activity:
        return Activity("opening", f"the encoder '{self.encoder_name}'")


@dataclass(frozen=True)
class MatchCheckpoint(Question[CheckpointMatch]):
    """A checkpoint's tensors beside those that the network of a config.json needs. No value is read or computed."""

    checkpoint: Checkpoint
    config: str  # JSON

    urgency = Urgency.NOW

    @property
    def activity(self) -> Activity:
        return Activity("matching", f"'{self.checkpoint.file_name}' with its architecture")


@dataclass(frozen=True)
class AddEncoder(Question[Admission]):
    """Brings an encoder into the catalog once it has passed its self-check on a photo; a refusal leaves nothing behind."""

    upload: Upload
    photo: Photo

    urgency = Urgency.NOW

    @property
    def activity(self) -> Activity:
        return Activity("checking", f"the encoder '{self.upload.name}'")


def resolved(settings: OfDepths, info: EncoderInfo) -> OfDepths:
    """The settings with the depths that are meant: the encoder's own if none is named, each once, shallow first."""
    return replace(settings, depths=tuple(sorted(set(settings.depths))) or info.default_depths)


def _hashes(question: EncoderQuestion) -> tuple[str, ...]:
    """Of the photos, in their order."""
    return tuple(photo.sha256 for photo in question.photos_in_order)


def _sets(image_sets: Iterable[OpenSet]) -> Hashable:
    """Images, or regions of them, by their hashes, in their order; names only to tell concepts apart."""
    return tuple((image_set.name, tuple(image.content for image in image_set.images)) for image_set in image_sets)
