"""The same photos in a folder, a zip, tars and tables come to the same bytes; hostile archives end in one sentence each."""

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explainers.datasets import packed
from explainers.datasets.audit import wrong_of
from explainers.datasets.index import open_index
from explainers.datasets.items import Item, UnreadableData, read_item, sha256_of
from explainers.datasets.sources import list_items
from models.errors import UnreadableImage
from tests.explainers.datasets.test_making import contents

Files = Iterable[tuple[str, bytes]]


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def files_in(folder: Path) -> list[tuple[str, bytes]]:
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in sorted(folder.rglob("*.png"))]


def refusals(items: list[Item]) -> dict[str, str]:
    return {item.name: item.refusal for item in items if item.refusal}


# --- the same bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "tar", "csv", "parquet"])
def test_the_same_photos_from_another_source_are_the_same_bytes(made, data, tmp_path, kind):
    files = files_in(data)
    rows = {"file": [str(data / name) for name, _ in files], "label": [name.split("/")[0] for name, _ in files]}
    writers = {
        "zip": lambda path: zipped(path, files[::-1]),
        "tar": lambda path: tarred(path, files[::-1]),
        "csv": lambda path: path.write_text(
            "file,label\n" + "".join(f"{f},{label}\n" for f, label in zip(*rows.values(), strict=True))
        ),
        "parquet": lambda path: pq.write_table(pa.table(rows), path),
    }
    writers[kind](tmp_path / f"photos.{kind}")
    items = list_items(tmp_path / f"photos.{kind}")
    if kind in ("csv", "parquet"):  # where a name is a whole path, it names the source
        items = [Item(Path(item.name).relative_to(data).as_posix(), item.path, item.label) for item in items]
    made(tmp_path / "folder")
    made(tmp_path / "other", items=items)
    assert contents(tmp_path / "other") == contents(tmp_path / "folder")


def test_a_folder_of_tars_counts_each_from_the_beginning(data, tmp_path):
    (_, first), (_, second), *_ = files_in(data)
    tarred(
        tmp_path / "train-0.tar",
        [("0.png", first), ("0.cls", b"13"), ("0.json", b'{"label": "x", "split": "train", "year": 1999}')],
    )
    tarred(tmp_path / "train-1.tar", [("0.json", b'{"label": "dog", "weather": ["rain"]}'), ("0.png", second)])
    one, other = list_items(tmp_path)
    assert (one.name, one.label, one.split) == ("train-0/0.png", "13", "train")
    assert (other.name, other.label) == ("train-1/0.png", "dog")
    assert dict(one.columns) == {"weather": None, "year": 1999} and dict(other.columns) == {"weather": "['rain']", "year": None}
    assert read_item(one).sha256 == sha256_of(one)


# --- further columns ----------------------------------------------------------------------------------------------------------


