"""Colours are those of the file's profile, on a screen."""

import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from models.photo import read_photo
from models.photo.colour import BAD_PROFILE
from tests.models.photo.files import encoded, grey_profile, png16, png_chunk, rgb_profile, tiff

# XYZ of the primaries; the last ones are those of sRGB in another order.
P3 = rgb_profile((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = rgb_profile((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SWAPPED = rgb_profile((0.14307, 0.06061, 0.71410), (0.38515, 0.71687, 0.09708), (0.43607, 0.22249, 0.01392))
IN_SRGB = [(P3, (219, 14, 35)), (ADOBE, (232, 46, 46)), (SWAPPED, (46, 46, 201))]  # (200, 50, 50), as LittleCMS has it
REDDISH = (200, 50, 50)


def pixel(data: bytes) -> list[int]:
    return read_photo(data, "a").pixels[0, 0].tolist()


@pytest.mark.parametrize(("profile", "expected"), IN_SRGB)
@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF", "HEIF"])
def test_a_profile_is_applied_in_every_format(fmt, profile, expected):
    options = {"HEIF": {"chroma": 444}, "AVIF": {"subsampling": "4:4:4"}}.get(fmt, {})
    data = encoded(Image.new("RGB", (16, 16), REDDISH), fmt, icc_profile=profile, quality=100, **options)
    assert pixel(data) == pytest.approx(expected, abs=6)


def test_a_profile_is_applied_below_transparency_and_to_palettes():
    half = encoded(Image.new("RGBA", (2, 2), (*REDDISH, 255)), "PNG", icc_profile=SWAPPED)
    assert pixel(half) == [46, 46, 201]
    assert pixel(encoded(Image.new("RGBA", (2, 2), (*REDDISH, 0)), "PNG", icc_profile=SWAPPED)) == [255, 255, 255]
    assert pixel(encoded(Image.new("RGB", (2, 2), REDDISH).quantize(2), "PNG", icc_profile=SWAPPED)) == [46, 46, 201]


def test_a_profile_of_greys_is_applied():
    # linear light 0.5 is 188 in sRGB
    assert pixel(encoded(Image.new("L", (2, 2), 128), "PNG", icc_profile=grey_profile(1.0))) == pytest.approx([188] * 3, abs=1)
    transparent = Image.new("LA", (2, 1), (128, 255))
    assert pixel(encoded(transparent, "PNG", icc_profile=grey_profile(1.0))) == pytest.approx([188] * 3, abs=1)


def test_greys_with_a_profile_of_colours_stay_grey():
    grey = pixel(encoded(Image.new("L", (2, 2), 128), "PNG", icc_profile=P3))
    assert max(grey) - min(grey) <= 2


@pytest.mark.parametrize("fmt", ["TIFF", "JPEG"])
def test_a_profile_of_inks_that_does_not_fit_is_left_out_with_a_note(fmt):
    photo = read_photo(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), fmt, icc_profile=P3), "press")
    assert photo.pixels[0, 0].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert photo.notes == (BAD_PROFILE,)


@pytest.mark.parametrize("profile", [b"not a profile at all", P3[:200], b"\0" * 128])
def test_a_broken_profile_is_left_out_with_a_note(profile):
    photo = read_photo(encoded(Image.new("RGB", (4, 4), REDDISH), "PNG", icc_profile=profile), "a.png")
    assert photo.pixels[0, 0].tolist() == list(REDDISH) and photo.notes == (BAD_PROFILE,)


def test_srgb_itself_changes_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(read_photo(encoded(Image.fromarray(noise), "PNG", icc_profile=srgb), "a").pixels, noise)


@pytest.mark.parametrize("bits", [8, 16])
def test_lab_is_shown_in_its_colours(bits):
    def shown(lightness: float, a: int, b: int) -> list[int]:  # a and b are signed
        values = np.array([lightness * 2.55, a % 256, b % 256]).round().astype(np.uint8)
        return pixel(tiff(np.full((2, 2, 3), values, np.uint8).astype(f"u{bits // 8}") << bits - 8, "cielab"))

    assert shown(53.39, 0, 0) == pytest.approx([127] * 3, abs=2)
    assert shown(54.29, 81, 70) == pytest.approx([255, 0, 0], abs=6)  # the red of sRGB, seen under D50
    assert shown(29.57, 68, -112) == pytest.approx([0, 0, 255], abs=25)  # its blue


def test_sixteen_bits_of_inks_are_shown_in_their_colours():
    red = np.full((2, 2, 4), (0, 65535, 65535, 0), np.uint16)
    assert pixel(tiff(red, "separated")) == [255, 0, 0]


@pytest.mark.parametrize("fmt", ["png", "tiff"])
def test_sixteen_bits_with_a_profile_are_colours_that_fill_their_range(fmt):
    values = np.full((2, 2, 3), REDDISH, np.uint16) * 257
    if fmt == "tiff":
        assert pixel(tiff(values, "rgb", iccprofile=SWAPPED)) == pytest.approx([46, 46, 201], abs=1)
    else:
        data = png16(values)
        chunk = png_chunk(b"iCCP", b"wide\0\0" + zlib.compress(SWAPPED))
        assert pixel(data[:33] + chunk + data[33:]) == pytest.approx([46, 46, 201], abs=1)
