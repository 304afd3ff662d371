"""Decoding in processes apart: the same pictures and sentences, and a file that ends its process costs nobody else anything."""

import io

import numpy as np
import pytest
from PIL import Image

from models.errors import UnreadableImage
from models.photo import apart, read_photo
from models.photo.apart import Decoder, Decoders, decoding_apart
from models.photo.limits import Budget

# Programs whose reader does what no reader should, before it gives back a pixel; beside them, one that says what it likes.
DOING = """
import os
import numpy as np
from models.photo import decoder, limits
from models.photo.reads import Read
limits.MAX_SECONDS = 0.1
decoder.read_here = lambda *_: ({}, Read(np.zeros((1, 1, 3), np.uint8)))[1]
decoder.main()
"""
SPINS, DIES, GROWS = "[*iter(int, 1)]", "os.kill(os.getpid(), 9)", "bytearray(3 * 10**9)"
WRITES = "__import__('tempfile').TemporaryFile().write(bytes(100_000))"
SAYS = "import socket; from models.photo.apart import send; send(socket.socket(fileno=0), {}); __import__('time').sleep(9)"


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


PIXEL = encoded(Image.new("RGB", (1, 1), "red"), "PNG")


def refusal_by(program: str) -> str:
    """What a process refuses a sound photo with that runs this program."""
    decoder = Decoder(("-c", program))
    with pytest.raises(UnreadableImage) as refusal:
        decoder.read(PIXEL, "a.png", ())
    assert not decoder.is_alive
    return str(refusal.value)


def test_pictures_and_sentences_are_those_of_this_process():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    files = [encoded(noise, kind) for kind in ("PNG", "JPEG", "TIFF")]
    here = [read_photo(data, "a", (1, 2, 3)) for data in files]
    with decoding_apart(1):
        there = [read_photo(data, "a", (1, 2, 3)) for data in files]
        with pytest.raises(UnreadableImage, match=r"'note\.jpg' looks like a text file"):
            read_photo(b"a note", "note.jpg")
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert (one.sha256, one.notes, one.n_bands, one.bands) == (other.sha256, other.notes, other.n_bands, other.bands)


def test_memory_for_decoding_is_asked_for_here(monkeypatch):
    asked = []

    class Counted(Budget):
        def taken(self, n_bytes):
            asked.append(n_bytes)
            return super().taken(n_bytes)

    monkeypatch.setattr(apart, "DECODING", Counted(10))
    with decoding_apart(1):
        read_photo(PIXEL, "a.png")
    assert asked == [7]  # as Pillow holds the pixel, and as it is kept


@pytest.mark.parametrize(("doing", "sentence"), [(SPINS, "takes too long"), (DIES, "fails"), (GROWS, "fails"), (WRITES, "fails")])
def test_a_process_is_bounded_and_its_end_is_a_sentence(doing, sentence):
    assert sentence in refusal_by(DOING.format(doing))


def test_a_process_that_says_nothing_is_ended(monkeypatch):
    monkeypatch.setattr(apart, "WAITING", 0.02)
    assert "takes too long" in refusal_by("__import__('time').sleep(9)")


@pytest.mark.parametrize("said", ["{'size': [10**9, 10**9]}", "{'size': [-1, 3]}", "{'size': 'x'}", "{'needs': 'x'}", "{}"])
def test_what_no_decoder_says_is_not_believed(said):
    assert "fails" in refusal_by(SAYS.format(said))


def test_the_next_file_finds_a_fresh_process():
    programs = iter([("-c", DOING.format(DIES)), ("-m", "models.photo.decoder")])
    decoders = Decoders(1, lambda: Decoder(next(programs)))
    with pytest.raises(UnreadableImage, match="fails"):
        decoders.read(PIXEL, "a.png", ())
    assert decoders.read(PIXEL, "a.png", ()).pixels.tolist() == [[[255, 0, 0]]]
    decoders.end()


def test_where_no_process_can_be_begun_it_is_said(monkeypatch):
    def none():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    decoders = Decoders(0)
    decoders._free.put(None)
    monkeypatch.setattr(decoders, "_begun", none)
    for _ in range(2):  # the place is not lost
        with pytest.raises(UnreadableImage, match="cannot be read now: Resource temporarily unavailable"):
            decoders.read(PIXEL, "a.png", ())
