"""The concept library: what goes in comes out, what is refused is named, every change can be undone, and nobody's work is lost.

Images are 8 x 8 PNG files, each of its own noise; the starters under test are three archives of such images.
"""

import json
import multiprocessing
import os
import pickle
import threading
import time
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explainers.library import ConceptLibrary, locks, store
from explainers.library.folders import read_folder
from explainers.library.library import default_folder
from explainers.library.sets import ImageRef, ImageSet
from models.errors import BadConcept, BadSettings, LibraryUnavailable, UnknownConcept, UnreadableImage

KEY = "ab" * 32


def png(seed, size=8):
    return encoded(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def encoded(pixels, kind="PNG", **options):
    data = BytesIO()
    Image.fromarray(pixels).save(data, kind, **options)
    return data.getvalue()


def files(*seeds):
    return [(f"{seed}.png", png(seed)) for seed in seeds]


def zipped(*entries):
    """An archive of (name or ZipInfo, bytes)."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return data.getvalue()


def names(image_set):
    return [image.name for image in image_set.images]


def listed(library, kind=None):
    return [image_set.name for image_set in library.sets(kind)]


@pytest.fixture
def starters(tmp_path):
    folder = tmp_path / "starters"
    folder.mkdir()
    for kind, name, first in (("concept", "striped", 100), ("concept", "dotted", 200), ("random", "scenes", 300)):
        (folder / f"{kind}-{name}.zip").write_bytes(zipped(*files(*range(first, first + 3))))
    return folder


@pytest.fixture
def library(tmp_path, starters):
    return ConceptLibrary(tmp_path / "library", starters)


@pytest.fixture
def cats(library):
    """The library with a concept of three images."""
    library.add("cats", "concept", files(1, 2, 3))
    return library


# --- adding and finding ---------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out(library):
    added = library.add("  Cats ", "concept", files(1, 2))
    assert added.n_added == 2 and added.repeated == () and added.refused == ()
    assert added.image_set == library.get("cats") and library.get("CATS").name == "Cats"
    photo = library.photos(library.get("cats"))[1]
    assert photo.name == "2.png" and (photo.pixels == np.asarray(Image.open(BytesIO(png(2))))).all()


class CountingSource:
    """Gives an image's reference for its photo, and writes down which one was asked for."""

    def __init__(self):
        self.decoded = []

    def photo(self, image):
        self.decoded.append(image.name)
        return image


def test_photos_can_be_gone_through_twice_and_are_decoded_only_when_asked_for(cats):
    photos = replace(cats.photos(cats.get("cats")), source=CountingSource())
    decoded = photos.source.decoded
    assert len(photos) == 3 and decoded == []
    assert photos[2] == photos[-1] and decoded == ["3.png", "3.png"]
    assert [p.name for p in photos] == [p.name for p in photos] == ["1.png", "2.png", "3.png"]
    assert len(photos[1:]) == 2 and photos[1:][0].name == "2.png"


def test_starters_come_first_then_names(cats):
    cats.add("Ants", "concept", files(9))
    cats.add("cats", "random", files(9))
    assert listed(cats, "concept") == ["dotted", "striped", "Ants", "cats"] and listed(cats, "random") == ["scenes", "cats"]
    assert listed(cats) == ["dotted", "scenes", "striped", "Ants", "cats", "cats"]


def test_an_unknown_name_is_answered_with_what_there_is(library):
    with pytest.raises(UnknownConcept, match=r"no concept 'cat'. There is: 'dotted', 'striped'"):
        library.get("cat")


def test_the_same_bytes_are_kept_once(cats):
    added = cats.add("cats", "concept", [("again.png", png(1)), ("new.png", png(4)), ("twice.png", png(4))])
    assert added.n_added == 1 and added.repeated == ("again.png", "twice.png")
    cats.add("other", "concept", files(1))
    assert len(list((cats._store.folder / "images").glob("*/*"))) == 4


def test_the_fingerprint_is_that_of_the_images_alone():
    first, second = ImageRef("a" * 64, "one"), ImageRef("b" * 64, "two")
    there = ImageSet("x", "concept", (first, second), starter=False)
    assert there.fingerprint == ImageSet("y", "random", (second, first), starter=True).fingerprint
    assert there.fingerprint != ImageSet("x", "concept", (first,), starter=False).fingerprint


def test_what_is_no_image_is_named_and_the_rest_is_taken(library):
    added = library.add("cats", "concept", [("a.txt", b"words"), *files(1), ("cut.png", png(2)[:60])])
    assert names(added.image_set) == ["1.png"] and [r.name for r in added.refused] == ["a.txt", "cut.png"]
    assert "text file" in added.refused[0].reason and "damaged" in added.refused[1].reason


def test_no_empty_set_is_made(library):
    with pytest.raises(BadConcept, match="looks like a text file"):
        library.add("cats", "concept", [("a.txt", b"words")])
    with pytest.raises(BadConcept, match="no file at all"):
        library.add("cats", "concept", [])
    assert "cats" not in listed(library)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\nb", "a\0b"])
def test_names_that_cannot_be_shown_are_refused(library, name):
    with pytest.raises(BadConcept, match="name"):
        library.add(name, "concept", files(1))


@pytest.mark.parametrize("name", ["x" * 60, "../../etc/passwd", "con", "a/b\\c", "gestreift & köstlich", "条纹"])
def test_any_other_name_is_kept_as_given_and_stays_inside_the_folder(library, tmp_path, name):
    library.add(name, "concept", files(1))
    assert library.get(name).name == name
    paths = [p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()]
    assert {p.parts[0] for p in paths} == {"library", "starters"}


# --- archives -------------------------------------------------------------------------------------------------------------


def test_an_archive_counts_as_its_images(library):
    apples = [
        ("__MACOSX/._1.png", b"junk"),
        (".DS_Store", b"junk"),
        ("@eaDir/1.png", b"junk"),
        (".git/1.png", b"junk"),
        ("deep/er/", b""),
        ("deep/er/1.png", png(1)),
    ]
    added = library.add("cats", "concept", [("all.ZIP", zipped(*apples)), *files(2)])
    assert names(added.image_set) == ["deep/er/1.png", "2.png"] and added.refused == ()


@pytest.mark.parametrize("name", ["Zebra ä.png", "条纹.png"])
def test_names_in_utf8_are_read_also_where_the_archive_does_not_say_so(library, name):
    data = zipped(("x" * len(name.encode()), png(1))).replace(b"x" * len(name.encode()), name.encode())  # without the flag
    assert names(library.add("cats", "concept", [("all.zip", data)]).image_set) == [name]


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def fifo(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o010644 << 16
    return info


def deflated(name, method=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    return info


@pytest.mark.parametrize(
    "entry, content, reason",
    [
        ("/etc/a.png", png(2), "leads out"),
        ("../a.png", png(2), "leads out"),
        ("a/../../b.png", png(2), "leads out"),
        ("..\\a.png", png(2), "leads out"),
        ("C:/a.png", png(2), "leads out"),
        (link("a.png"), b"/etc/passwd", "is a link"),
        (fifo("a.png"), png(2), "not an ordinary file"),
        ("inner.zip", zipped(*files(2)), "archive inside the archive"),
        ("inner.png", zipped(*files(2)), "archive inside the archive"),
        ("notes.txt", b"words", "text file"),
        (deflated("zeros.bmp"), bytes(20_000_000), "bomb"),
        (deflated("odd.png", zipfile.ZIP_BZIP2), png(2), "unusual way"),
    ],
)
def test_tricks_are_refused_one_by_one(library, tmp_path, entry, content, reason):
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    added = library.add("cats", "concept", [("pack.zip", zipped((entry, content), *files(1)))])
    assert names(added.image_set) == ["1.png"] and len(added.refused) == 1 and reason in added.refused[0].reason
    new = [p.relative_to(tmp_path).parts[:2] for p in tmp_path.rglob("*") if p.is_file() and p not in before]
    assert sorted(new) == [("library", ".lock"), ("library", "images"), ("library", "sets")]


def test_an_encrypted_entry_is_refused(library):
    data = bytearray(zipped(("secret.png", png(2)), ("1.png", png(1))))
    for mark, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in the entry, and in the directory
        data[data.index(mark) + flags_at] |= 1
    added = library.add("cats", "concept", [("a.zip", bytes(data))])
    assert names(added.image_set) == ["1.png"] and "password" in added.refused[0].reason


def test_sizes_that_an_archive_claims_are_not_believed(library, monkeypatch):
    monkeypatch.setattr("explainers.library.archives.MAX_ENTRY_BYTES", 1000)
    data = bytearray(zipped((deflated("big.png"), bytes(5000)), ("1.png", png(1))))
    claim = data.index(b"PK\x01\x02") + 24
    data[claim : claim + 4] = (999_999).to_bytes(4, "little")
    added = library.add("cats", "concept", [("a.zip", bytes(data))])
    assert names(added.image_set) == ["1.png"] and "more than is taken" in added.refused[0].reason


def test_the_whole_of_an_archive_is_bounded(library, monkeypatch):
    monkeypatch.setattr("explainers.library.archives.MAX_TOTAL_BYTES", len(png(1)) + len(png(2)))
    added = library.add("cats", "concept", [("a.zip", zipped(*files(1, 2, 3, 4)))])
    assert names(added.image_set) == ["1.png", "2.png"] and [r.name for r in added.refused] == ["3.png", "4.png"]


def test_an_archive_of_too_many_files_is_refused_unread(library, monkeypatch):
    monkeypatch.setattr("explainers.library.archives.MAX_ENTRIES", 3)
    with pytest.raises(BadConcept, match=r"'a.zip' holds more than 3 files"):
        library.add("cats", "concept", [("a.zip", zipped(*files(1, 2, 3, 4)))])


@pytest.mark.parametrize(
    "data", [b"", b"words", zipped(*files(1))[:50], zipped(*files(1))[:-10]], ids=["empty", "words", "start", "all but the end"]
)
def test_what_is_no_archive_is_named(library, data):
    added = library.add("cats", "concept", [("a.zip", data), *files(1)])
    assert [r.name for r in added.refused] == ["a.zip"] and "not a readable .zip" in added.refused[0].reason


def test_files_that_share_their_bytes_are_refused_at_once(library):
    """Four thousand files from the bytes of one would unpack to gigabytes from a few kilobytes."""
    data = bytearray(zipped(*files(1, 2)))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # where its bytes begin: with those of the first
    added = library.add("cats", "concept", [("a.zip", bytes(data)), *files(3)])
    assert names(added.image_set) == ["3.png"]
    assert [r.name for r in added.refused] == ["a.zip"] and "not a readable .zip" in added.refused[0].reason


def test_a_damaged_entry_costs_itself_only(library):
    data = bytearray(zipped(*files(1, 2)))
    data[data.index(b"IDAT") + 6] ^= 255
    added = library.add("cats", "concept", [("a.zip", bytes(data))])
    assert names(added.image_set) == ["2.png"] and "damaged" in added.refused[0].reason


def test_random_damage_ends_in_a_refusal_never_in_a_crash(library):
    whole, rng = zipped(*files(1, 2)), np.random.default_rng(0)
    for i in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(256)
        library.add("cats", "concept", [(f"{i}.zip", bytes(data)), *files(5)])


# --- changing and undoing -------------------------------------------------------------------------------------------------


def change_by_removing(library, name):
    return library.remove(name, "concept", [library.get(name).images[0].sha256])


def change_by_renaming(library, name):
    return library.rename(name, "concept", "renamed")


def change_by_deleting(library, name):
    return library.delete(name, "concept")


CHANGES = [change_by_removing, change_by_renaming, change_by_deleting]


@pytest.mark.parametrize("name", ["cats", "striped"])
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_can_be_undone(cats, change, name):
    before, all_before = cats.get(name), cats.sets()
    assert change(cats, name) == before and cats.sets() != all_before
    cats.restore(before)
    assert cats.sets() == all_before and cats.photos(cats.get(name))[0].name == before.images[0].name


@pytest.mark.parametrize("change", CHANGES)
def test_starters_are_never_written(library, starters, change):
    before = {path: path.read_bytes() for path in starters.iterdir()}
    change(library, "striped")
    library.add("dotted", "concept", files(1))
    assert {path: path.read_bytes() for path in starters.iterdir()} == before


def test_editing_a_starter_makes_a_copy_that_takes_its_place(library, tmp_path):
    after = library.add("Striped", "concept", files(1)).image_set
    assert after.name == "striped" and not after.starter and names(after) == ["100.png", "101.png", "102.png", "1.png"]
    assert listed(library, "concept") == ["dotted", "striped"] and [s.name for s in library.hidden_starters()] == ["striped"]
    without_starters = ConceptLibrary(tmp_path / "library", None)  # as after an update that brings others
    assert len(list(without_starters.photos(without_starters.get("striped")))) == 4


def test_a_deleted_starter_can_be_brought_back(library):
    library.add("striped", "concept", files(1))
    library.delete("striped", "concept")
    assert listed(library, "concept") == ["dotted"]
    library.restore(library.hidden_starters("concept")[0])
    assert library.get("striped").starter and library.hidden_starters() == ()


def test_renaming_leaves_the_images_and_allows_another_case(cats):
    cats.rename("cats", "concept", "Cats")
    assert cats.get("cats").name == "Cats" and len(cats.get("cats").images) == 3


def test_two_sets_of_one_kind_never_share_a_name(cats):
    with pytest.raises(BadConcept, match="There is a concept 'striped' already"):
        cats.rename("cats", "concept", "STRIPED")
    before = cats.rename("cats", "concept", "dogs")
    cats.add("Cats", "concept", files(8))
    with pytest.raises(BadConcept, match="'Cats' already"):
        cats.restore(before)


def test_the_last_image_is_not_taken_away(cats):
    with pytest.raises(BadConcept, match="Delete the whole set"):
        cats.remove("cats", "concept", [i.sha256 for i in cats.get("cats").images])


def aged(library, days=2):
    for path in (library._store.folder / "images").glob("*/*"):
        os.utime(path, (time.time() - days * 86400,) * 2)


@pytest.mark.parametrize("place", ["sets/concept", "cavs", "images/ab"])
def test_sweeping_takes_what_writers_that_died_left_behind(cats, tmp_path, place):
    old = tmp_path / "library" / place / ".0123.tmp"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_bytes(b"half")
    cats.sweep()
    assert old.exists()  # somebody may be writing
    os.utime(old, (0, 0))
    cats.sweep()
    assert not old.exists() and names(cats.get("cats"))


def test_sweeping_takes_what_nobody_has_used_for_a_day(cats):
    aged(cats)
    removed = cats.remove("cats", "concept", [cats.get("cats").images[0].sha256])
    assert cats.sweep() == 0  # it can still be undone
    aged(cats)
    assert cats.sweep() == 1 and len(list(cats.photos(cats.get("cats")))) == 2
    with pytest.raises(BadConcept, match=r"1 images of 'cats' are no longer kept \('1.png'\)"):
        cats.restore(removed)


def test_nothing_is_swept_while_a_manifest_cannot_be_read(cats):
    aged(cats)
    next((cats._store.folder / "sets/concept").iterdir()).write_text("{")
    assert "cats" not in listed(cats) and cats.sweep() == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1, "name": 3}', '{"format": 9, "name": "x", "images": []}', "[" * 9999]
)
def test_a_broken_manifest_hides_its_set_only(cats, text):
    (cats._store.folder / "sets/concept/broken.json").write_text(text)
    assert "cats" in listed(cats) and len(listed(cats)) == 4


def test_a_damaged_image_is_named_never_shown(cats):
    first, second, _ = cats.get("cats").images
    cats._store.image_path(first.sha256).write_bytes(png(7))
    cats._store.image_path(second.sha256).unlink()
    with pytest.raises(UnreadableImage, match=r"'1.png' is damaged"):
        cats.photo(first)
    with pytest.raises(UnreadableImage, match=r"'2.png' is no longer in the library"):
        cats.photo(second)


# --- several at once ------------------------------------------------------------------------------------------------------


def add_one_by_one(folder, first, n):
    library = ConceptLibrary(folder, None)
    for seed in range(first, first + n):
        library.add("crowd", "concept", files(seed))


def test_two_processes_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=add_one_by_one, args=(tmp_path, first, 25)) for first in (0, 1000)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    crowd = ConceptLibrary(tmp_path, None).get("crowd")
    assert {i.name for i in crowd.images} == {f"{seed}.png" for seed in (*range(25), *range(1000, 1025))}
    assert not [path for path in tmp_path.rglob("*.tmp")]


