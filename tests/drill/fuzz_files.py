"""Files that lie in folders, for the fuzzing (fuzz.py), with what reads them: folders of encoders, data sets in one file,
earlier checks, comparisons of encoders, pictures of an index, conditions of a link.

All of it is read as far as a page or a command uses it: photos of an archive are decoded, tables and pictures of a comparison are
drawn.
"""

import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import timm
import torch
from safetensors.torch import save

from explainers.datasets.baselines import against, read_baseline
from explainers.datasets.changes import SCHEMA, read_comparison
from explainers.datasets.filters import holding, read_conditions
from explainers.datasets.gate import Forbidden, GateSettings, check, verdict_record
from explainers.datasets.index import Index, open_index
from explainers.datasets.items import read_item
from explainers.datasets.search import regions_of_part
from explainers.datasets.shards import PHOTOS
from explainers.datasets.sources import list_items
from explainers.datasets.thumbnails import thumbnail
from explainers.results.files import as_json
from models.catalog.catalog import Catalog
from models.errors import UnreadableImage
from pages.audit import comparison, wall
from pages.audit.rows import as_text
from tests.drill.fuzz_data import K, index_files, parquet, written_index

ARCHITECTURE, ARGUMENTS = "vit_tiny_patch16_224", {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 96, "num_classes": 3}
NAME, SOUND = "somebodys", "sound"  # of folders of encoders


# --- folders of encoders --------------------------------------------------------------------------------------------------