def test_further_columns_keep_their_types_and_are_the_same_from_csv_and_parquet(made, data, tmp_path):
    names = [str(data / name) for name, _ in files_in(data)]
    columns = {
        "label": ["1"] * 13,
        "year": [*range(2000, 2012), None],
        "price": [0.5, *range(1, 13)],
        "night": [True, False] * 6 + [True],
        "camera": ["a, b"] * 12 + [""],
        "width": ["wide"] * 13,
    }
    table = pa.table({"file": names, **columns})
    pq.write_table(table, tmp_path / "t.parquet")
    table.to_pandas().astype({"year": "Int64"}).to_csv(tmp_path / "t.csv", index=False)
    made(tmp_path / "a", items=list_items(tmp_path / "t.parquet"))
    made(tmp_path / "b", items=list_items(tmp_path / "t.csv"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    index = open_index(tmp_path / "a")
    assert index.columns == {"camera": "string", "given_width": "string", "night": "bool", "price": "double", "year": "int64"}
    row = index.photos.slice(0, 1).to_pylist()[0]
    assert row["width"] == 64 and row["given_width"] == "wide" and row["label"] == "1"
    assert made(tmp_path / "plain").columns == {}


def test_what_is_no_text_names_no_file_and_too_many_columns_are_refused(tmp_path):
    pq.write_table(pa.table({"image": [{"bytes": b"x"}], "label": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(UnreadableData, match="no column of text"):
        list_items(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text(",".join(["file", *map(str, range(300))]) + "\n" + ",".join(["a.png", *["1"] * 300]) + "\n")
    with pytest.raises(UnreadableData, match="300 further columns"):
        list_items(tmp_path / "t.csv")


def test_who_is_named_twice_counts_once(made, data, tmp_path):
    name, _ = files_in(data)[0]
    (tmp_path / "t.csv").write_text(f"file,label\n{data / name},a\n{data / name},b\n{data / 'thing 1/1.png'},b\n")
    items = list_items(tmp_path / "t.csv")
    assert [item.label for item in items if not item.refusal] == ["a", "b"]
    (refusal,) = refusals(items).values()
    assert "more than once" in refusal


# --- hostile archives -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["/etc/a.png", "../a.png", "x/../../a.png", "C:/a.png", "..\\a.png"])
@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar"])
def test_paths_that_lead_out_are_refused_one_by_one(data, tmp_path, name, pack):
    picture = files_in(data)[0][1]
    items = list_items(pack(tmp_path / ("x.zip" if pack is zipped else "x.tar"), [(name, picture), ("good.png", picture)]))
    (refusal,) = refusals(items).values()
    assert "leads out of the archive" in refusal and len(items) == 2
    with pytest.raises(UnreadableImage, match="leads out"):
        read_item(next(item for item in items if item.refusal))


def test_links_and_devices_in_a_tar_are_refused(data, tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, kind in (("a.png", tarfile.SYMTYPE), ("b.png", tarfile.LNKTYPE), ("c.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert ["is a link" in text for text in refusals(list_items(tmp_path / "x.tar")).values()] == [True, True, False]
    assert set(refusals(list_items(tmp_path / "x.tar"))) == {"a.png", "b.png", "c.png"}


def test_an_archive_within_an_archive_is_passed_over_or_no_picture(data, tmp_path):
    inner = zipped(tmp_path / "inner.zip", [("a.png", b"x")]).read_bytes()
    with pytest.raises(UnreadableData, match="no pictures"):
        list_items(zipped(tmp_path / "x.zip", [("inner.zip", inner)]))
    (item,) = list_items(tarred(tmp_path / "x.tar", [("inner.png", inner)]))
    with pytest.raises(UnreadableImage, match="not a photo"):
        read_item(item)


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("cut", [0, 100, 511, 700, -512, -600, -1024])
def test_a_truncated_archive_is_one_sentence(data, tmp_path, kind, cut):
    path = (zipped if kind == "zip" else tarred)(tmp_path / f"x.{kind}", files_in(data)[:3])
    whole = path.read_bytes()
    if kind == "tar":  # without the padding to a record of 20 blocks, which a cut may take
        whole = whole.rstrip(b"\0") + bytes(-len(whole.rstrip(b"\0")) % 512 + 1024)
    path.write_bytes(whole[:cut])
    if kind == "tar" and cut == -512:  # of the two blocks at the end, one is enough
        assert len(list_items(path)) == 3
        return
    with pytest.raises(UnreadableData, match="not a readable"):
        list_items(path)


def test_a_tar_that_is_damaged_in_the_middle_is_one_sentence(data, tmp_path):
    path = tarred(tmp_path / "x.tar", files_in(data)[:3])
    content = bytearray(path.read_bytes())
    second = content.index(b"thing 0/10.png")
    content[second : second + 512] = b"\xff" * 512
    path.write_bytes(content)
    with pytest.raises(UnreadableData, match="not a readable"):
        list_items(path)


def test_a_compressed_tar_and_text_are_no_tars(data, tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w:gz") as archive:
        archive.add(data / "thing 1/1.png")
    (tmp_path / "y.tar").write_text("no tar " * 200)
    (tmp_path / "z.zip").write_text("no zip " * 200)
    for name in ("x.tar", "y.tar", "z.zip"):
        with pytest.raises(UnreadableData, match="not a readable"):
            list_items(tmp_path / name)


def test_entries_that_share_their_bytes_are_refused_as_a_whole(data, tmp_path):
    path = zipped(tmp_path / "x.zip", [("a.png", files_in(data)[0][1]), ("b.png", files_in(data)[1][1])])
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)  # both begin where the first one does
    path.write_bytes(content)
    with pytest.raises(UnreadableData, match="not a readable"):
        list_items(path)


def test_what_would_burst_is_refused_before_and_while_it_is_read(tmp_path, monkeypatch):
    bomb = zipped(tmp_path / "x.zip", [("a.png", bytes(30_000_000)), ("b.png", b"x")])
    assert "decompression bomb" in refusals(list_items(bomb))["a.png"]
    monkeypatch.setattr("explainers.datasets.items.MAX_BYTES", 1000)
    small = zipped(tmp_path / "y.zip", [("a.png", bytes(2000))])  # says so, and is not believed to be small
    big = tarred(tmp_path / "y.tar", [("a.png", bytes(2000))])
    for item in (*list_items(small), *list_items(big)):
        assert sha256_of(item) == ""
        with pytest.raises(UnreadableImage, match="larger than"):
            read_item(item)


def test_a_huge_directory_and_a_huge_header_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "MAX_READ_BYTES", 40_000)
    many = zipped(tmp_path / "x.zip", [(f"{n}.png", b"") for n in range(1000)])
    with pytest.raises(UnreadableData, match="directory of more than"):
        list_items(many)
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.pax_headers = {"comment": "x" * 50_000}
        archive.addfile(info)
    with pytest.raises(UnreadableData, match="directory of more than"):
        list_items(tmp_path / "x.tar")


def test_a_photo_whose_archive_changes_or_goes_is_named(data, tmp_path):
    path = zipped(tmp_path / "x.zip", files_in(data)[:2])
    items = list_items(path)
    damaged = bytearray(path.read_bytes())
    damaged[60:90] = b"\0" * 30
    path.write_bytes(damaged)
    with pytest.raises(UnreadableImage, match="damaged inside"):
        read_item(items[0])
    path.unlink()
    assert sha256_of(items[1]) == ""
    with pytest.raises(UnreadableImage, match="damaged inside"):
        read_item(items[1])


def test_what_is_said_beside_a_picture_may_be_anything(data, tmp_path):
    picture = files_in(data)[0][1]
    for n, said in enumerate([b"[1]", b"{" * 3000, b"\xff\xfe", json.dumps({"label": None, "x": 10**30}).encode(), b""]):
        (item,) = list_items(tarred(tmp_path / f"{n}.tar", [("cat/a.png", picture), ("cat/a.json", said)]))
        assert item.label == "cat" and dict(item.columns).get("x", str(10**30)) == str(10**30)


def test_a_label_is_the_name_of_a_class_or_its_number():
    photos = pa.table({"label": ["cat", "1", "2", ""], "predicted": [0, 1, 0, 0]})
    labelled, wrong = wrong_of(SimpleNamespace(class_names=("cat", "dog", "1"), photos=photos))
    assert labelled.tolist() == [True, True, True, False] and wrong.tolist() == [False, True, True, False]
