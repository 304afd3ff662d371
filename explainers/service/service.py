"""Where encoders meet explainers: look up, queue, compute, hand back CPU data. One object per process, no Streamlit.

All torch work of the device runs in one thread: two pools of threads contending for the same cores made a forward pass
25 times slower. Weights are fetched from the network elsewhere, so that a slow download holds nobody up.

    encoders      kept in memory by name and by the state of their files; the least recently used is dropped
    feature maps  by encoder fingerprint, hash of the photo's file, input shape and depth
    results       by encoder fingerprint, hash of the photo's file and settings

Arguments and results are frozen plain data: nothing here asks for the service to live in the caller's process.
"""

import json
import math
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from explainers.library.library import ConceptLibrary, OpenSet
from explainers.nave.settings import INPUT_SIZE_RANGE, NaveSettings
from explainers.results.comparisons import Cost, DepthGrams, SegmentedPhotos
from explainers.results.explanations import ClassExplanation, ConceptMaps, ExplainSettings, HealthReport, LocalExplanation
from explainers.results.segmentations import Predictions, SegmentationResult, SegmentationsResult
from explainers.runtime.batches import in_batches, is_out_of_memory
from explainers.runtime.caches import CacheStatus, LruCache, n_bytes
from explainers.runtime.scheduler import Desk, Job, Lane, Task, own_thread
from explainers.service.concepts import ConceptExplainer, Inquiry
from explainers.service.cost import measured_cost
from explainers.service.photos import PhotoExplainer, resolved
from models.catalog.admission import Admission, admit
from models.catalog.catalog import Catalog
from models.catalog.checkpoints import Checkpoint, CheckpointMatch, Upload, match_checkpoint
from models.catalog.own_encoders import Removed
from models.encoder.encoder import Encoder, EncoderInfo
from models.errors import BadSettings, OutOfMemory, UnsupportedEncoder
from models.photo import Photo
from models.progress import Progress

T = TypeVar("T")

