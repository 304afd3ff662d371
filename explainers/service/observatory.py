"""Encoders and their feature maps on one device: the only place that holds them, and the only one that decides on batches.

    encoders      kept in memory by name and by the state of their files; the least recently used is dropped
    feature maps  by encoder fingerprint, hash of the photo's file, input shape and depth

Everything but ``prepare_ahead`` and the figures for the status runs in the one worker of the device.
"""

import math
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from explainers.library import ConceptLibrary
from explainers.nave.settings import INPUT_SIZE_RANGE
from explainers.runtime.batches import in_batches
from explainers.runtime.caches import LruCache, n_bytes
from models.catalog import Catalog
from models.encoder import Encoder, EncoderInfo
from models.encoder.encoder import require_finite_maps
from models.photo import Photo
from models.progress import Progress

Output = TypeVar("Output")

MB = 2**20
MAX_BATCH = 8  # photos of one input shape that are worked on together
FORWARD_PIXELS = 2**18  # of a batch on a CPU: what goes beyond its cache takes up to twice as long
CLUSTERED_PIXELS = 2**20  # of photos that are clustered side by side, so that memory stays within bounds
AHEAD_BYTES = 64 * MB  # of photos as an encoder sees them, which wait for the worker


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder in memory."""

    name: str
    fingerprint: str
    n_bytes: int
    architecture: str = ""
    n_map_bytes: int = 0  # of its feature maps in the cache


class Observatory:
    """The encoders of one device, and what they see."""

    def __init__(self, catalog: Catalog, library: ConceptLibrary, device: str, *, encoder_bytes: int, map_bytes: int):
        """``encoder_bytes`` and ``map_bytes`` bound the memory of loaded encoders and of kept feature maps."""
        self.catalog, self.library, self.device = catalog, library, device
        self.n_threads = 1  # of the worker; who makes the worker says how many
        self.encoders: LruCache[Encoder] = LruCache(encoder_bytes, lambda encoder: encoder.n_bytes, always_newest=True)
        self.maps: LruCache[Tensor] = LruCache(map_bytes, n_bytes)
        self._ahead: LruCache[Tensor] = LruCache(AHEAD_BYTES, n_bytes)
        self._infos: dict[Hashable, EncoderInfo] = {}  # facts outlive the loaded encoder, so that results can be looked up

    # --- encoders -------------------------------------------------------------------------------------------------------

    def key_of(self, name: str) -> tuple[str, Hashable]:
        """What tells encoders apart before they are loaded: the name, and the state of the files behind it."""
        return name, _state_of_files(name, self.catalog.parents)

    def info_of(self, name: str) -> EncoderInfo | None:
        """The facts of an encoder that is or was loaded."""
        return self._infos.get(self.key_of(name))

    def is_loaded(self, name: str) -> bool:
        """Whether the encoder, as its files are now, is in memory."""
        return self.encoders.peek(self.key_of(name)) is not None

    def encoder(self, name: str, progress: Progress) -> Encoder:
        """The loaded encoder, loaded now if it is not; one whose files have changed takes the old one's place."""
        encoder = self.encoders.get(self.key_of(name))
        if encoder is None:
            self.unload(name)
            encoder = self.catalog.open(name, self.device, progress)
            self._keep(name, encoder)
        return encoder

    def replace(self, name: str, encoder: Encoder) -> None:
        """Keeps an encoder that was opened elsewhere, in the place of the one loaded under its name."""
        self.unload(name)
        self._keep(name, encoder)

    def unload(self, name: str) -> None:
        """Drops an encoder from memory; it is loaded again when it is needed. Its feature maps stay."""
        self.encoders.discard(lambda key: key[0] == name)

    def loaded(self) -> tuple[LoadedEncoder, ...]:
        """The encoders in memory, least recently used first."""
        map_bytes = self.maps.n_bytes_by(lambda key: key[0])  # keys begin with the encoder's fingerprint
        return tuple(_loaded(name, encoder, map_bytes) for (name, _), encoder in self.encoders.items())

    def forget_maps(self) -> None:
        """Drops feature maps and prepared photos; encoders stay loaded."""
        self.maps.discard(lambda key: True)
        self._ahead.discard(lambda key: True)

    def _keep(self, name: str, encoder: Encoder) -> None:
        key = self.key_of(name)
        self.encoders.put(key, encoder)
        self._infos[key] = encoder.info

    # --- batches --------------------------------------------------------------------------------------------------------

    def in_groups(
        self,
        work: Callable[[Sequence[Photo]], Output],
        encoder: Encoder,
        photos: Iterable[Photo],
        input_size: int,
        *,
        n_pixels: int = CLUSTERED_PIXELS,
        progress: Progress,
    ) -> Iterator[Output]:
        """``work`` of groups of neighbouring photos, in order: of one input shape, with at most ``n_pixels`` of input together.

        Photos are taken one group at a time, so a collection of any length needs the memory of one group. A group that does
        not fit into memory is halved, and the size that fits is kept for that shape.
        """
        sizes: dict[tuple[int, int], int] = {}
        for shape, neighbours in groupby(photos, key=lambda photo: encoder.input_shape(photo.shape, input_size)):
            sizes.setdefault(shape, max(1, min(MAX_BATCH, n_pixels // math.prod(shape))))
            while group := list(islice(neighbours, sizes[shape])):
                fitting: list[int] = []

                def work_counted(part: Sequence[Photo], fitting: list[int] = fitting) -> Output:
                    output = work(part)
                    fitting.append(len(part))
                    return output

                yield from in_batches(work_counted, group, len(group), progress)
                if fitting[0] < len(group):
                    sizes[shape] = fitting[0]

    def feature_maps(
        self, encoder: Encoder, photos: Iterable[Photo], input_size: int, depths: Sequence[int], progress: Progress
    ) -> Iterator[list[Tensor]]:
        """Per photo, in order, one feature map (C, h, w) on the CPU per depth; photos of one input shape share a batch.

        The company in a batch changes the last bits, so whoever promises the same bytes asks for one photo at a time.
        """
        maps_of_batch = partial(self._maps_of_batch, encoder, input_size, depths)
        n_pixels = FORWARD_PIXELS if self.device == "cpu" else CLUSTERED_PIXELS * MAX_BATCH
        for maps in self.in_groups(maps_of_batch, encoder, photos, input_size, n_pixels=n_pixels, progress=progress):
            yield from maps

    def _maps_of_batch(
        self, encoder: Encoder, input_size: int, depths: Sequence[int], photos: Sequence[Photo]
    ) -> list[list[Tensor]]:
        """Feature maps per photo and depth, from the cache where it has all of a photo's."""
        shape, fingerprint = encoder.input_shape(photos[0].shape, input_size), encoder.info.fingerprint
        maps: list[list[Tensor]] = []
        missing: list[int] = []
        for n, photo in enumerate(photos):
            kept = [self.maps.get((fingerprint, photo.sha256, shape, depth)) for depth in depths]
            maps.append([depth_map for depth_map in kept if depth_map is not None])
            if len(maps[n]) < len(depths):
                missing.append(n)
        if not missing:
            return maps
        images = torch.stack([self._prepared(encoder, photos[n], input_size) for n in missing])
        by_depth = encoder.feature_maps(images, depths)
        for place, n in enumerate(missing):
            maps[n] = [depth_maps[place].to("cpu", copy=True) for depth_maps in by_depth]  # a view would keep the whole batch
            require_finite_maps(encoder.info, f"'{photos[n].name}'", dict(zip(depths, maps[n], strict=True)))
            for depth, depth_map in zip(depths, maps[n], strict=True):
                self.maps.put((fingerprint, photos[n].sha256, shape, depth), depth_map)
        return maps

    def logits(
        self, encoder: Encoder, images_of: Callable[[Tensor], Tensor], n_images: int, shape: Sequence[int], progress: Progress
    ) -> Tensor:
        """Logits (n_images, n_outputs) on the CPU of images that exist only batch by batch: ``images_of`` makes those of some
        indices (B,), (B, 3, H, W), ``shape`` being (H, W)."""
        n_pixels = FORWARD_PIXELS if self.device == "cpu" else CLUSTERED_PIXELS * MAX_BATCH
        indices = torch.arange(n_images, device=encoder.device)
        logits: list[Tensor] = []
        batch_size = max(1, n_pixels // math.prod(shape))
        for answers in in_batches(lambda some: encoder.logits(images_of(some)).cpu(), indices, batch_size, progress):
            logits.append(answers)
            progress.report(sum(map(len, logits)) / n_images)
        return torch.cat(logits)

    # --- preparing photos ahead -----------------------------------------------------------------------------------------

    def prepare_ahead(self, name: str, photos: Iterable[Photo], input_size: int) -> None:
        """Prepares photos in the caller's thread, for the worker to pick up; an encoder that is not loaded prepares nothing.

        An input size that makes no sense is left for the worker to refuse.
        """
        encoder = self.encoders.peek(self.key_of(name))
        if encoder is None or not INPUT_SIZE_RANGE[0] <= input_size <= INPUT_SIZE_RANGE[1]:
            return
        for photo in photos:
            self._ahead.put((encoder.info.fingerprint, photo.sha256, input_size), encoder.prepare(photo, input_size))

    def _prepared(self, encoder: Encoder, photo: Photo, input_size: int) -> Tensor:
        """The photo as the encoder sees it, (3, H, W); what was prepared ahead is used once."""
        key = (encoder.info.fingerprint, photo.sha256, input_size)
        prepared = self._ahead.peek(key)
        self._ahead.discard(lambda kept: kept == key)
        return encoder.prepare(photo, input_size) if prepared is None else prepared


def _loaded(name: str, encoder: Encoder, map_bytes: Mapping[Hashable, int]) -> LoadedEncoder:
    info = encoder.info
    return LoadedEncoder(name, info.fingerprint, encoder.n_bytes, info.architecture, map_bytes.get(info.fingerprint, 0))


def _state_of_files(name: str, parents: Sequence[Path]) -> Hashable:
    """What changes when the files of an encoder's folder do; () for an encoder from a hub.

    The folder is looked up as the catalog does: in each of its parents, then as any path.
    """
    try:
        folders = [parent / name for parent in parents if name]
        folder = next((path for path in (*folders, Path(name).expanduser()) if (path / "config.json").is_file()), None)
        if folder is None or not name:
            return ()
        files = [folder / "config.json", *sorted(folder.glob("*.safetensors*")), *sorted(folder.glob("*.bin"))]
        return tuple((path.name, *_identity(path.stat())) for path in files)
    except (OSError, ValueError, RuntimeError):  # not a name that a folder can have on this system
        return ()


def _identity(state: os.stat_result) -> tuple[int, ...]:
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
