"""Data sets as they lie on disk: which photos there are, and what is known of each. Nothing is decoded here.

folder      a class is a folder of pictures; pictures that lie directly in the data set have no label
zip, tar    the same in one file (packed.py)
table       a CSV or Parquet file with a column `file` (relative to the table), and `label`, `split` and others if there are any
COCO        a JSON file with images and annotations; the label is the category of an image's largest object
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os.path import isfile  # Path.is_file raises where a name is longer than a disk takes
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from explainers.datasets.columns import FILE_COLUMNS, OWN, in_types, text, types_of, with_columns
from explainers.datasets.items import Item, UnreadableData
from explainers.datasets.packed import folder_label, is_picture, read_tar, read_zip
from models.photo.junk import is_users_file

MAX_TABLE_BYTES = 2**30
MAX_ROWS = 20_000_000
_TABLE_ERRORS = (OSError, ValueError, pa.ArrowException)


def list_items(data: Path) -> list[Item]:
    """Every photo of a data set, by name; raises UnreadableData where there is none."""
    reader = _read_folder if data.is_dir() else READERS.get(data.suffix.lower())
    if reader is None or not data.exists():
        raise UnreadableData(f"'{data}' is not a data set: a folder of class folders, or one of {', '.join(READERS)} is needed.")
    items = _named_once(sorted(reader(data), key=lambda item: item.name))
    if not items:
        raise UnreadableData(f"There are no pictures in '{data}'. A folder of class folders, or a table of files is needed.")
    return in_types(items, types_of(items))


def _named_once(items: Sequence[Item]) -> list[Item]:
    """Photos of which each has a name of its own: one that is named again is refused."""
    seen: Counter[str] = Counter()
    once = []
    for item in items:
        seen[item.name] += 1
        n = seen[item.name]
        refusal = f"'{item.name}' is named more than once in this data set; the first one counts."
        once.append(item if n == 1 else replace(item, name=f"{item.name} ({n})", refusal=refusal))
    return once


def _read_folder(data: Path) -> list[Item]:
    items = []
    for path in data.rglob("*"):
        within = path.relative_to(data).as_posix()
        if is_picture(within) and is_users_file(within) and path.is_file():
            items.append(Item(within, path, folder_label(within)))
    return items or [_within(tar, item) for tar in sorted(data.glob("*.tar")) for item in read_tar(tar)]


def _within(tar: Path, item: Item) -> Item:
    """A photo of one of several tars, which count from 0 each."""
    return replace(item, name=f"{tar.stem}/{item.name}")


def _read_csv(data: Path) -> list[Item]:
    try:
        _require_small(data)
        as_text = pc.ConvertOptions(column_types=dict.fromkeys((*FILE_COLUMNS, *OWN), pa.string()))
        return _of_table(data, pc.read_csv(data, convert_options=as_text))
    except _TABLE_ERRORS as error:
        raise UnreadableData(f"'{data}' cannot be read as CSV: {error}.") from error


def _read_parquet(data: Path) -> list[Item]:
    try:
        file = pq.ParquetFile(data)
        claimed = sum(file.metadata.row_group(n).total_byte_size for n in range(file.metadata.num_row_groups))
        if file.metadata.num_rows > MAX_ROWS or claimed > MAX_TABLE_BYTES:
            raise UnreadableData(f"'{data}' has more than {MAX_ROWS} rows, or {MAX_TABLE_BYTES >> 20} MB unpacked. Split it.")
        plain = [field.name for field in file.schema_arrow if not (pa.types.is_nested(field.type) or _is_binary(field.type))]
        return _of_table(data, file.read(columns=plain))
    except _TABLE_ERRORS as error:
        raise UnreadableData(f"'{data}' cannot be read as Parquet: {error}.") from error


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _require_small(data: Path) -> None:
    if data.stat().st_size > MAX_TABLE_BYTES:
        raise UnreadableData(f"'{data}' has more than {MAX_TABLE_BYTES >> 20} MB. Split it.")


def _of_table(data: Path, table: pa.Table) -> list[Item]:
    columns = [name for name in FILE_COLUMNS if name in table.column_names]
    if table.num_rows and not columns:
        raise UnreadableData(f"'{data}' has no column of text that names files; one of {', '.join(FILE_COLUMNS)} is needed.")
    return [_of_row(data.parent, text(row[columns[0]]), row) for batch in table.to_batches() for row in batch.to_pylist()]


def _of_row(folder: Path, file: str, row: Mapping[str, Any]) -> Item:
    return with_columns(Item(file.replace("\\", "/"), folder / file), row)


def _read_coco(data: Path) -> list[Item]:
    try:
        _require_small(data)
        record = json.loads(data.read_bytes())
        labels = _largest_categories(record)
        files = [(str(image["file_name"]), labels.get(image["id"], "")) for image in record["images"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableData(f"'{data}' is not a COCO file with images, annotations and categories.") from error
    folders = (data.parent, data.parent / data.stem, data.parent / "images", data.parent.parent / data.stem)
    root = next((folder for folder in folders if files and isfile(folder / files[0][0])), data.parent)
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
    ".zip": read_zip,
    ".tar": read_tar,
}