@cache
def encoder_files() -> dict[str, bytes]:
    """The files of a small encoder, by name: a folder has some of them."""
    described = {"input_size": [3, 96, 96], "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3, "num_classes": 3}
    remarks = {"title": "Somebody's", "note": "Small.", "licence": "mit", "order": 3}
    config = {"architecture": ARCHITECTURE, "num_classes": 3, "model_args": ARGUMENTS, "pretrained_cfg": described}
    weights = timm.create_model(ARCHITECTURE, **ARGUMENTS).state_dict()
    pickled = io.BytesIO()
    torch.save({"state_dict": weights}, pickled)
    return {
        "config.json": json.dumps(config | {"encoderscope": remarks}).encode(),
        "model.safetensors": save(weights, {"format": "pt"}),
        "model.safetensors.index.json": json.dumps({"weight_map": dict.fromkeys(weights, "a.safetensors")}).encode(),
        "pytorch_model.bin": pickled.getvalue(),
    }


def read_encoder(weights: str, changed: str, data: bytes) -> None:
    """Lists the encoders of a folder of folders, one of which has these bytes as one of its files, and opens that one."""
    files = {name: encoder_files()[name] for name in ("config.json", weights)}
    if weights.endswith(".index.json"):
        files["a.safetensors"] = encoder_files()["model.safetensors"]
    with tempfile.TemporaryDirectory() as folder:
        for place in ("operators", "own"):
            for name, content in (files | {changed: data}).items():
                path = Path(folder) / place / NAME / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            (path.parents[1] / SOUND).mkdir()
            (path.parents[1] / SOUND / "config.json").write_bytes(encoder_files()["config.json"])
        catalog = Catalog(Path(folder) / "operators", Path(folder) / "own")
        entries = catalog.entries()
        if SOUND not in [entry.name for entry in entries]:
            raise AssertionError("one bad folder hides another one")
        for entry in entries:
            " ".join((entry.title, entry.note, entry.licence, entry.family)).encode()
        catalog.open(NAME)


# --- data sets in one file ------------------------------------------------------------------------------------------------


def read_archive_of_photos(suffix: str, data: bytes) -> None:
    """Lists the photos of an archive, and decodes them; those that are damaged are refused one by one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{suffix}"
        path.write_bytes(data)
        for item in list_items(path):
            with suppress(UnreadableImage):
                read_item(item)


def _members(picture: bytes) -> dict[str, bytes]:
    said = json.dumps({"label": "cat", "split": "train", "age": 3, "tags": ["a"], "score": 0.5}).encode()
    return {"cats/0.png": picture, "cats/0.json": said, "cats/1.png": picture, "cats/1.cls": b"dog", "README.md": b"#"}


def tar_of(files: dict[str, bytes], form: int) -> bytes:
    """A .tar of some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(files: dict[str, bytes], how: int) -> bytes:
    """A .zip of some files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


# --- what is kept beside an index -----------------------------------------------------------------------------------------


@cache
def _index() -> Index:
    """A sound index, whose folder stays until the process ends."""
    folder = Path(tempfile.mkdtemp())
    written_index(folder, index_files())
    return open_index(folder)


@cache
def baseline() -> bytes:
    """An earlier check of the index, as `check --json` writes it."""
    return as_json(verdict_record(check(_index(), GateSettings(K), [Forbidden("Part 0", (0,))])))


def check_against(data: bytes) -> None:
    """Compares a check with an earlier one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "before.json"
        path.write_bytes(data)
        before = read_baseline(path)
    verdict = against(check(_index(), GateSettings(K), [Forbidden("Part 0", (0,))]), before)
    for row in verdict.checked:
        row.sentence.encode()
    as_json(verdict_record(verdict))


def compared() -> bytes:
    """A comparison of two encoders as it is kept."""
    region = {"photo": "0.png", "shares": [0.2, 0.5], "mask": ["0110", "0110"]}
    row = {"class": "class 0", "class_idx": 0, "part": 1, "first": 0.2, "second": 0.5, "difference": 0.3, "interval": [0.1, 0.4]}
    row |= {"corrected_p_value": 0.01, "carried": "both", "place": "on it", "regions": [region]}
    change = {"name": "1.png", "label": "class 1", "predicted": ["class 1", "class 0"], "probabilities": [0.8, 0.7]}
    record = {"schema": SCHEMA, "encoders": [{"name": "tiny"}, {"name": "other"}], "sentences": ["It is so."]}
    return json.dumps(record | {"differences": [row] * 2, "changes": [change]}).encode()


def read_compared(data: bytes) -> None:
    """Reads a comparison as the Audit page does, down to its tables and pictures."""
    record = read_comparison(data)
    if record is None:
        return
    for row in comparison.shown_rows(record):
        as_text(comparison.table_row(row))
        comparison.pictures(_index(), row)
    comparison.changed(_index(), record)
    json.dumps(record, indent=1).encode()


def read_pictures(data: bytes) -> None:
    """Draws the wall of an index that has these bytes as every small picture."""
    name = next(name for name in index_files() if name.startswith(PHOTOS))
    table = pq.read_table(io.BytesIO(index_files()[name]))
    is_read = table["thumbnail"].is_valid().to_pylist()
    column = pa.array([data if read else None for read in is_read], pa.binary())
    with tempfile.TemporaryDirectory() as folder:
        changed = table.set_column(table.schema.get_field_index("thumbnail"), "thumbnail", column)
        written_index(Path(folder), index_files() | {name: parquet(changed)})
        index = open_index(Path(folder))
        wall.pictures(index, regions_of_part(index, K, 0, 0, 2))


def read_filters(data: bytes) -> None:
    """Reads the conditions of a link, and applies them."""
    photos = _index().photos
    with suppress(ValueError):  # the link is said to ask for what is not possible
        conditions = read_conditions(data.decode("utf-8", "replace"))
        holding([condition for condition in conditions if condition.column in ("label", "probability", "height")], photos)


def readers_of_folders(pictures: Sequence[bytes]) -> dict[str, tuple[Callable[[bytes], object], list[bytes]]]:
    """What reads a kind of file, and sound ones, by kind."""
    config, weights, index, pickled = encoder_files()
    filters = {"label": ["class 0", None], "probability": {"from": 0, "to": 0.5}}
    small = thumbnail(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8))
    zips = [zip_of(_members(pictures[0]), how) for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
    tars = [tar_of(_members(pictures[0]), form) for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)]
    encoders = {"encoder config": (weights, config), "encoder weights": (weights, weights)}
    encoders |= {"weights index": (index, index), "pickled weights": (pickled, pickled)}
    return {
        **{kind: (partial(read_encoder, own, changed), [encoder_files()[changed]]) for kind, (own, changed) in encoders.items()},
        "zip data": (partial(read_archive_of_photos, ".zip"), zips),
        "tar data": (partial(read_archive_of_photos, ".tar"), tars),
        "baseline": (check_against, [baseline()]),
        "comparison": (read_compared, [compared()]),
        "index pictures": (read_pictures, [small, *pictures]),
        "filters": (read_filters, [json.dumps(filters).encode()]),
    }