@pytest.mark.parametrize("has_file_locks", [True, False])
def test_two_threads_lose_nothing_with_and_without_file_locks(tmp_path, monkeypatch, has_file_locks):
    if not has_file_locks:
        monkeypatch.setattr(locks, "fcntl", None)
    threads = [threading.Thread(target=add_one_by_one, args=(tmp_path, first, 10)) for first in (0, 5)]  # five in common
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ConceptLibrary(tmp_path, None).get("crowd").images) == 15


def test_a_lock_left_by_a_crash_counts_for_a_minute(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    held = tmp_path / ".held"
    held.touch()
    os.utime(held, (time.time() - 61,) * 2)
    assert ConceptLibrary(tmp_path, None).add("cats", "concept", files(1)).n_added == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryUnavailable, match="ENCODERSCOPE_HOME"):
        ConceptLibrary(tmp_path / "file/library", None).add("cats", "concept", files(1))


def test_looking_writes_nothing(tmp_path, starters):
    library = ConceptLibrary(tmp_path / "library", starters)
    list(library.photos(library.get("striped")))
    library.export_pack(["striped"])
    assert not (tmp_path / "library").exists()


def test_home_is_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "library"
    monkeypatch.delenv("ENCODERSCOPE_HOME")
    assert default_folder().parts[-2:] == (".encoderscope", "library")


