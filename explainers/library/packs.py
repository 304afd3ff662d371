"""Packs: archives that carry sets from one library to another. The sets are in manifest.json, their images beside it."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from explainers.library.archives import read_archive, write_archive
from explainers.library.sets import KINDS, ImageSet, Refusal
from explainers.library.store import FORMATS, format_of, read_refs, ref_records
from models.errors import BadConcept

MAX_SETS = 200
MANIFEST = "manifest.json"


def write_pack(image_sets: Sequence[ImageSet], files: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of sets: what they are in manifest.json, and the files given, (path, bytes)."""
    records = [{"name": s.name, "kind": s.kind, "images": ref_records(s)} for s in image_sets]
    manifest = json.dumps({"format": format_of(image_sets), "sets": records}, indent=1, ensure_ascii=False)
    return write_archive([(MANIFEST, manifest.encode()), *files])


def read_pack_sets(data: bytes, name: str) -> tuple[ImageSet, ...]:
    """The sets that a pack says it carries; raises BadConcept if it is not a pack."""
    manifest = next(iter(read_archive(data, name, wanted=MANIFEST.__eq__)), None)
    if isinstance(manifest, Refusal):
        raise BadConcept(manifest.reason)
    sets = _read_sets(manifest.data) if manifest else None
    if not sets:
        raise BadConcept(f"'{name}' is not a pack: it has no {MANIFEST} that lists sets. Add its images to a concept instead.")
    return sets


def _read_sets(manifest: bytes) -> tuple[ImageSet, ...] | None:
    """The sets of a manifest; None if one of them, or all of it, cannot be understood."""
    try:
        record = json.loads(manifest)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("format") not in FORMATS or not isinstance(record.get("sets"), list):
        return None
    sets = []
    for part in record["sets"][:MAX_SETS]:
        image_set = _read_set(part)
        if image_set is None:
            return None
        sets.append(image_set)
    return tuple(sets)


def _read_set(record: Any) -> ImageSet | None:
    if not isinstance(record, dict) or record.get("kind") not in KINDS or not isinstance(record.get("name"), str):
        return None
    images = read_refs(record.get("images"))
    return ImageSet(record["name"], record["kind"], images, starter=False) if images else None