MB = 2**20
BATCH_SIZE = 8  # photos of one input shape that go through the encoder together
CPU_PIXELS = 2**18  # of them together, on a CPU: what goes beyond its cache takes up to twice as long
AHEAD_BYTES = 64 * MB  # of photos as an encoder sees them, which wait for the worker
RESULT_SHARE = 0.25  # of the cache's bytes; feature maps get the rest
VERSIONED = ("torch", "timm", "numpy", "scikit-learn", "pillow")


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder in memory."""

    name: str
    fingerprint: str
    n_bytes: int
    architecture: str = ""
    n_map_bytes: int = 0  # of its feature maps in the cache


@dataclass(frozen=True)
class ServiceStatus:
    """What the service holds and does at this moment."""

    device: str
    n_threads: int
    encoders: tuple[LoadedEncoder, ...]  # least recently used first
    encoder_cache: CacheStatus
    feature_map_cache: CacheStatus
    result_cache: CacheStatus
    queue_length: int
    running: tuple[str, ...]


class ExplainerService:
    """Everything that pages and the command line ask for.

    A method that computes returns a Job at once. ``view`` names what shows the result (any hashable): a newer request of
    the same kind and view cancels the older one. Views that show several results at a time need a name for each.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        device: str | None = None,
        cache_bytes: int | None = None,
        encoder_bytes: int | None = None,
        library: ConceptLibrary | None = None,
    ):
        if cache_bytes is None:
            cache_bytes = _number_from("ENCODERSCOPE_CACHE_MB", 1024) * MB
        if encoder_bytes is None:
            encoder_bytes = _number_from("ENCODERSCOPE_ENCODER_MB", 4096) * MB
        self.catalog = catalog or Catalog()
        self.library = library or ConceptLibrary()
        self._concepts = ConceptExplainer(self.library, self._feature_maps_of, versions)
        self._photos = PhotoExplainer(self._feature_maps_of, versions)
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.n_threads = _n_threads()
        self._encoders: LruCache[Encoder] = LruCache(encoder_bytes, lambda encoder: encoder.n_bytes, always_newest=True)
        self._feature_maps: LruCache[Tensor] = LruCache(int(cache_bytes * (1 - RESULT_SHARE)), n_bytes)
        self._results: LruCache = LruCache(int(cache_bytes * RESULT_SHARE), n_bytes)
        self._ahead: LruCache[Tensor] = LruCache(AHEAD_BYTES, n_bytes)
        self._infos: dict[Hashable, EncoderInfo] = {}  # facts outlive the loaded encoder, so that results can be found
        self._desk = Desk()
        self._lane = Lane("encoderscope-torch", prepare=partial(_set_up_worker, self.n_threads))

    def open_encoder(self, name: str, view: Hashable = None) -> Job[EncoderInfo]:
        """The facts of an encoder once it is loaded; its weights are fetched first where needed."""
        encoder = self._encoders.peek(self._encoder_key(name))
        if encoder is not None:
            return Job.finished(encoder.info)
        return self._desk.request(
            key=("open", self._encoder_key(name)),
            work=_memory_errors_told(lambda task: self._encoder(name, task).info),
            lane=own_thread if self._needs_network(name) else self._lane,
            doing=f"opening the encoder '{name}'",
            view=_scoped("open", view),
        )

    def segment(self, encoder_name: str, photo: Photo, settings: NaveSettings, view: Hashable = None) -> Job[SegmentationResult]:
        """Segmentation maps of a photo for every k; ``settings.depths == ()`` means the encoder's default depths."""

        def compute(encoder: Encoder, task: Task) -> SegmentationResult:
            return self._photos.segment(encoder, photo, resolved(settings, encoder.info), task)

        question = _about_photo("segment", encoder_name, photo, settings, compute, partial(resolved, settings))
        prepare = lambda encoder: self._prepare_ahead(encoder, photo, settings.input_size)  # noqa: E731
        return self._request(question, f"segmenting '{photo.name}'", view, prepare)

    def segment_each(
        self, encoder_name: str, photos: Sequence[Photo], settings: NaveSettings, view: Hashable = None
    ) -> Job[SegmentationsResult]:
        """The same for several photos, each alone, side by side: up to rounding what ``segment`` gives, but faster."""
        prepare = lambda encoder: [self._prepare_ahead(encoder, photo, settings.input_size) for photo in photos]  # noqa: E731
        return self._segment_several("segment each", self._photos.segment_each, encoder_name, photos, settings, view, prepare)

    def segment_together(
        self, encoder_name: str, photos: Sequence[Photo], settings: NaveSettings, view: Hashable = None
    ) -> Job[SegmentationsResult]:
        """The same for several photos whose positions are clustered together: one colour means one thing in all of them."""
        return self._segment_several("segment together", self._photos.segment_together, encoder_name, photos, settings, view)

    def classify(self, encoder_name: str, photo: Photo, view: Hashable = None) -> Job[Predictions]:
        """The most probable classes of a photo, at the size the encoder was trained at."""
        question = _Question(
            "classify",
            encoder_name,
            asked=photo.sha256,
            content_of=lambda info: photo.sha256,
            compute=lambda encoder, task: self._photos.classify(encoder, photo, task),
        )
        return self._request(question, f"classifying '{photo.name}'", view)

    def explain(
        self,
        encoder_name: str,
        photo: Photo,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: ExplainSettings,
        view: Hashable = None,
    ) -> Job[LocalExplanation]:
        """Where each concept is seen in a photo, and what it contributes to some classes, at several depths."""
        inquiry = Inquiry(tuple(concepts), random, settings)
        compute = lambda encoder, task: self._concepts.local(encoder, photo, inquiry, task)  # noqa: E731
        question = _about_photo("explain", encoder_name, photo, inquiry.content, compute)
        return self._request(question, f"explaining '{photo.name}'", view)

    def explain_class(
        self,
        encoder_name: str,
        photos: Sequence[Photo],
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: ExplainSettings,
        view: Hashable = None,
    ) -> Job[ClassExplanation]:
        """What each concept contributes to one class over many photos of it; ``settings.class_idx`` names that class."""
        inquiry = Inquiry(tuple(concepts), random, settings)
        compute = lambda encoder, task: self._concepts.of_class(encoder, photos, inquiry, task)  # noqa: E731
        question = _about_photos("explain class", encoder_name, photos, inquiry.content, compute)
        return self._request(question, f"explaining {len(photos)} images", view)

    def check_concepts(
        self, encoder_name: str, concepts: Sequence[OpenSet], random: OpenSet, settings: ExplainSettings, view: Hashable = None
    ) -> Job[HealthReport]:
        """What the concepts' CAVs are worth, at every depth unless some are named."""
        inquiry = Inquiry(tuple(concepts), random, settings)
        question = _Question(
            "check concepts",
            encoder_name,
            asked=inquiry.content,
            content_of=lambda info: inquiry.content,
            compute=lambda encoder, task: self._concepts.health(encoder, inquiry, task),
        )
        return self._request(question, f"checking {len(concepts)} concepts", view)

    def map_concepts(
        self,
        encoder_name: str,
        photo: Photo,
        concepts: Sequence[OpenSet],
        random: OpenSet,
        settings: ExplainSettings,
        view: Hashable = None,
    ) -> Job[ConceptMaps]:
        """Where each concept is seen in a photo, at every depth unless some are named; works without a classifier."""
        inquiry = Inquiry(tuple(concepts), random, settings)
        compute = lambda encoder, task: self._concepts.maps(encoder, photo, inquiry, task)  # noqa: E731
        question = _about_photo("map concepts", encoder_name, photo, inquiry.content, compute)
        return self._request(question, f"looking for {len(concepts)} concepts in '{photo.name}'", view)

    def segment_photos(
        self, encoder_name: str, photos: Sequence[Photo], settings: NaveSettings, view: Hashable = None
    ) -> Job[SegmentedPhotos]:
        """Segmentation maps of a set of photos for every k, shrunk to what comparing them needs."""
        return self._segment_several("segment photos", self._photos.segment_set, encoder_name, photos, settings, view)

    def compare_depths(
        self, encoder_name: str, photos: Sequence[Photo], input_size: int, view: Hashable = None
    ) -> Job[DepthGrams]:
        """How alike the positions of a set of photos are at every depth: one side of a linear CKA."""
        compute = lambda encoder, task: self._photos.depth_grams(encoder, photos, input_size, task)  # noqa: E731
        question = _about_photos("compare depths", encoder_name, photos, input_size, compute)
        return self._request(question, f"comparing the depths over {len(photos)} photos", view)

    def measure_cost(self, encoder_name: str, photo: Photo, input_size: int, view: Hashable = None) -> Job[Cost]:
        """What a forward pass of a photo takes here; measured once per encoder and input shape."""
        question = _Question(
            "measure cost",
            encoder_name,
            asked=(photo.shape, input_size),
            content_of=lambda info: (photo.shape, input_size, self.device, self.n_threads),
            compute=lambda encoder, task: measured_cost(encoder, photo, input_size, self.n_threads, task.check),
        )
        return self._request(question, "measuring a forward pass", view)

    def match_checkpoint(self, checkpoint: Checkpoint, config: str, view: Hashable = None) -> Job[CheckpointMatch]:
        """A checkpoint's tensors beside those that the network of a config.json needs. No value is read or computed."""
        return self._desk.request(
            key=("match checkpoint", checkpoint, config),
            work=lambda task: match_checkpoint(checkpoint, json.loads(config)),
            lane=own_thread,
            doing=f"comparing '{checkpoint.file_name}' with its architecture",
            view=_scoped("match checkpoint", view),
        )

    def add_encoder(self, upload: Upload, photo: Photo, view: Hashable = None) -> Job[Admission]:
        """Brings an encoder into the catalog once it has passed its self-check on a photo; a refusal leaves nothing behind."""
        return self._desk.request(
            key=("add", upload.identity),
            work=_memory_errors_told(lambda task: self._admitted(upload, photo, task)),
            lane=self._lane,
            doing=f"checking the encoder '{upload.name}'",
            view=_scoped("add", view),
        )

    def delete_encoder(self, name: str) -> Removed:
        """Takes an own encoder out of the catalog and out of memory; ``catalog.own.restore`` brings it back for a day."""
        removed = self.catalog.own.remove(name)
        self.unload(name)
        return removed

    def status(self) -> ServiceStatus:
        """What is loaded, kept, queued and running."""
        n_map_bytes = self._feature_maps.n_bytes_by(lambda key: key[0])  # keys begin with the encoder's fingerprint
        return ServiceStatus(
            device=self.device,
            n_threads=self.n_threads,
            encoders=tuple(_loaded(name, encoder, n_map_bytes) for (name, _), encoder in self._encoders.items()),
            encoder_cache=self._encoders.status(),
            feature_map_cache=self._feature_maps.status(),
            result_cache=self._results.status(),
            queue_length=self._desk.waiting(),
            running=self._desk.running(),
        )

    def unload(self, name: str) -> None:
        """Drops an encoder from memory; it is loaded again when it is asked for. What was computed stays."""
        self._encoders.discard(lambda key: key[0] == name)

    def clear_caches(self) -> None:
        """Forgets feature maps, results and prepared photos; encoders stay loaded."""
        self._feature_maps.discard(lambda key: True)
        self._results.discard(lambda key: True)
        self._ahead.discard(lambda key: True)

    def close(self) -> None:
        """Cancels everything, waits for the running step, takes no more requests."""
        self._desk.close()
        self._lane.close(timeout=30)

    def _segment_several(
        self,
        kind: str,
        work: Callable[[Encoder, Sequence[Photo], NaveSettings, Task], T],
        encoder_name: str,
        photos: Sequence[Photo],
        settings: NaveSettings,
        view: Hashable,
        prepare: Callable[[Encoder], Any] = lambda encoder: None,
    ) -> Job[T]:
        compute = lambda encoder, task: work(encoder, photos, resolved(settings, encoder.info), task)  # noqa: E731
        question = _about_photos(kind, encoder_name, photos, settings, compute, partial(resolved, settings))
        return self._request(question, f"segmenting {len(photos)} photos", view, prepare)

    def _request(
        self, question: "_Question", doing: str, view: Hashable, prepare: Callable[[Encoder], Any] = lambda encoder: None
    ) -> Job:
        """A finished job if the answer is known; else one that opens the encoder where needed, then computes.

        ``prepare`` is called here and now, by the caller, while an accelerator is busy with something else.
        """
        name = question.encoder_name
        key = self._encoder_key(name)
        info = self._infos.get(key)
        answer = self._results.get(question.result_key(info)) if info else None
        if answer is not None:
            return Job.finished(question.addressed(answer, info))
        encoder = self._encoders.peek(key)
        if encoder is not None and self.device != "cpu" and self._desk.running():  # on the worker's own cores it gains nothing
            prepare(encoder)
        return self._desk.request(
            key=(question.kind, key, question.asked),
            work=_memory_errors_told(partial(self._answer, question)),
            lane=self._lane,
            doing=f"{doing} with the encoder '{name}'",
            view=_scoped(question.kind, view),
            after=(lambda: self.open_encoder(name)) if encoder is None else None,
        )

    def _answer(self, question: "_Question", task: Task) -> Any:
        """In the worker: looked up again (the same may have been computed for another name), else computed and kept."""
        encoder = self._encoder(question.encoder_name, task)
        key = question.result_key(encoder.info)
        answer = self._results.peek(key)
        if answer is None:
            answer = question.compute(encoder, task)
            self._results.put(key, answer)
        return question.addressed(answer, encoder.info)

    def _admitted(self, upload: Upload, photo: Photo, task: Task) -> Admission:
        """In the worker: whoever passes the check is kept loaded, because the next page will ask for it."""
        encoder, admission = admit(self.catalog, upload, photo, self.device, Progress(task.report, task.check))
        self.unload(encoder.info.name)
        key = self._encoder_key(encoder.info.name)
        self._encoders.put(key, encoder)
        self._infos[key] = encoder.info
        return admission

    def _feature_maps_of(
        self, encoder: Encoder, photos: Sequence[Photo], input_size: int, depths: Sequence[int], task: Task
    ) -> Iterator[list[Tensor]]:
        """Per photo, in order, one map (C, h, w) on the CPU per depth; neighbours of one input shape share a batch.

        The company in a batch changes the last bits, so whoever promises the same bytes asks for one photo at a time.
        """
        for shape, group in groupby(photos, key=lambda photo: encoder.input_shape(photo.shape, input_size)):
            compute = partial(self._maps_of_batch, encoder, shape, input_size, depths)
            batch_size = min(BATCH_SIZE, max(1, CPU_PIXELS // math.prod(shape))) if self.device == "cpu" else BATCH_SIZE
            for maps in in_batches(compute, list(group), batch_size, Progress(check=task.check)):
                yield from maps

    def _maps_of_batch(
        self, encoder: Encoder, shape: tuple[int, int], input_size: int, depths: Sequence[int], photos: Sequence[Photo]
    ) -> list[list[Tensor]]:
        keys = [[(encoder.info.fingerprint, photo.sha256, shape, depth) for depth in depths] for photo in photos]
        kept = [[self._feature_maps.get(key) for key in photo_keys] for photo_keys in keys]
        wanted = [n for n, maps in enumerate(kept) if any(depth_map is None for depth_map in maps)]
        if not wanted:
            return kept
        batches = encoder.feature_maps(torch.stack([self._prepared(encoder, photos[n], input_size) for n in wanted]), depths)
        for position, n in enumerate(wanted):
            kept[n] = [batch[position].to("cpu", copy=True) for batch in batches]  # a view would keep the whole batch
            _require_finite(encoder.info, photos[n], depths, kept[n])
            for key, depth_map in zip(keys[n], kept[n], strict=True):
                self._feature_maps.put(key, depth_map)
        return kept

    def _prepare_ahead(self, encoder: Encoder, photo: Photo, input_size: int) -> None:
        """In any thread. An input size that makes no sense is left for the worker to tell."""
        if INPUT_SIZE_RANGE[0] <= input_size <= INPUT_SIZE_RANGE[1]:
            self._ahead.put((encoder.info.fingerprint, photo.sha256, input_size), encoder.prepare(photo, input_size))

    def _prepared(self, encoder: Encoder, photo: Photo, input_size: int) -> Tensor:
        """The photo as the encoder sees it, (3, H, W); what was prepared ahead is used once."""
        key = (encoder.info.fingerprint, photo.sha256, input_size)
        ready = self._ahead.peek(key)
        self._ahead.discard(lambda kept: kept == key)
        return encoder.prepare(photo, input_size) if ready is None else ready

    def _encoder(self, name: str, task: Task) -> Encoder:
        """The loaded encoder, loaded now if it is not; one whose files have changed takes the old one's place."""
        key = self._encoder_key(name)
        encoder = self._encoders.get(key)
        if encoder is None:
            self.unload(name)
            encoder = self.catalog.open(name, self.device, Progress(task.report, task.check))
            self._encoders.put(key, encoder)
            self._infos[key] = encoder.info
        return encoder

    def _encoder_key(self, name: str) -> tuple[str, Hashable]:
        return name, _state_of_files(name, self.catalog.parents)

    def _needs_network(self, name: str) -> bool:
        try:
            return self.catalog.entry(name).state == "needs download"
        except Exception:  # whatever is wrong with it, opening it says so to whoever waits for the job
            return False


@dataclass(frozen=True)
class _Question:
    """One request: how it is told from others, and how it is answered."""

    kind: str
    encoder_name: str
    asked: Hashable  # what the caller gave, names included
    content_of: Callable[[EncoderInfo], Hashable]  # what decides the answer besides the encoder: content, never names
    compute: Callable[[Encoder, Task], Any]
    named: Mapping[str, Any] = field(default_factory=dict)  # the answer's fields that are mere names

    def result_key(self, info: EncoderInfo) -> Hashable:
        """Under which the answer is kept."""
        return self.kind, info.fingerprint, self.content_of(info)

    def addressed(self, answer: Any, info: EncoderInfo) -> Any:
        """The answer under the names of this question; the same content may have been asked about under others."""
        return replace(answer, encoder=info, **self.named)


def _about_photo(
    kind: str,
    encoder_name: str,
    photo: Photo,
    asked: Hashable,
    compute: Callable[[Encoder, Task], Any],
    content_of: Callable[[EncoderInfo], Hashable] | None = None,
) -> _Question:
    """A question about one photo; ``content_of`` says what decides the answer besides the photo, where ``asked`` does not."""
    return _Question(
        kind,
        encoder_name,
        asked=(photo.name, photo.sha256, asked),
        content_of=lambda info: (photo.sha256, content_of(info) if content_of else asked),
        compute=compute,
        named={"photo_name": photo.name},
    )


def _about_photos(
    kind: str,
    encoder_name: str,
    photos: Sequence[Photo],
    asked: Hashable,
    compute: Callable[[Encoder, Task], Any],
    content_of: Callable[[EncoderInfo], Hashable] | None = None,
) -> _Question:
    """The same about several photos together, in their order."""
    names, hashes = tuple(photo.name for photo in photos), tuple(photo.sha256 for photo in photos)
    return _Question(
        kind,
        encoder_name,
        asked=(names, hashes, asked),
        content_of=lambda info: (hashes, content_of(info) if content_of else asked),
        compute=compute,
        named={"photo_names": names},
    )


def _loaded(name: str, encoder: Encoder, n_map_bytes: Mapping[Hashable, int]) -> LoadedEncoder:
    info = encoder.info
    return LoadedEncoder(name, info.fingerprint, encoder.n_bytes, info.architecture, n_map_bytes.get(info.fingerprint, 0))


def _require_finite(info: EncoderInfo, photo: Photo, depths: Sequence[int], maps: Sequence[Tensor]) -> None:
    for depth, depth_map in zip(depths, maps, strict=True):
        if not depth_map.sum(dtype=torch.float64).isfinite():
            raise UnsupportedEncoder(
                f"At depth {depth} the activations of '{info.name}' for '{photo.name}' are not all finite; its weights may be "
                "damaged. Choose another encoder, or depths before that one."
            )


def _scoped(kind: str, view: Hashable | None) -> Hashable | None:
    return None if view is None else (kind, view)


def _memory_errors_told(work: Callable[[Task], T]) -> Callable[[Task], T]:
    """The work, with lack of memory anywhere in it told as such."""

    def told(task: Task) -> T:
        try:
            return work(task)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory("The memory of this machine ran out. Choose a smaller input size or a smaller encoder.") from error

    return told


def _state_of_files(name: str, parents: Sequence[Path]) -> Hashable:
    """What changes when the files of an encoder's folder do; () for what comes from a hub.

    The folder is looked up as the catalog does: in each of its parents, then as any path.
    """
    try:
        folders = [parent / name for parent in parents if name]
        folder = next((path for path in (*folders, Path(name).expanduser()) if (path / "config.json").is_file()), None)
        weights = (*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.bin"))) if folder is not None and name else ()
        files = [folder / "config.json", *weights] if folder is not None and name else []
        return tuple((path.name, *_identity(path.stat())) for path in files)
    except (OSError, ValueError, RuntimeError):  # no name of a folder on this system
        return ()


def _identity(state: os.stat_result) -> tuple[int, ...]:
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


@cache
def versions() -> dict[str, str]:
    """Of the packages that decide the figures."""
    return {package: metadata.version(package) for package in VERSIONED}


def _n_threads() -> int:
    """ENCODERSCOPE_THREADS, else OMP_NUM_THREADS, else as many as there are usable cores."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, _number_from("ENCODERSCOPE_THREADS", _number_from("OMP_NUM_THREADS", usable)))


def _set_up_worker(n_threads: int) -> None:
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