# --- CAVs -----------------------------------------------------------------------------------------------------------------


def test_cavs_come_back_as_they_were(library):
    cav = {"vector": torch.tensor([1.0, -2.0]), "emblems": torch.tensor([0.5, 0.25], dtype=torch.float64)}
    library.save_cav(KEY, cav)
    back = library.load_cav(KEY)
    assert back.keys() == cav.keys() and all(torch.equal(back[k], cav[k]) and back[k].dtype == cav[k].dtype for k in cav)
    assert library.load_cav("cd" * 32) is None


def test_cavs_that_nobody_asks_for_make_room_for_new_ones(tmp_path):
    small = store.Store(tmp_path, cav_bytes=1500)
    keys = [f"{n:02d}" * 32 for n in range(3)]
    for age, key in enumerate(keys[:2]):
        small.save_cav(key, {"vector": torch.ones(128)}, [])
        os.utime(tmp_path / "cavs" / f"{key}.safetensors", (time.time() - 100 + age,) * 2)
    assert small.load_cav(keys[0]) is not None  # asked for last
    small.save_cav(keys[2], {"vector": torch.ones(128)}, [])
    assert [small.load_cav(key) is not None for key in keys] == [True, False, True]


@pytest.mark.parametrize("n_kept", [0, 7, 40, -1])
def test_a_broken_cav_counts_as_absent(library, n_kept):
    library.save_cav(KEY, {"vector": torch.ones(5)})
    path = library._store.folder / "cavs" / f"{KEY}.safetensors"
    path.write_bytes(path.read_bytes()[:n_kept])
    assert library.load_cav(KEY) is None
    library.save_cav(KEY, {"vector": torch.ones(5)})
    assert library.load_cav(KEY) is not None


