"""What a person put into a folder, beside what desktops and network drives leave there."""

import pytest

from models.photo.junk import is_users_file


@pytest.mark.parametrize(
    "path", ["cat.jpg", "a/b/cat.jpg", "./cat.jpg", "../cat.jpg", "a..b/c..jpg", "Katze ü.png", "eadir/x.png"]
)
def test_what_a_person_put_there(path):
    assert is_users_file(path)


@pytest.mark.parametrize(
    "path",
    ["._cat.jpg", "a/._cat.jpg", ".DS_Store", "__MACOSX/cat.jpg", "a/@eaDir/cat.jpg/SYNOPHOTO_THUMB_M.jpg", ".git/objects/1.png",
     ".thumbnails/cat.png", "a/.hidden/b/cat.png", "Thumbs.db", "a/desktop.ini", "#recycle/cat.jpg", "$RECYCLE.BIN/cat.jpg", ""],
)  # fmt: skip
def test_what_desktops_servers_and_tools_leave(path):
    assert not is_users_file(path)
