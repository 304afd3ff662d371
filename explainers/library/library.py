"""The concept library: sets of example images under a name, of two kinds.

    concept   images that show a human-named property
    random    images that do not show it: the random counterpart

Images are kept once, by the SHA-256 of their files; a set is a list of them or of regions of them (``store.py`` has the layout on
disk). Nothing that was removed is lost at once: every change gives back the set as it was, and ``restore`` undoes it. Starters
come with Encoderscope and are never written: editing one makes a copy of the same name that takes its place.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import numpy as np
from torch import Tensor

from explainers.library.archives import Entry, read_archive
from explainers.library.duplicates import thumbprint
from explainers.library.folders import read_folder
from explainers.library.packs import read_pack_sets, write_pack
from explainers.library.regions import Region
from explainers.library.set_warnings import overlap, repeats, warnings
from explainers.library.sets import (
    KINDS,
    MAX_NAME,
    Added,
    Example,
    ImageRef,
    ImageSet,
    Kind,
    OpenSet,
    Photos,
    Refusal,
    folded,
    joined,
    nothing_usable,
    require_name,
    shown,
)
from explainers.library.sources import FromLibrary
from explainers.library.starters import starters_in
from explainers.library.store import Store
from explainers.runtime.caches import LruCache, n_bytes
from models.errors import BadConcept, LibraryUnavailable, UnknownConcept, UnreadableImage
from models.files import home
from models.photo import Photo, read_photo

STARTERS_FOLDER = Path(__file__).parents[2] / "assets/concepts"
_WORDS = {"concept": "concept", "random": "random counterpart"}


def default_folder() -> Path:
    """ENCODERSCOPE_HOME/library, else ~/.encoderscope/library."""
    return home() / "library"


class ConceptLibrary:
    """The sets in a folder together with the starters. Several threads and processes may use the same folder at once."""

    def __init__(self, folder: Path | None = None, starters: Path | None = STARTERS_FOLDER):
        self._source = FromLibrary((folder or default_folder()).absolute(), starters.absolute() if starters else None)
        self._store, self._starters = Store(self._source.folder), starters_in(self._source.starters)
        self._thumbprints: LruCache[np.ndarray] = LruCache(64_000_000, n_bytes)

    # --- finding ------------------------------------------------------------------------------------------------------------

    def sets(self, kind: Kind | None = None) -> tuple[ImageSet, ...]:
        """Every set, or those of one kind: starters first, then by name."""
        image_sets = [s for k in KINDS if kind in (None, k) for s in self._by_name(k).values()]
        return tuple(sorted(image_sets, key=lambda s: (not s.starter, s.name.casefold(), s.kind)))

    def get(self, name: str, kind: Kind = "concept") -> ImageSet:
        """The set of this name, in whatever case; raises UnknownConcept, which names what there is."""
        image_set = self._by_name(kind).get(folded(name))
        if image_set is None:
            there_is = ", ".join(f"'{s.name}'" for s in self.sets(kind)) or "none yet"
            raise UnknownConcept(f"The library has no {_WORDS[kind]} '{name}'. There is: {there_is}.")
        return image_set

    def hidden_starters(self, kind: Kind | None = None) -> tuple[ImageSet, ...]:
        """Starters that were deleted or edited; ``restore`` brings one back as it was."""
        visible = {(s.kind, s.key) for s in self.sets() if s.starter}
        return tuple(s for s in self._starters.sets if (s.kind, s.key) not in visible and kind in (None, s.kind))

    def photo(self, ref: ImageRef) -> Photo:
        """The photo of an image; raises UnreadableImage if it is gone or damaged."""
        return self._source.photo(ref)

    def photos(self, image_set: ImageSet) -> Photos:
        """The photos of a set, in its order."""
        return Photos(image_set.images, self._source)

    def is_starter(self, image_set: ImageSet) -> bool:
        """Whether a set came with Encoderscope, edited or not."""
        return self._starters.has(image_set)

    def is_rendered(self, image_set: ImageSet) -> bool:
        """Whether every image of a set was rendered by Encoderscope: a starter's, or a scene, whatever the set is called."""
        return all(image.rendered or self._starters.knows(image.sha256) for image in image_set.images)

    def files(self, image_set: ImageSet) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of every image of a set that is still here, once also where several regions of it are meant."""
        for image in {image.sha256: image for image in image_set.images}.values():
            data = self._source.data(image.sha256)
            if data is not None:
                yield image.name, data

    def open_set(self, folder_or_name: str | Path, kind: Kind = "concept") -> OpenSet:
        """The images of a folder, if there is such a folder, else the library's set of this name."""
        if Path(folder_or_name).expanduser().is_dir():
            return read_folder(Path(folder_or_name).expanduser(), kind)
        image_set = self.get(str(folder_or_name), kind)
        return OpenSet(image_set, self.photos(image_set))

    def _by_name(self, kind: Kind) -> dict[str, ImageSet]:
        """The sets that can be seen. A manifest takes the place of the starter with its key, a set that of its name."""
        own = self._store.sets(kind)
        starters = {folded(s.name): s for s in self._starters.sets if s.kind == kind and s.key not in own}
        return starters | {folded(s.name): s for s in own.values() if s is not None}

    # --- changing -----------------------------------------------------------------------------------------------------------

    def add(self, name: str, kind: Kind, files: Iterable[tuple[str, bytes]]) -> Added:
        """Adds images (name, bytes) to a set, which is made if it is new; a .zip counts as the images in it.

        Raises BadConcept if the set is new and none of the files can be used.
        """
        name = require_name(name)
        return self._add(name, kind, *self._take(_unpacked(files)))

    def add_examples(self, name: str, kind: Kind, examples: Iterable[Example]) -> Added:
        """Adds images of which a region may be meant to a set, which is made if it is new.

        Raises BadConcept if the set is new and none of the files can be used.
        """
        name, taken, refused = require_name(name), [], []
        for data, of_file in groupby(examples, key=lambda example: example.data):
            examples_of_file = list(of_file)
            refs, refusals = self._take([Entry(examples_of_file[0].name, data)])
            refused += refusals
            taken += [ImageRef(ref.sha256, shown(e.name), e.region, e.rendered) for ref in refs for e in examples_of_file]
        return self._add(name, kind, taken, refused)

    def mark(self, name: str, kind: Kind, content: str, region: Region | None) -> ImageSet:
        """Another region, or None for all of it, of one image of a set, which keeps its place; returns the set as it was.

        Raises BadConcept if the set has that region already.
        """
        with self._store.lock():
            before = self.get(name, kind)
            images = [replace(i, region=region) if i.content == content else i for i in before.images]
            if len({image.content for image in images}) < len(images):
                raise BadConcept(f"'{before.name}' has just this region already. Draw another one.")
            self._write(replace(before, images=tuple(images)))
        return before

    def _add(self, name: str, kind: Kind, taken: Sequence[ImageRef], refused: Sequence[Refusal]) -> Added:
        with self._store.lock():
            before = self._by_name(kind).get(folded(name))
            if before is None and not taken:
                raise BadConcept(nothing_usable(name, refused))
            before = before or ImageSet(name, kind, (), starter=False)
            images, repeated = joined(before.images, taken)
            n_added = len(images) - len(before.images)
            after = self._write(replace(before, images=images)) if n_added else before
        return Added(after, n_added, repeated, tuple(refused))

    def remove(self, name: str, kind: Kind, contents: Iterable[str]) -> ImageSet:
        """Takes images out of a set by their contents, and returns it as it was. Raises BadConcept if none would be left."""
        gone = set(contents)
        with self._store.lock():
            before = self.get(name, kind)
            kept = tuple(i for i in before.images if i.content not in gone)
            if not kept:
                raise BadConcept(f"'{before.name}' would be left without images. Delete the whole set instead.")
            self._store.keep(before.images)
            if kept != before.images:
                self._write(replace(before, images=kept))
        return before

    def rename(self, name: str, kind: Kind, new_name: str) -> ImageSet:
        """Gives a set another name, and returns it as it was. Raises BadConcept if another set has that name."""
        new_name = require_name(new_name)
        with self._store.lock():
            before = self.get(name, kind)
            self._require_free(new_name, before)
            if new_name != before.name:
                self._write(replace(before, name=new_name))
        return before

    def delete(self, name: str, kind: Kind) -> ImageSet:
        """Removes a set, or hides a starter, and returns it as it was."""
        with self._store.lock():
            before = self.get(name, kind)
            self._store.keep(before.images)
            if self._starters.has(before):
                self._store.write_deletion(kind, before.key)
            else:
                self._store.forget(kind, before.key)
        return before

    def restore(self, image_set: ImageSet) -> ImageSet:
        """Makes a set what it was before a change. Raises BadConcept if its name is taken by now, or its images are gone."""
        with self._store.lock():
            self._require_free(image_set.name, image_set)
            missing = [i.name for i in image_set.images if self._source.data(i.sha256) is None]
            if missing:
                raise BadConcept(
                    f"{len(missing)} images of '{image_set.name}' are no longer kept ('{missing[0]}'). Add them again."
                )
            if not image_set.starter:
                return self._write(image_set)
            self._store.forget(image_set.kind, image_set.key)
        return image_set

    def sweep(self) -> int:
        """Removes images from disk that no set has used for a day, and returns how many."""
        with self._store.lock():
            return self._store.sweep()

    def _write(self, image_set: ImageSet) -> ImageSet:
        """Keeps a set, and returns it as it is kept. Images that so far only a starter has are kept with it. The lock is held."""
        for image in image_set.images:
            data = self._starters.image(image.sha256)
            if data is not None:
                self._store.put(data)
        kept = replace(image_set, starter=False, key=image_set.key or uuid.uuid4().hex)
        self._store.write_set(kept)
        return kept

    def _require_free(self, name: str, image_set: ImageSet) -> None:
        """Raises BadConcept if another set than this one has the name."""
        other = self._by_name(image_set.kind).get(folded(name))
        if other is not None and other.key != image_set.key:
            raise BadConcept(f"There is a {_WORDS[image_set.kind]} '{other.name}' already. Choose another name.")

    def _take(self, entries: Iterable[Entry | Refusal]) -> tuple[list[ImageRef], list[Refusal]]:
        """Keeps every image among these, one by one, and returns what was taken and what was not."""
        taken, refused = [], []
        for item in entries:
            if isinstance(item, Refusal):
                refused.append(item)
                continue
            name = shown(item.name)
            try:
                photo = read_photo(item.data, name)
            except UnreadableImage as error:
                refused.append(Refusal(name, str(error)))
                continue
            with self._store.lock():
                taken.append(ImageRef(self._store.put(item.data), name))
            self._thumbprints.put(photo.sha256, thumbprint(photo.pixels))
        return taken, refused

    # --- CAVs ---------------------------------------------------------------------------------------------------------------

    def load_cav(self, key: str) -> dict[str, Tensor] | None:
        """The tensors (...) kept under a key, a hex digest of all they depend on, in the library or beside the starters; None if
        there are none or they are damaged."""
        return self._store.load_cav(key) or self._starters.cav(key)

    @property
    def n_cavs(self) -> int:
        """How many files of CAVs the library has, without those beside the starters."""
        return self._store.n_cavs

    def save_cav(self, key: str, tensors: dict[str, Tensor], image_sets: Iterable[ImageSet] = ()) -> None:
        """Keeps tensors of any shape (...) under a key; a pack of one of the sets they were fitted on takes them along. Where the
        folder cannot be written nothing is kept: they can be fitted again."""
        with suppress(LibraryUnavailable), self._store.lock():
            self._store.save_cav(key, tensors, [s.fingerprint for s in image_sets])

    # --- packs --------------------------------------------------------------------------------------------------------------

    def export_pack(self, names: Iterable[str], random_names: Iterable[str] = ()) -> bytes:
        """A .zip of concepts and random counterparts: images, manifest.json, and the CAVs of those concepts."""
        concepts = [self.get(name, "concept") for name in names]
        image_sets = [*concepts, *(self.get(name, "random") for name in random_names)]
        digests = sorted({i.sha256 for s in image_sets for i in s.images})
        images = ((f"images/{digest}", self._source.data(digest)) for digest in digests)
        cavs = self._store.cavs_of({s.fingerprint for s in concepts})
        files = (*images, *((f"cavs/{key}.safetensors", data) for key, data in cavs))
        return write_pack(image_sets, ((path, data) for path, data in files if data is not None))

    def import_pack(self, data: bytes, name: str = "the pack") -> tuple[Added, ...]:
        """Adds the sets of a pack, and its CAVs of them where there are none yet: trust a pack as you trust its sender.

        A set whose name is taken by other images gets a number ('striped 2'). Raises BadConcept if a set has no usable image, and
        LibraryUnavailable if the folder cannot be written; then no set is added.
        """
        sets = [(wanted, *self._take(_pack_images(data, name, wanted))) for wanted in read_pack_sets(data, name)]
        failed = [nothing_usable(require_name(wanted.name), refused) for wanted, taken, refused in sets if not taken]
        if failed:
            raise BadConcept(f"{' '.join(failed)} Nothing of '{name}' was added.")
        added: list[Added] = []
        try:
            for wanted, taken, refused in sets:
                added.append(self._import_set(wanted, taken, refused))
            self._import_cavs(data, name, {a.image_set.fingerprint for a in added})
        except LibraryUnavailable:
            for made in (a.image_set for a in added if a.n_added):
                self._store.forget(made.kind, made.key)
            raise
        return tuple(added)

    def _import_set(self, wanted: ImageSet, taken: Sequence[ImageRef], refused: Sequence[Refusal]) -> Added:
        """Adds a set as a new one, or finds all of it in a set that is there."""
        here = {image.sha256 for image in taken}
        taken = [replace(image, name=shown(image.name)) for image in wanted.images if image.sha256 in here]
        there = self._by_name(wanted.kind).get(folded(wanted.name))
        is_other = there is not None and not {i.content for i in taken} <= {i.content for i in there.images}
        return self._add(self._numbered(wanted) if is_other else wanted.name, wanted.kind, taken, refused)

    def _numbered(self, wanted: ImageSet) -> str:
        """The first of 'name 2', 'name 3' ... that is free."""
        taken, number = self._by_name(wanted.kind), 2
        while folded(f"{wanted.name[: MAX_NAME - 5]} {number}") in taken:
            number += 1
        return f"{wanted.name[: MAX_NAME - 5]} {number}"

    def _import_cavs(self, data: bytes, name: str, fingerprints: set[str]) -> None:
        for item in read_archive(data, name, lambda path: path.startswith("cavs/")):
            if isinstance(item, Entry):
                with self._store.lock():
                    self._store.put_cav(Path(item.name).stem, item.data, fingerprints)

    # --- is a set fit for use? ----------------------------------------------------------------------------------------------

    def warnings(self, image_set: ImageSet | OpenSet, random_set: ImageSet | OpenSet) -> tuple[str, ...]:
        """Plain sentences on what is wrong with a concept's images and their random counterpart; none if all is well."""
        concept, random = (s if isinstance(s, OpenSet) else OpenSet(s, self.photos(s)) for s in (image_set, random_set))
        return warnings(concept.image_set, self._thumbprints_of(concept), random.image_set, self._thumbprints_of(random))

    def repeats_in(self, open_set: OpenSet) -> tuple[str, ...]:
        """The sentence on images that show the same picture as another of the set; none if none do. Starters have none."""
        return () if open_set.image_set.starter else repeats(open_set.image_set, self._thumbprints_of(open_set))

    def overlap_of(self, concept: OpenSet, random: OpenSet) -> tuple[str, ...]:
        """The sentence on a concept's images that its random counterpart has, too; none if none are. Starters share none."""
        if concept.image_set.starter and random.image_set.starter:
            return ()
        sets = concept.image_set, self._thumbprints_of(concept), random.image_set, self._thumbprints_of(random)
        return overlap(*sets)

    def _thumbprints_of(self, open_set: OpenSet) -> list[np.ndarray]:
        """The thumbprints of the images, in their order."""
        thumbprints = []
        for idx, image in enumerate(open_set.images):
            known = self._thumbprints.get(image.sha256)
            if known is None:
                known = thumbprint(open_set.photos[idx].pixels)
                self._thumbprints.put(image.sha256, known)
            thumbprints.append(known)
        return thumbprints


# --- steps of adding --------------------------------------------------------------------------------------------------------


def _unpacked(files: Iterable[tuple[str, bytes]]) -> Iterator[Entry | Refusal]:
    """Every file; in place of a .zip the files in it."""
    for name, data in files:
        if name.lower().endswith(".zip"):
            yield from read_archive(data, name)
        else:
            yield Entry(name, data)


def _pack_images(data: bytes, name: str, wanted: ImageSet) -> Iterator[Entry | Refusal]:
    """The images of one set of a pack under the names its manifest gives; those missing or not as promised are refused."""
    names = {f"images/{i.sha256}": i.name for i in wanted.images}
    for item in read_archive(data, name, frozenset(names).__contains__):
        listed_as = names.pop(item.name, None)
        if isinstance(item, Refusal) or listed_as is None:
            yield item if isinstance(item, Refusal) else Refusal(item.name, f"'{item.name}' is in the pack twice.")
        elif item.name != f"images/{sha256(item.data).hexdigest()}":
            yield Refusal(listed_as, f"'{listed_as}' is not the image that the pack's manifest promises.")
        else:
            yield Entry(listed_as, item.data)
    yield from (Refusal(missing, f"'{missing}' is missing from the pack.") for missing in names.values())