def test_a_cav_with_one_bit_changed_counts_as_absent(library):
    library.save_cav(KEY, {"vector": torch.ones(5, dtype=torch.bfloat16), "n": torch.tensor(3)})
    assert library.load_cav(KEY)["n"] == 3
    path = library._store.folder / "cavs" / f"{KEY}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert library.load_cav(KEY) is None


@pytest.mark.parametrize("key", ["", "../../etc", "xyz", "AB" * 32])
def test_a_key_is_a_hex_digest(library, key):
    with pytest.raises(BadSettings, match="hex digest"):
        library.save_cav(key, {"vector": torch.ones(1)})


# --- folders --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "my cats"
    (path / "more").mkdir(parents=True)
    for name, data in [("b.png", png(2)), ("a.png", png(1)), ("more/c.png", png(3)), ("copy.png", png(1)), ("x.txt", b"words")]:
        (path / name).write_bytes(data)
    (path / "@eaDir").mkdir()
    for name in (".hidden.png", "._a.png", "@eaDir/thumb.png"):
        (path / name).write_bytes(png(9))
    return path


def test_a_folder_is_a_set_without_being_copied(folder, library):
    opened = library.open_set(folder, "concept")
    assert opened.name == "my cats" and names(opened) == ["a.png", "b.png", "more/c.png"] and not library._store.folder.exists()
    assert [p.name for p in opened.photos] == [p.name for p in opened.photos] == names(opened)
    assert {r.name: r.reason for r in opened.refused}.keys() == {"copy.png", "x.txt"}
    assert "same file as 'a.png'" in opened.refused[0].reason


