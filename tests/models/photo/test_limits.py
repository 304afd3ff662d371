"""What decoding may cost: refused from the header, read smaller, or one after the other."""

import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from models.errors import UnreadableImage
from models.photo import decoding, limits, read_photo
from models.photo.jpeg import n_scans_of
from models.photo.limits import MAX_SECONDS, Budget, TimedBytes
from tests.models.photo.files import encoded, png_chunk, tiff

LARGE = 9_000  # squared, 81 megapixels


def png_of(width: int, height: int, bits: int, colour: int) -> bytes:
    """A PNG that claims a size and holds nothing of it."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


def webp_of(width: int, height: int) -> bytes:
    """A lossless WebP that claims a size and holds nothing of it."""
    bits = struct.pack("<I", (width - 1) | (height - 1) << 14 | 1 << 28)
    small = bytearray(encoded(Image.new("RGBA", (8, 8), (1, 2, 3, 4)), "WEBP", lossless=True))
    place = small.index(b"VP8L") + 9
    small[place : place + 4] = bits
    return bytes(small)


def progressive(side: int, n_scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encoded(Image.new("RGB", (side, side), (90, 140, 200)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (n_scans - data.count(b"\xff\xda") + 1) + data[-2:]


@pytest.mark.parametrize(
    "data",
    [png_of(LARGE, LARGE, 16, 6), png_of(LARGE, LARGE, 16, 2), png_of(LARGE, LARGE, 16, 0), webp_of(LARGE, LARGE)],
)
def test_what_needs_too_much_memory_is_refused_from_its_header(data):
    with pytest.raises(UnreadableImage, match=r"would take \d+ MB to decode; at most 450 MB are allowed. Save it smaller."):
        read_photo(data, "bomb")


def test_a_deep_tiff_is_refused_from_its_header(monkeypatch):
    data = tiff(np.zeros((64, 64, 4), np.uint16), "rgb", extrasamples=["unassalpha"], compression="zlib")
    assert read_photo(data, "a.tif").shape == (64, 64)
    monkeypatch.setattr(limits, "MAX_DECODED_BYTES", 64 * 64 * 8)
    with pytest.raises(UnreadableImage, match="MB to decode"):
        read_photo(data, "a.tif")


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "BMP", "GIF"])
def test_eight_bits_beyond_the_memory_are_read_smaller_with_a_note(fmt, monkeypatch):
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, 50:] = 255
    data = encoded(Image.fromarray(picture).convert("L"), fmt)
    monkeypatch.setattr(decoding, "MAX_DECODED_BYTES", 20_000)
    photo = read_photo(data, "large")
    assert photo.shape == (50, 50) and photo.pixels[25, [10, 40], 0].tolist() == [0, 255]
    assert photo.notes == ("The file has 100 x 100 pixels and is read 2 times smaller, to save memory.",)


def test_a_large_jpeg_is_read_smaller_by_its_decoder(monkeypatch):
    data = encoded(Image.new("RGB", (160, 80), (200, 50, 50)), "JPEG")
    monkeypatch.setattr("models.photo.jpeg.MAX_PIXELS", 1000)
    photo = read_photo(data, "large.jpg")
    assert photo.shape == (20, 40) and photo.pixels[10, 20].tolist() == pytest.approx([200, 50, 50], abs=3)
    assert photo.notes == ("The file has 160 x 80 pixels and is read 4 times smaller, to save memory.",)


def test_scans_are_counted_up_to_the_end_of_the_first_picture():
    thumbnail = progressive(8, 40)
    data = progressive(16, 12)
    with_thumbnail = data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail + data[2:]
    assert n_scans_of(data, "a") == n_scans_of(with_thumbnail, "a") == n_scans_of(data + thumbnail, "a") == 12
    assert n_scans_of(encoded(Image.new("RGB", (8, 8)), "JPEG"), "a") == 1


def test_a_jpeg_of_too_many_scans_is_refused(monkeypatch):
    assert read_photo(progressive(64, 100), "a.jpg").shape == (64, 64)
    monkeypatch.setattr(limits, "MAX_BLOCK_VISITS", 99 * 64)
    with pytest.raises(UnreadableImage, match=r"'a.jpg' is built so that decoding it takes too long"):
        read_photo(progressive(64, 100), "a.jpg")
    assert read_photo(progressive(64, 99), "a.jpg").shape == (64, 64)


def test_a_jpeg_of_nothing_but_markers_is_refused():
    with pytest.raises(UnreadableImage, match="takes too long"):
        read_photo(b"\xff\xd8" + b"\xff\xe5\0\2" * 20_000, "a.jpg")


@pytest.mark.parametrize(
    ("code", "bits", "expected"), [(0xC1, 12, "12 bits per sample"), (0xC3, 8, "lossless"), (0xF7, 8, "lossless")]
)
def test_other_jpegs_are_refused_by_what_they_are(code, bits, expected):
    frame = bytes([0xFF, code]) + struct.pack(">HBHHB", 11, bits, 8, 8, 1) + b"\1\x11\0"
    with pytest.raises(UnreadableImage, match="this kind of JPEG is not supported") as refusal:
        read_photo(b"\xff\xd8" + frame + b"\xff\xd9", "scan.jpg")
    assert expected in str(refusal.value)


def test_a_bitmap_of_very_many_runs_is_refused(monkeypatch):
    runs = b"\4\7\0\1"
    offset = 54 + 1024
    head = b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset)
    head += struct.pack("<IiiHHIIiiII", 40, 4, 1, 1, 8, 1, len(runs), 2835, 2835, 256, 0)
    data = head + bytes(range(256)) * 4 + runs
    assert read_photo(data, "a.bmp").shape == (1, 4)
    monkeypatch.setattr(decoding, "_MAX_RUN_LENGTHS", 1000)
    with pytest.raises(UnreadableImage, match="takes too long"):
        read_photo(data, "a.bmp")


def test_what_reads_on_and_on_is_ended():
    data = TimedBytes(b"abc", "slow.gif")
    assert data.read(1) == b"a"
    data.end -= MAX_SECONDS + 1  # as if the thread had worked for so long
    with pytest.raises(UnreadableImage, match=r"'slow.gif' is built so that decoding it takes too long"):
        data.read(1)


def test_who_finds_too_little_memory_left_waits_until_it_is_given_back():
    budget, order, waits = Budget(10), [], threading.Event()

    def second() -> None:
        waits.set()
        with budget.taken(5):
            order.append("second")

    thread = threading.Thread(target=second)
    with budget.taken(6):
        with budget.taken(4):  # fits beside
            order.append("beside")
        thread.start()
        waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["beside", "first", "second"]


def test_more_than_there_is_in_all_is_had_alone():
    with Budget(10).taken(99):
        pass


def test_a_profile_that_unpacks_to_very_much_is_left_out():
    packed = zlib.compress(bytes(50_000_000))
    data = encoded(Image.new("RGB", (4, 4), (200, 50, 50)), "PNG")
    bomb = data[:33] + png_chunk(b"iCCP", b"x\0\0" + packed) + data[33:]
    try:
        assert read_photo(bomb, "a.png").pixels[0, 0].tolist() == [200, 50, 50]
    except UnreadableImage as refusal:
        assert "damaged" in str(refusal)
