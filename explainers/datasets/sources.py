"""Data sets as they lie on disk: which photos there are, and what is known of each. Nothing is decoded here.

folder    a class is a folder of pictures; pictures that lie directly in the data set have no label
table     a CSV or Parquet file with a column `file` (relative to the table), and `label` and `split` if there are any
COCO      a JSON file with images and annotations; the label is the category of an image's largest object
"""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from models.errors import EncoderscopeError
from models.photo import PICTURE_SUFFIXES
from models.photo.junk import is_users_file

FILE_COLUMNS = ("file", "file_name", "filename", "path", "image")
MAX_TABLE_BYTES = 2**30


class UnreadableData(EncoderscopeError):
    """A data set that cannot be read as one, for the reason given."""


@dataclass(frozen=True)
class Item:
    """A photo of a data set, before anybody has looked at it."""

    name: str  # its path within the data set, with forward slashes
    path: Path
    label: str = ""  # empty where there is none
    split: str = ""


def list_items(data: Path) -> list[Item]:
    """Every photo of a data set, by name; raises UnreadableData where there is none."""
    reader = _read_folder if data.is_dir() else READERS.get(data.suffix.lower())
    if reader is None or not data.exists():
        raise UnreadableData(f"'{data}' is not a data set: a folder of class folders, or one of {', '.join(READERS)} is needed.")
    items = sorted(reader(data), key=lambda item: item.name)
    if not items:
        raise UnreadableData(f"There are no pictures in '{data}'. A folder of class folders, or a table of files is needed.")
    return items


def _read_folder(data: Path) -> list[Item]:
    items = []
    for path in data.rglob("*"):
        within = path.relative_to(data)
        if path.suffix.lower() in PICTURE_SUFFIXES and is_users_file(within.as_posix()) and path.is_file():
            items.append(Item(within.as_posix(), path, within.parts[-2] if len(within.parts) > 1 else ""))
    return items


def _read_csv(data: Path) -> list[Item]:
    try:
        with data.open(newline="", encoding="utf-8-sig") as file:
            return _of_rows(data, [dict(row) for row in csv.DictReader(file)])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableData(f"'{data}' cannot be read as CSV: {error}.") from error


def _read_parquet(data: Path) -> list[Item]:
    try:
        return _of_rows(data, pq.read_table(data).to_pylist())
    except (OSError, ValueError) as error:
        raise UnreadableData(f"'{data}' cannot be read as Parquet: {error}.") from error


def _of_rows(data: Path, rows: list[dict[str, Any]]) -> list[Item]:
    columns = [name for name in FILE_COLUMNS if rows and name in rows[0]]
    if rows and not columns:
        raise UnreadableData(f"'{data}' has no column that names files; one of {', '.join(FILE_COLUMNS)} is needed.")
    return [_of_row(data.parent, str(row[columns[0]]), row) for row in rows]


def _of_row(folder: Path, file: str, row: Mapping[str, Any]) -> Item:
    return Item(file.replace("\\", "/"), folder / file, _text(row.get("label")), _text(row.get("split")))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _read_coco(data: Path) -> list[Item]:
    try:
        if data.stat().st_size > MAX_TABLE_BYTES:
            raise UnreadableData(f"'{data}' has more than {MAX_TABLE_BYTES >> 20} MB. Split it.")
        record = json.loads(data.read_bytes())
        labels = _largest_categories(record)
        files = [(str(image["file_name"]), labels.get(image["id"], "")) for image in record["images"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableData(f"'{data}' is not a COCO file with images, annotations and categories.") from error
    folders = (data.parent, data.parent / data.stem, data.parent / "images", data.parent.parent / data.stem)
    root = next((folder for folder in folders if files and (folder / files[0][0]).is_file()), data.parent)
    return [Item(name, root / name, label) for name, label in files]


def _largest_categories(record: Mapping[str, Any]) -> dict[Any, str]:
    """By image the name of the category of its largest object, by the area of its box."""
    names = {category["id"]: str(category["name"]) for category in record["categories"]}
    largest: dict[Any, tuple[float, str]] = {}
    for thing in record["annotations"]:
        area = float(thing["bbox"][2]) * float(thing["bbox"][3])
        if area > largest.get(thing["image_id"], (-1.0, ""))[0]:
            largest[thing["image_id"]] = area, names[thing["category_id"]]
    return {image_id: name for image_id, (_, name) in largest.items()}


READERS: dict[str, Callable[[Path], list[Item]]] = {  # by suffix
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".json": _read_coco,
}