def test_a_name_opens_the_set_of_the_library(cats):
    opened = cats.open_set("Cats", "concept")
    assert opened.image_set == cats.get("cats") and len(opened.photos) == 3 and opened.refused == ()


def test_a_folder_and_the_library_agree_on_a_set_of_the_same_images(folder, cats):
    assert cats.open_set(folder, "concept").image_set.fingerprint == cats.get("cats").fingerprint


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("words")
    with pytest.raises(BadConcept, match="text file"):
        read_folder(tmp_path)


def test_an_image_that_changes_underway_is_noticed(folder):
    opened = read_folder(folder)
    (folder / "a.png").write_bytes(png(50))
    with pytest.raises(UnreadableImage, match=r"'a.png' changed"):
        opened.photos[0]


# --- in another process ---------------------------------------------------------------------------------------------------


@pytest.fixture
def open_sets(cats, folder):
    """A set of the library, a starter, and a folder."""
    return {"library": cats.open_set("cats"), "starter": cats.open_set("striped"), "folder": cats.open_set(folder)}


@pytest.mark.parametrize("kind", ["library", "starter", "folder"])
def test_an_open_set_survives_pickling_and_is_equal_to_its_copy(open_sets, kind):
    opened, copy = open_sets[kind], pickle.loads(pickle.dumps(open_sets[kind]))
    assert copy == opened and hash(copy) == hash(opened) and copy.photos[1:] == opened.photos[1:]
    assert [(p.name, p.sha256) for p in copy.photos] == [(i.name, i.sha256) for i in opened.images]
    others = [other for name, other in open_sets.items() if name != kind]
    assert opened not in others and opened.photos[:1] != opened.photos[1:2] and len({*open_sets.values(), copy}) == 3


