"""The front of everything that pages and the command line ask for: look up, queue, hand back. One object per process.

All torch work of the device runs in one thread: two pools of threads contending for the same cores made a forward pass
25 times slower. Weights are fetched from the network elsewhere, so that a slow download holds nobody up.

Questions and answers are plain data: nothing here needs the service to live in the caller's process. Answers are kept by
encoder fingerprint, hashes of photos and settings.
"""

import os
import sys
import threading
from collections import ChainMap
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import finalize

import torch

from explainers.interventions.settings import InterventionSettings
from explainers.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.results.comparisons import Cost, DepthGrams, SegmentedPhotos
from explainers.results.components import ComponentsResult
from explainers.results.explanations import ClassExplanation, ConceptMaps, HealthReport, LocalExplanation
from explainers.results.interventions import ClassIntervention, PhotoIntervention
from explainers.results.segmentations import Predictions, SegmentationResult, SegmentationsResult
from explainers.runtime.caches import LruCache, n_bytes
from explainers.runtime.measures import Measures
from explainers.runtime.scheduler import Job, OwnThread, Queued, Request, Scheduler, end
from explainers.runtime.worker import Pulse, Worker
from explainers.service import answers
from explainers.service.observatory import MB, Observatory
from explainers.service.photo_questions import CompareDepths, MeasureCost
from explainers.service.questions import (
    AddEncoder,
    Answer,
    CheckConcepts,
    Classify,
    EncoderQuestion,
    ExplainClass,
    ExplainPhoto,
    FindComponents,
    InterveneOnClass,
    InterveneOnPhoto,
    MapConcepts,
    MatchCheckpoint,
    OpenEncoder,
    Question,
    Segment,
    SegmentEach,
    SegmentForComparison,
    SegmentTogether,
)
from explainers.service.status import ServiceStatus, figures_of
from explainers.service.turns import turn_of
from explainers.visual_tcav.settings import ExplainSettings
from models.catalog import Catalog
from models.catalog.admission import Admission
from models.catalog.checkpoints import Checkpoint, CheckpointMatch, Upload
from models.catalog.own_encoders import Removed
from models.encoder import EncoderInfo
from models.errors import BadSettings
from models.photo import Photo
from models.progress import Progress

NICENESS = 5  # of the worker: pages, and a browser on the same machine, go before it, and cost it little
RESULT_SHARE = 0.25  # of the cache's bytes; feature maps get the rest


