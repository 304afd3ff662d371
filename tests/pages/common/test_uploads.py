"""What an uploader takes, and the one sentence that refuses a file of too many bytes."""

import io

import numpy as np
import pytest
from PIL import Image

from models.photo import PICTURE_SUFFIXES, Photo
from pages.common import uploads


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), 90, np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def test_an_uploader_takes_what_the_command_line_takes():
    assert {f".{kind}" for kind in uploads.UPLOAD_TYPES} == set(PICTURE_SUFFIXES)


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jfif"), ("PPM", "a.pnm"), ("DIB", "a.dib"), ("TIFF", "a.tif")])
def test_less_usual_kinds_are_read(kind, name):
    photo = uploads.read_upload(picture(kind), name)
    assert isinstance(photo, Photo) and (photo.name, photo.shape) == (name, (4, 6))


def test_what_is_not_a_picture_is_one_sentence():
    assert "page.png" in uploads.read_upload(b"<html>", "page.png")


def test_a_file_of_as_many_bytes_as_the_limit_is_taken_and_one_byte_more_is_not():
    assert uploads.refusal_of_size("a.png", 50 * 2**20) == ""
    assert uploads.refusal_of_size("a.png", 50 * 2**20 + 1)
    refusal = uploads.refusal_of_size("a.png", 70 * 2**20)
    assert refusal == "“a.png” has 70 MB; at most 50 MB are taken. Save it smaller, or split it, and try again."