def read_photos(open_sets):
    return [[(photo.name, photo.sha256, photo.pixels.tobytes()) for photo in open_set.photos] for open_set in open_sets]


def test_another_process_reads_the_same_photos_wherever_it_works(open_sets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    every_set = [*open_sets.values(), read_folder(Path("my cats"))]
    here = read_photos(every_set)
    monkeypatch.chdir("/")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(read_photos, (every_set,)) == here


def test_a_copy_notices_an_image_that_changed(folder):
    copy = pickle.loads(pickle.dumps(read_folder(folder)))
    (folder / "a.png").write_bytes(png(50))
    with pytest.raises(UnreadableImage, match=r"'a.png' changed while it was in use"):
        copy.photos[0]


# --- packs ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path):
    return ConceptLibrary(tmp_path / "other", None)


def test_a_pack_carries_sets_images_and_cavs(cats, other):
    cats.save_cav(KEY, {"vector": torch.ones(3)}, [cats.get("cats"), cats.get("scenes", "random")])
    cats.save_cav("cd" * 32, {"vector": torch.ones(3)}, [cats.get("dotted"), cats.get("scenes", "random")])
    added = other.import_pack(cats.export_pack(["cats"], ["scenes"]))
    assert [a.image_set for a in added] == [cats.get("cats"), other.get("scenes", "random")]
    assert [p.name for p in other.photos(other.get("cats"))] == ["1.png", "2.png", "3.png"]
    assert torch.equal(other.load_cav(KEY)["vector"], torch.ones(3)) and other.load_cav("cd" * 32) is None


def test_the_same_pack_twice_changes_nothing(cats, other):
    pack = cats.export_pack(["cats"])
    assert pack == cats.export_pack(["cats"])
    other.import_pack(pack)
    (again,) = other.import_pack(pack)
    assert again.n_added == 0 and len(again.repeated) == 3 and listed(other) == ["cats"]


def test_a_pack_never_changes_a_set_that_is_there(cats, other):
    other.add("Cats", "concept", files(50))
    (added,) = other.import_pack(cats.export_pack(["cats"]))
    assert added.image_set.name == "cats 2" and names(other.get("cats")) == ["50.png"]


def test_a_pack_never_replaces_a_cav(cats, other):
    cats.save_cav(KEY, {"vector": torch.ones(3)}, [cats.get("cats")])
    other.save_cav(KEY, {"vector": torch.zeros(3)})
    other.import_pack(cats.export_pack(["cats"]))
    assert torch.equal(other.load_cav(KEY)["vector"], torch.zeros(3))


def repacked(pack, change):
    """The pack with some files replaced, or left out where ``change`` gives None."""
    with zipfile.ZipFile(BytesIO(pack)) as archive:
        changed = [(name, change(name, archive.read(name))) for name in archive.namelist()]
    return zipped(*((name, data) for name, data in changed if data is not None))


def test_an_image_that_is_not_what_the_manifest_promises_is_refused(cats, other):
    first = f"images/{cats.get('cats').images[0].sha256}"
    (added,) = other.import_pack(repacked(cats.export_pack(["cats"]), lambda name, data: png(77) if name == first else data))
    assert names(added.image_set) == ["2.png", "3.png"]
    assert [(r.name, "promises" in r.reason) for r in added.refused] == [("1.png", True)]


def test_a_missing_image_is_named(cats, other):
    first = f"images/{cats.get('cats').images[0].sha256}"
    (added,) = other.import_pack(repacked(cats.export_pack(["cats"]), lambda name, data: None if name == first else data))
    assert [(r.name, "missing" in r.reason) for r in added.refused] == [("1.png", True)]


@pytest.mark.parametrize("data", [b"words", zipped(*files(1)), zipped(("manifest.json", b"{}")), zipped(("manifest.json", b"["))])
def test_what_is_no_pack_is_refused(other, data):
    with pytest.raises(BadConcept, match="'the pack' is not a "):
        other.import_pack(data)


def test_a_pack_is_imported_wholly_or_not_at_all(cats, other):
    pack = cats.export_pack(["striped", "cats"])
    gone = {f"images/{i.sha256}" for i in cats.get("cats").images}
    with pytest.raises(BadConcept, match=r"'cats'.* missing .*Nothing of 'the pack' was added"):
        other.import_pack(repacked(pack, lambda name, data: None if name in gone else data))
    assert listed(other) == []


def test_nothing_of_a_pack_stays_if_the_disk_refuses_its_end(cats, other, monkeypatch):
    def refuse(*_):
        raise LibraryUnavailable("full")

    cats.save_cav(KEY, {"vector": torch.ones(3)}, [cats.get("cats")])
    monkeypatch.setattr(other._store, "put_cav", refuse)
    with pytest.raises(LibraryUnavailable):
        other.import_pack(cats.export_pack(["striped", "cats"]))
    assert listed(other) == []


def test_cavs_of_a_pack_with_bad_names_or_bytes_are_left_out(cats, other):
    cats.save_cav(KEY, {"vector": torch.ones(3)}, [cats.get("cats")])
    pack = cats.export_pack(["cats"])
    with zipfile.ZipFile(BytesIO(pack)) as archive:
        cav = archive.read(f"cavs/{KEY}.safetensors")
        others = [(n, archive.read(n)) for n in archive.namelist() if not n.startswith("cavs/")]
    badly_named, damaged = ("cavs/NOT A KEY.safetensors", cav), (f"cavs/{'cd' * 32}.safetensors", cav[:-1] + b"!")
    other.import_pack(zipped(*others, badly_named, damaged))
    assert listed(other) == ["cats"] and other.n_cavs == 0


def test_there_is_no_pickle_in_a_pack(cats):
    cats.save_cav(KEY, {"vector": torch.ones(3)}, [cats.get("cats")])
    with zipfile.ZipFile(BytesIO(cats.export_pack(["cats"]))) as archive:
        kinds = {name.partition("/")[0] for name in archive.namelist()}
        assert (
            kinds == {"manifest.json", "images", "cavs"}
            and json.loads(archive.read("manifest.json"))["sets"][0]["name"] == "cats"
        )


# --- warnings -------------------------------------------------------------------------------------------------------------


def smooth(seed, size=64):
    """A picture of large patches, as photographs have them."""
    knots = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(knots).resize((size, size), Image.Resampling.BICUBIC))