class ExplainerService:
    """Answers questions about encoders.

    ``ask`` returns a Job at once. ``view`` names what shows the result (any hashable): a newer question of the same kind and
    view cancels the older one. Views that show several results at a time need a name for each; a view that is a tuple begins
    with whose it is, and owners take turns. The methods below ``ask`` are fronts of it for notebooks.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        device: str | None = None,
        *,
        library: ConceptLibrary | None = None,
        cache_bytes: int | None = None,
        encoder_bytes: int | None = None,
        more_answers: Mapping[type, answers.Answer] | None = None,
    ):
        """``more_answers`` are rows beside ANSWERS, for questions of what stands above the service, such as studies."""
        if cache_bytes is None:
            cache_bytes = _number_from("ENCODERSCOPE_CACHE_MB", 1024) * MB
        if encoder_bytes is None:
            encoder_bytes = _number_from("ENCODERSCOPE_ENCODER_MB", 4096) * MB
        self.observatory = Observatory(
            catalog or Catalog(),
            library or ConceptLibrary(),
            device or ("cuda" if torch.cuda.is_available() else "cpu"),
            encoder_bytes=encoder_bytes,
            map_bytes=int(cache_bytes * (1 - RESULT_SHARE)),
        )
        self.observatory.n_threads = _n_threads()
        self._answers = ChainMap(dict(more_answers or {}), answers.ANSWERS)
        self._results: LruCache[Any] = LruCache(int(cache_bytes * RESULT_SHARE), n_bytes)
        self.measures = Measures(self._figures)
        self._scheduler = Scheduler(self.measures.ended)
        self._worker = Worker("encoderscope-torch", prepare=partial(_set_up_worker, self.observatory.n_threads))
        self._end = finalize(self, end, self._scheduler, self._worker)  # also when the process ends without closing it

    @property
    def catalog(self) -> Catalog:
        return self.observatory.catalog

    @property
    def library(self) -> ConceptLibrary:
        return self.observatory.library

    # --- asking ---------------------------------------------------------------------------------------------------------

    def ask(self, question: Question[Answer], view: Hashable = None) -> Job[Answer]:
        """A finished job if the answer is known; else one that opens the encoder where needed, then computes."""
        known = self._known(question)
        if known is not None:
            return Job.finished(known)
        request = Request(
            key=(type(question), self._identity(question)),
            work=partial(self._answer, question),
            place=OwnThread() if self._waits_for_network(question) else Queued(self._worker, turn_of(question, view)),
            activity=question.activity,
            first=self._opening_first(question),
        )
        return self._scheduler.request(request, None if view is None else (type(question), view))

    def _known(self, question: Question) -> Any:
        """The answer that needs no work, or None."""
        if isinstance(question, OpenEncoder):
            return self.observatory.info_of(question.encoder_name) if self._is_open(question) else None
        if not isinstance(question, EncoderQuestion):
            return None if question.kept_as is None else self._results.get((type(question), question.kept_as))
        info = self.observatory.info_of(question.encoder_name)
        kept = self._results.get(_result_key(question, info)) if info else None
        return kept.under_names_of(info, question.photos_in_order) if kept is not None else None

    def _identity(self, question: Question) -> Hashable:
        """What tells questions in flight apart: names too, since each caller wants its own back; and the encoder's files."""
        if isinstance(question, EncoderQuestion | OpenEncoder):
            names = tuple(photo.name for photo in question.photos_in_order) if isinstance(question, EncoderQuestion) else ()
            return question, names, self.observatory.key_of(question.encoder_name)
        return question

    def _waits_for_network(self, question: Question) -> bool:
        """Whether the question would hold the worker up without computing anything."""
        if isinstance(question, OpenEncoder):
            return self._needs_network(question.encoder_name)
        return isinstance(question, MatchCheckpoint)

    def _opening_first(self, question: Question) -> Callable[[], Job] | None:
        """Opens the encoder of a question before it; of a loaded one, prepares photos while an accelerator is busy."""
        if not isinstance(question, EncoderQuestion):
            return None
        if not self._is_open(question):
            return partial(self.ask, OpenEncoder(question.encoder_name))
        size = question.size_ahead
        if size is not None and self.observatory.device != "cpu" and self._scheduler.running():  # its own cores gain nothing
            self.observatory.prepare_ahead(question.encoder_name, question.photos_in_order, size)
        return None

    def _answer(self, question: Question, progress: Progress) -> Any:
        """In the worker: looked up again (a copy may have been asked about under another name), else computed and kept."""
        if not isinstance(question, EncoderQuestion):
            answer = answers.answer(question, self.observatory, progress, self._answers)
            if question.kept_as is not None:
                self._results.put((type(question), question.kept_as), answer)
            return answer
        info = answers.answer(OpenEncoder(question.encoder_name), self.observatory, progress)
        key = _result_key(question, info)
        kept = self._results.peek(key)
        if kept is None:
            kept = answers.answer(question, self.observatory, progress, self._answers)
            self._results.put(key, kept)
        return kept.under_names_of(info, question.photos_in_order)

    def _is_open(self, question: EncoderQuestion | OpenEncoder) -> bool:
        return self.observatory.is_loaded(question.encoder_name)

    def _needs_network(self, name: str) -> bool:
        try:
            return self.catalog.entry(name).state == "needs download"
        except Exception:  # whatever is wrong with it, opening it says so to whoever waits for the job
            return False

    # --- fronts of ask, for notebooks -----------------------------------------------------------------------------------

    def open_encoder(self, name: str, *, view: Hashable = None) -> Job[EncoderInfo]:
        """The facts of an encoder, loaded if need be."""
        return self.ask(OpenEncoder(name), view)

    def segment(
        self, encoder_name: str, photo: Photo, *, settings: NaveSettings | None = None, view: Hashable = None
    ) -> Job[SegmentationResult]:
        """Segmentation maps of a photo for every k."""
        return self.ask(Segment(encoder_name, photo, settings or NaveSettings()), view)

    def segment_each(
        self, encoder_name: str, photos: Sequence[Photo], *, settings: NaveSettings | None = None, view: Hashable = None
    ) -> Job[SegmentationsResult]:
        """Segmentation maps of several photos, each clustered alone."""
        return self.ask(SegmentEach(encoder_name, tuple(photos), settings or NaveSettings()), view)

    def segment_together(
        self, encoder_name: str, photos: Sequence[Photo], *, settings: NaveSettings | None = None, view: Hashable = None
    ) -> Job[SegmentationsResult]:
        """Segmentation maps of several photos clustered together."""
        return self.ask(SegmentTogether(encoder_name, tuple(photos), settings or NaveSettings()), view)

    def segment_for_comparison(
        self, encoder_name: str, photos: Sequence[Photo], *, settings: NaveSettings | None = None, view: Hashable = None
    ) -> Job[SegmentedPhotos]:
        """Segmentation maps of several photos, shrunk to what comparing encoders needs."""
        return self.ask(SegmentForComparison(encoder_name, tuple(photos), settings or NaveSettings()), view)

    def find_components(
        self, encoder_name: str, photos: Sequence[Photo], *, settings: ComponentSettings | None = None, view: Hashable = None
    ) -> Job[ComponentsResult]:
        """What it takes to say which places of photos are alike."""
        return self.ask(FindComponents(encoder_name, tuple(photos), settings or ComponentSettings()), view)

    def classify(self, encoder_name: str, photo: Photo, *, view: Hashable = None) -> Job[Predictions]:
        """The most probable classes of a photo."""
        return self.ask(Classify(encoder_name, photo), view)

    def explain(
        self,
        encoder_name: str,
        photo: Photo,
        *,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: ExplainSettings | None = None,
        view: Hashable = None,
    ) -> Job[LocalExplanation]:
        """Where concepts are seen in a photo, and what they contribute to its classes."""
        return self.ask(ExplainPhoto(encoder_name, photo, tuple(concepts), random, settings or ExplainSettings()), view)

    def explain_class(
        self,
        encoder_name: str,
        photos: Sequence[Photo],
        *,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: ExplainSettings,
        view: Hashable = None,
    ) -> Job[ClassExplanation]:
        """What concepts contribute to one class over many photos of it."""
        return self.ask(ExplainClass(encoder_name, tuple(photos), tuple(concepts), random, settings), view)

    def check_concepts(
        self,
        encoder_name: str,
        concepts: Sequence[OpenSet],
        *,
        random: OpenSet,
        settings: ExplainSettings | None = None,
        view: Hashable = None,
    ) -> Job[HealthReport]:
        """What the CAVs of concepts are worth at every depth."""
        return self.ask(CheckConcepts(encoder_name, tuple(concepts), random, settings or ExplainSettings()), view)

    def map_concepts(
        self,
        encoder_name: str,
        photo: Photo,
        *,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: ExplainSettings | None = None,
        view: Hashable = None,
    ) -> Job[ConceptMaps]:
        """Where concepts are seen in a photo at every depth."""
        return self.ask(MapConcepts(encoder_name, photo, tuple(concepts), random, settings or ExplainSettings()), view)

    def intervene(
        self,
        encoder_name: str,
        photo: Photo,
        *,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: InterventionSettings | None = None,
        view: Hashable = None,
    ) -> Job[PhotoIntervention]:
        """What changes for the classes of a photo if each concept is removed from it, or made stronger."""
        about = tuple(concepts), random, settings or InterventionSettings()
        return self.ask(InterveneOnPhoto(encoder_name, photo, *about), view)

    def intervene_on_class(
        self,
        encoder_name: str,
        photos: Sequence[Photo],
        *,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: InterventionSettings,
        view: Hashable = None,
    ) -> Job[ClassIntervention]:
        """How far one class falls on average over many photos of it if a concept is removed."""
        return self.ask(InterveneOnClass(encoder_name, tuple(photos), tuple(concepts), random, settings), view)

    def compare_depths(
        self, encoder_name: str, photos: Sequence[Photo], *, input_size: int, view: Hashable = None
    ) -> Job[DepthGrams]:
        """How alike the positions of photos are at every depth."""
        return self.ask(CompareDepths(encoder_name, tuple(photos), input_size), view)

    def measure_cost(self, encoder_name: str, photo: Photo, *, input_size: int, view: Hashable = None) -> Job[Cost]:
        """What a forward pass of a photo takes here."""
        return self.ask(MeasureCost(encoder_name, photo, input_size), view)

    def match_checkpoint(self, checkpoint: Checkpoint, config: str, *, view: Hashable = None) -> Job[CheckpointMatch]:
        """A checkpoint's tensors beside those that an architecture needs."""
        return self.ask(MatchCheckpoint(checkpoint, config), view)

    def add_encoder(self, upload: Upload, photo: Photo, *, view: Hashable = None) -> Job[Admission]:
        """Brings an encoder into the catalog once it has passed its self-check."""
        return self.ask(AddEncoder(upload, photo), view)

    # --- what is held ---------------------------------------------------------------------------------------------------

    def delete_encoder(self, name: str) -> Removed:
        """Takes an own encoder out of the catalog and out of memory; ``catalog.own.restore`` brings it back for a day."""
        removed = self.catalog.own.remove(name)
        self.observatory.unload(name)
        return removed

    def unload(self, name: str) -> None:
        """Drops an encoder from memory; it is loaded again when it is needed. What was computed stays."""
        self.observatory.unload(name)

    def clear_caches(self) -> None:
        """Forgets feature maps, results and prepared photos; encoders stay loaded."""
        self.observatory.forget_maps()
        self._results.discard(lambda key: True)

    def status(self) -> ServiceStatus:
        """What is loaded, kept, queued and running."""
        return ServiceStatus(
            device=self.observatory.device,
            n_threads=self.observatory.n_threads,
            encoders=self.observatory.loaded(),
            encoder_cache=self.observatory.encoders.status(),
            feature_map_cache=self.observatory.maps.status(),
            result_cache=self._results.status(),
            queue_length=self._scheduler.waiting(),
            running=self._scheduler.running(),
        )

    def pulse(self) -> Pulse:
        """Whether the worker works."""
        return self._worker.pulse()

    def _figures(self) -> dict[str, float]:
        """What the service holds at this moment, by the names of the figures."""
        status = self.status()
        return figures_of(status) | {"worker_silent_seconds": self.pulse().silent_seconds}

    def close(self) -> None:
        """Cancels everything, waits for the running step, takes no more questions."""
        self._end()


def _result_key(question: EncoderQuestion, info: EncoderInfo) -> Hashable:
    """Under which an answer is kept: by content, never by names."""
    return type(question), info.fingerprint, question.content(info)


def _n_threads() -> int:
    """ENCODERSCOPE_THREADS, else OMP_NUM_THREADS, else as many as there are usable cores."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, _number_from("ENCODERSCOPE_THREADS", _number_from("OMP_NUM_THREADS", usable)))


def _set_up_worker(n_threads: int) -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own, which the threads of torch inherit
        thread = os.PRIO_PROCESS, threading.get_native_id()
        os.setpriority(*thread, max(NICENESS, os.getpriority(*thread)))  # nobody but root may take back what `nice` gave away
    torch.backends.cudnn.allow_tf32 = False  # its rounding, 5e-4, moves borders of maps: a GPU shall draw what a CPU draws
    torch.set_num_threads(n_threads)
    torch.get_num_threads()  # a thread takes the number over when it first asks for it; later changes elsewhere pass it by


def _number_from(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isdigit():
        raise BadSettings(f"{variable} is '{text}'; a whole number is needed.")
    return int(text)
