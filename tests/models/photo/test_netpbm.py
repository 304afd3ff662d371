"""PPM, PGM and PBM, as bytes and as text."""

import numpy as np
import pytest

from models.errors import UnreadableImage
from models.photo import netpbm, read_photo


def pixels(data: bytes) -> list:
    return read_photo(data, "a.ppm").pixels.tolist()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1 3 1\n0 1\n0", [[255] * 3, [0] * 3, [255] * 3]),
        (b"P1\n# of two\n# lines\n3 1\n010", [[255] * 3, [0] * 3, [255] * 3]),
        (b"P2 2 1 255\n7 # a seven\n200\n", [[7] * 3, [200] * 3]),
        (b"P2 2 1 15 15 3", [[255] * 3, [51] * 3]),
        (b"P3 1 1 255 1 2 3", [[1, 2, 3]]),
        (b"P4 3 1\n\x40", [[255] * 3, [0] * 3, [255] * 3]),
        (b"P5 2 1 255\n\x07\xc8", [[7] * 3, [200] * 3]),
        (b"P5 2 1 100\n\x00\x64", [[0] * 3, [255] * 3]),
        (b"P6 1 1 255\n\x01\x02\x03 and more", [[1, 2, 3]]),
    ],
)
def test_every_kind_is_read(data, expected):
    assert pixels(data) == [expected]


@pytest.mark.parametrize("largest", [4095, 65535])
@pytest.mark.parametrize("n_bands", [1, 3])
def test_deep_values_are_windowed_as_bytes_and_as_text(largest, n_bands):
    values = np.linspace(0, 4000, 64).astype(np.uint16)[:, None].repeat(n_bands, axis=1)
    head = f"64 1 {largest}\n".encode()
    as_bytes = read_photo((b"P5 " if n_bands == 1 else b"P6 ") + head + values.astype(">u2").tobytes(), "a").pixels
    as_text = read_photo((b"P2 " if n_bands == 1 else b"P3 ") + head + " ".join(map(str, values.ravel())).encode(), "a").pixels
    np.testing.assert_array_equal(as_bytes, as_text)
    np.testing.assert_allclose(as_bytes[0, :, 0], np.linspace(0, 255, 64), atol=4)


@pytest.mark.parametrize(
    "data",
    [
        *(b"P2 2 2 255 1 2 3", b"P2 1 1 255 256", b"P2 1 1 255 -1", b"P2 1 1 255", b"P2 99999999999 1 255 1", b"P1 2 1 0"),
        *(b"P3 1 1 255 1 x 3", b"P5 2 2 255\n\0", b"P5 1 1 0\n1", b"P5 1 1 70000\nab", b"P6 0 1 255\n", b"P6 1"),
    ],
)
def test_a_damaged_file_is_refused(data):
    with pytest.raises(UnreadableImage, match="damaged"):
        read_photo(data, "cut.ppm")


def test_very_many_values_as_text_are_refused_from_the_header(monkeypatch):
    monkeypatch.setattr(netpbm, "MAX_TEXT_VALUES", 11)
    with pytest.raises(UnreadableImage, match=r"2 x 2 pixels as text.*Save it as PNG"):
        read_photo(b"P3 2 2 255", "a.ppm")
    with pytest.raises(UnreadableImage, match="megapixels"):
        read_photo(b"P5 20000 20000 255\n", "a.pgm")