def filled(library, name, kind, seeds):
    return library.add(name, kind, [(f"{seed}.png", encoded(smooth(seed))) for seed in seeds]).image_set


def test_enough_different_images_need_no_warning(library):
    assert library.warnings(filled(library, "a", "concept", range(30)), filled(library, "r", "random", range(50, 80))) == ()


@pytest.mark.parametrize(
    "n, words", [(1, "has 1 image: hardly enough"), (9, "has 9 images: hardly"), (29, "has 29 images; 30 or more")]
)
def test_too_few_images_are_said(library, n, words):
    (sentence,) = library.warnings(filled(library, "a", "concept", range(n)), filled(library, "r", "random", range(50, 80)))
    assert sentence.startswith(f"'a' {words}")


def test_the_same_picture_saved_again_or_smaller_is_a_repeat(library):
    filled(library, "a", "concept", range(30))
    small = encoded(np.asarray(Image.fromarray(smooth(4)).resize((48, 48))), "JPEG", quality=90)
    concept = library.add("a", "concept", [("jpeg.jpg", encoded(smooth(3), "JPEG", quality=80)), ("small.jpg", small)]).image_set
    (sentence,) = library.warnings(concept, filled(library, "r", "random", range(50, 80)))
    assert "2 images of 'a' show the same picture as another: 'jpeg.jpg' (like '3.png'), 'small.jpg' (like '4.png')" in sentence


