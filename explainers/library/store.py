"""What the concept library leaves on disk, and how several processes share it.

    images/ab/ab12...      image files by the SHA-256 of their bytes
    sets/<kind>/<key>.json one small manifest per set; a key stays the same when the set is renamed
    cavs/<key>.safetensors CAVs, keyed by whoever computes them

Every file appears under its name only when it is complete, so readers need no lock. Whoever reads in order to write holds
``Store.lock``, which holds between threads and between processes.
"""

import hashlib
import json
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from explainers.library.cav_files import read_cav, written_cav
from explainers.library.locks import held_lock
from explainers.library.regions import read_region, region_record
from explainers.library.sets import KINDS, ImageRef, ImageSet, Kind
from models.errors import BadSettings, LibraryUnavailable
from models.files import is_past_keeping, left_behind, written_atomically

WHOLE_IMAGES, WITH_REGIONS = 1, 2  # formats of manifests; the second where a region is among the images
FORMATS = (WHOLE_IMAGES, WITH_REGIONS)
CAV_BYTES = int(os.environ.get("ENCODERSCOPE_CAV_MB", "2048")) * 2**20  # 2 GiB: two thousand concepts of a ResNet-50's last depth
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAFE_KEY = re.compile(r"[a-z0-9-]{1,100}")
_HEX = re.compile(r"[0-9a-f]{8,128}")