def test_images_in_both_sets_are_said(library):
    (sentence,) = library.warnings(filled(library, "a", "concept", range(30)), filled(library, "r", "random", range(29, 60)))
    assert sentence.startswith("1 image of 'a' is also in the random counterpart 'r': '29.png'.")


def test_repeats_and_overlap_are_told_apart_from_how_many_images_there_are(library):
    copies = [(f"{quality}.jpg", encoded(smooth(3), "JPEG", quality=quality)) for quality in (80, 90)]
    library.add("a", "concept", copies)
    filled(library, "r", "random", range(3, 6))
    concept, random = library.open_set("a"), library.open_set("r", "random")
    assert [s.partition(" show")[0] for s in library.repeats_in(concept)] == ["1 image of 'a'"] and not library.repeats_in(random)
    (sentence,) = library.overlap_of(concept, random)
    assert sentence.startswith("2 images of 'a' are also in the random counterpart 'r'")


def test_folders_are_warned_about_too(library, folder):
    sentences = library.warnings(read_folder(folder), library.open_set("scenes", "random"))
    assert [s.partition(":")[0] for s in sentences] == ["'my cats' has 3 images", "'scenes' has 3 images"]


# --- what ships -----------------------------------------------------------------------------------------------------------


def test_the_library_works_at_first_start(tmp_path):
    library = ConceptLibrary(tmp_path)
    scenes = library.get("scenes", "random")
    assert len(library.sets("concept")) == 17 and all(s.starter for s in library.sets())
    assert len(list(library.photos(library.get("watermark")))) == 48 and len(scenes.images) == 120
    assert not any(library.warnings(library.get(name), scenes) for name in ("striped", "red", "black", "watermark"))