class Store:
    """A folder of images, manifests and at most ``cav_bytes`` of CAVs; it is made when something is first written."""

    def __init__(self, folder: Path, cav_bytes: int = CAV_BYTES):
        self.folder, self.cav_bytes = folder, cav_bytes

    @contextmanager
    def lock(self) -> Generator[None]:
        """While held, nobody else changes the library. A folder that refuses to be written raises LibraryUnavailable."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with held_lock(self.folder / ".lock"):
                yield
        except OSError as error:
            raise LibraryUnavailable(
                f"The concept library in '{self.folder}' cannot be written: {error.strerror or error}. "
                "Mend that, or set ENCODERSCOPE_HOME to a folder that can."
            ) from error

    # --- images; the caller holds the lock to put and to keep ---------------------------------------------------------------

    def image_path(self, sha256: str) -> Path:
        """Where an image of this hash lies, if the library has it."""
        return self.folder / "images" / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Keeps an image file, and returns its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.image_path(sha256)
        if path.exists():
            os.utime(path)
        else:
            _write(path, data)
        return sha256

    def keep(self, images: Iterable[ImageRef]) -> None:
        """Makes images that a set just let go of stay for another day, however old they are."""
        for image in images:
            with suppress(FileNotFoundError):
                os.utime(self.image_path(image.sha256))

    def image(self, sha256: str) -> bytes | None:
        """The bytes of an image, None if it is not here."""
        try:
            return self.image_path(sha256).read_bytes()
        except OSError:
            return None

    # --- manifests ----------------------------------------------------------------------------------------------------------

    def sets(self, kind: Kind) -> dict[str, ImageSet | None]:
        """Every manifest by its key; None marks a starter that was deleted. Broken manifests are passed over."""
        image_sets = {}
        for path in self._manifests(kind):
            record = _read_json(path)
            image_set = _parsed(record, kind, path.stem)
            if image_set is not None or _is_deletion(record):
                image_sets[path.stem] = image_set
        return image_sets

    def write_set(self, image_set: ImageSet) -> None:
        """Writes a set's manifest in place of the one it had. The lock is held by the caller."""
        record = {"format": format_of([image_set]), "name": image_set.name, "images": ref_records(image_set)}
        self._write_manifest(image_set.kind, image_set.key, record)

    def write_deletion(self, kind: Kind, key: str) -> None:
        """Marks a starter as deleted."""
        self._write_manifest(kind, key, {"format": WHOLE_IMAGES, "deleted": True})

    def forget(self, kind: Kind, key: str) -> None:
        """Drops a manifest, if there is one."""
        self._manifest(kind, key).unlink(missing_ok=True)

    def _write_manifest(self, kind: Kind, key: str, record: dict[str, Any]) -> None:
        text = json.dumps(record, indent=1, ensure_ascii=False)
        _write(self._manifest(kind, key), text.encode())

    def _manifest(self, kind: Kind, key: str) -> Path:
        if kind not in KINDS or not _SAFE_KEY.fullmatch(key):
            raise BadSettings(f"'{key}' of kind '{kind}' is not a set of this library.")
        return self.folder / "sets" / kind / f"{key}.json"

    def _manifests(self, kind: Kind) -> list[Path]:
        return sorted((self.folder / "sets" / kind).glob("[!.]*.json"))

    # --- CAVs ---------------------------------------------------------------------------------------------------------------

    def load_cav(self, key: str) -> dict[str, Tensor] | None:
        """The tensors kept under a key, each of whatever shape (...); None if there are none, or not as they were written."""
        read = self._read_cav(key)
        if read is None:
            return None
        with suppress(OSError):  # a library that can only be read
            os.utime(self._cav(key))
        return read[0]

    def _read_cav(self, key: str) -> tuple[dict[str, Tensor], set[str]] | None:
        try:
            return read_cav(self._cav(key).read_bytes())
        except OSError:
            return None

    def save_cav(self, key: str, tensors: dict[str, Tensor], fingerprints: Iterable[str]) -> None:
        """Keeps tensors of any shape (...) under a key, and on which sets they were fitted. The lock is held by the caller."""
        _write(self._cav(key), written_cav(tensors, fingerprints))
        self._trim_cavs()

    def _trim_cavs(self) -> None:
        """Drops the CAVs least recently asked for until the others fit; they can be fitted again at any time."""
        files = [(path, path.stat()) for path in self._cavs()]
        total = sum(stat.st_size for _, stat in files)
        for path, stat in sorted(files, key=lambda item: item[1].st_mtime):
            if total <= self.cav_bytes:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size

    def put_cav(self, key: str, data: bytes, fingerprints: set[str]) -> None:
        """Keeps the bytes of a CAV's file as they are, if it is sound, was fitted on one of these sets, and there is none under
        this key. The lock is held by the caller."""
        read = read_cav(data) if _HEX.fullmatch(key) else None
        if read is not None and read[1] & fingerprints and self._read_cav(key) is None:
            _write(self._cav(key), data)
            self._trim_cavs()

    def cavs_of(self, fingerprints: set[str]) -> Iterator[tuple[str, bytes]]:
        """Key and bytes of every CAV that was fitted on one of these sets."""
        for path in self._cavs():
            data = path.read_bytes()
            read = read_cav(data)
            if read is not None and read[1] & fingerprints:
                yield path.stem, data

    @property
    def n_cavs(self) -> int:
        """How many files of CAVs there are."""
        return len(self._cavs())

    def _cavs(self) -> list[Path]:
        return sorted((self.folder / "cavs").glob("[!.]*.safetensors"))

    def _cav(self, key: str) -> Path:
        if not _HEX.fullmatch(key):
            raise BadSettings(f"'{key}' is not a key of a CAV: a hex digest is needed.")
        return self.folder / "cavs" / f"{key}.safetensors"

    # --- tidying up ---------------------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Removes images that no set has used for a day, and returns how many; none while a manifest cannot be read. What writers
        that have died left behind goes, too."""
        for path in left_behind(self.folder):
            path.unlink(missing_ok=True)
        used: set[str] = set()
        for kind in KINDS:
            for path in self._manifests(kind):
                record = _read_json(path)
                image_set = _parsed(record, kind, path.stem)
                if image_set is not None:
                    used |= {image.sha256 for image in image_set.images}
                elif not _is_deletion(record):
                    return 0
        unused = [path for path in (self.folder / "images").glob("*/*") if path.name not in used and is_past_keeping(path)]
        for path in unused:
            path.unlink(missing_ok=True)
        return len(unused)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as file:
        file.write(data)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _is_deletion(record: Any) -> bool:
    return isinstance(record, dict) and record.get("format") in FORMATS and record.get("deleted") is True


def _parsed(record: Any, kind: Kind, key: str) -> ImageSet | None:
    """The set that a manifest describes; None if it cannot be understood."""
    if not isinstance(record, dict) or record.get("format") not in FORMATS or not isinstance(record.get("name"), str):
        return None
    images = read_refs(record.get("images"))
    return ImageSet(record["name"], kind, images, starter=False, key=key) if images else None


def format_of(image_sets: Iterable[ImageSet]) -> int:
    """The format of a manifest of these sets: without regions, earlier versions read it as well."""
    return WITH_REGIONS if any(image_set.n_regions for image_set in image_sets) else WHOLE_IMAGES


def ref_records(image_set: ImageSet) -> list[dict[str, Any]]:
    """The images of a set as a manifest lists them."""
    return [
        {"sha256": image.sha256, "name": image.name}
        | ({"region": region_record(image.region)} if image.region else {})
        | ({"rendered": True} if image.rendered else {})
        for image in image_set.images
    ]


def read_refs(records: Any) -> tuple[ImageRef, ...] | None:
    """The images that a manifest lists; None if these are not such records."""
    if not isinstance(records, list):
        return None
    images = [_read_ref(record) for record in records]
    known = tuple(image for image in images if image is not None)
    return known if len(known) == len(images) else None


def _read_ref(record: Any) -> ImageRef | None:
    if not isinstance(record, dict) or not isinstance(record.get("name"), str):
        return None
    if not isinstance(record.get("sha256"), str) or not _SHA256.fullmatch(record["sha256"]):
        return None
    region = read_region(record["region"]) if "region" in record else None
    if "region" in record and region is None:
        return None
    return ImageRef(record["sha256"], record["name"], region, rendered=record.get("rendered") is True)
