"""Pictures as people send them: shown right, or refused in one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from models.errors import UnreadableImage
from models.photo import PICTURE_SUFFIXES, read_photo, read_photo_file, reading

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, fmt: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def quarters() -> Image.Image:
    """4 x 2 pixels: red and green above, blue and white below."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[0, :2], pixels[0, 2:], pixels[1, :2], pixels[1, 2:] = RED, GREEN, BLUE, WHITE
    return Image.fromarray(pixels)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing of it."""
    parts = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT")
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("fmt", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_give_back_their_pixels(fmt):
    data = encoded(quarters(), fmt, **({"lossless": True} if fmt == "WEBP" else {}))
    np.testing.assert_array_equal(read_photo(data, "a").pixels, np.asarray(quarters()))


def test_a_photo_is_known_by_its_bytes_not_by_its_name():
    data = encoded(quarters(), "PNG")
    photo = read_photo(data, "a.png")
    assert photo == read_photo(data, "b.png") and hash(photo) == hash(read_photo(data, "b.png"))
    assert photo != read_photo(data + b"\0", "a.png")
    assert photo.shape == (2, 4)
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0] = 0


def test_one_pixel_is_a_picture():
    photo = read_photo(encoded(Image.new("RGB", (1, 1), RED), "PNG"), "dot.png")
    np.testing.assert_array_equal(photo.pixels, [[RED]])


@pytest.mark.parametrize(
    ("orientation", "top_left"),
    [(1, RED), (2, GREEN), (3, WHITE), (4, BLUE), (5, RED), (6, BLUE), (7, WHITE), (8, GREEN)],
)
def test_exif_orientation_is_undone(orientation, top_left):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(quarters(), "PNG", exif=exif), "a.png")
    assert tuple(photo.pixels[0, 0]) == top_left
    assert photo.shape == ((2, 4) if orientation <= 4 else (4, 2))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_leaves_the_picture_as_it_is():
    data = encoded(quarters().resize((64, 32)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)
    assert read_photo(data, "a.jpg").shape == (32, 64)


def test_cmyk_comes_out_in_its_colours():
    photo = read_photo(encoded(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG", quality=95), "press.jpg")
    red, green, blue = photo.pixels[8, 8].astype(int)
    assert red > 240 and green < 16 and blue < 16


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_white(mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    fmt = "TIFF" if mode == "PA" else "PNG"
    data = encoded(image if mode == "PA" else image.convert(mode), fmt)
    np.testing.assert_array_equal(read_photo(data, "a").pixels, [[(0, 0, 0), WHITE]])


def test_half_transparent_red_on_white_is_pink():
    photo = read_photo(encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 128)), "PNG"), "a.png")
    assert photo.pixels[0, 0].tolist() == [255, 127, 127]


def test_a_palette_with_a_transparent_entry_is_composited_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([*BLUE, *RED])
    image.putpixel((1, 0), 1)
    photo = read_photo(encoded(image, "PNG", transparency=1), "a.png")
    np.testing.assert_array_equal(photo.pixels, [[BLUE, WHITE]])


@pytest.mark.parametrize("fmt", ["PNG", "TIFF"])
@pytest.mark.parametrize("top", [900, 40_000, 65_535])
def test_sixteen_bit_grey_is_windowed_not_clipped_white(fmt, top):
    ramp = np.linspace(100, top, 256).astype(np.uint16)[None].repeat(4, axis=0)
    grey = read_photo(encoded(Image.fromarray(ramp), fmt), "scan").pixels[0, :, 0].astype(int)
    assert (np.diff(grey) >= 0).all() and grey[0] == 0 and grey[-1] == 255
    assert grey[128] == pytest.approx(128, abs=2)
    assert (grey == 255).mean() < 0.02


def test_float_tiff_is_windowed_and_its_gaps_are_dark():
    values = np.linspace(-3.0, 5.0, 400, dtype=np.float32).reshape(20, 20)
    values[0, 0], values[0, 1] = np.nan, np.inf
    pixels = read_photo(encoded(Image.fromarray(values), "TIFF"), "depth.tif").pixels
    assert pixels[0, 0].max() == 0 and pixels[0, 1].min() == 255
    assert pixels[10, 0, 0] == pytest.approx(128, abs=3)


def test_a_plain_sixteen_bit_picture_is_mid_grey():
    data = encoded(Image.fromarray(np.full((4, 4), 7000, np.uint16)), "PNG")
    assert (read_photo(data, "flat.png").pixels == 128).all()


def test_bilevel_and_grey_pictures_become_rgb():
    assert read_photo(encoded(Image.new("1", (3, 2), 1), "PNG"), "a").pixels.min() == 255
    assert (read_photo(encoded(Image.new("L", (3, 2), 77), "PNG"), "a").pixels == 77).all()


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_or_pages_the_first_is_shown(fmt):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE))
    options = {"lossless": True} if fmt == "WEBP" else {}
    photo = read_photo(encoded(first, fmt, save_all=True, append_images=[second], **options), "a")
    assert tuple(photo.pixels[4, 4]) == RED


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing"),
        (b"<!DOCTYPE html>\n<html><body>Not found</body></html>", "web page"),
        (b"\xef\xbb\xbf  <HTML>", "web page"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04 ...", "ZIP archive"),
        (b"\0\0\0\x18ftypheic....", "damaged"),
        (b"\xff\x0a....", "not supported: it looks like a JPEG XL picture"),
        (b"8BPS....", "not supported: it looks like a Photoshop document"),
        (b"\0\0\0\x18ftypmp42....", "video"),
        (b"dear diary,\nnothing today", "text file"),
        (bytes(range(128, 256)), "not a picture of a known kind"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
    ],
)
def test_what_is_not_a_picture_is_refused_in_one_sentence_that_names_it(data, expected):
    with pytest.raises(UnreadableImage, match=expected) as refusal:
        read_photo(data, "holiday.jpg")
    assert "'holiday.jpg'" in str(refusal.value) and len(str(refusal.value)) < 160


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_file_is_refused(fmt):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    data = encoded(Image.fromarray(noise), fmt)
    with pytest.raises(UnreadableImage, match=r"'cut.jpg' (is damaged|is not a picture)"):
        read_photo(data[: len(data) // 2], "cut.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_flipped_bytes_never_end_in_another_error(fmt):
    rng = np.random.default_rng(1)
    data = encoded(Image.fromarray(rng.integers(0, 255, (12, 12, 3), np.uint8)), fmt)
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        try:
            assert read_photo(bytes(damaged), "a").pixels.dtype == np.uint8
        except UnreadableImage as refusal:
            assert "\n" not in str(refusal)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(side):
    with pytest.raises(UnreadableImage, match="megapixels"):
        read_photo(png_header(side, side), "bomb.png")


def test_a_large_picture_under_the_limit_is_kept_as_it_is():
    data = encoded(Image.new("1", (9_000, 5_000)), "PNG")
    assert read_photo(data, "large.png").shape == (5_000, 9_000)


def test_a_file_over_the_byte_limit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    path = tmp_path / "big.png"
    path.write_bytes(encoded(quarters(), "PNG"))
    for read in (lambda: read_photo(path.read_bytes(), "big.png"), lambda: read_photo_file(path)):
        with pytest.raises(UnreadableImage, match="larger than"):
            read()


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableImage, match="cannot be read"):
        read_photo_file(tmp_path / "none.png")
    with pytest.raises(UnreadableImage, match="cannot be read"):
        read_photo_file(tmp_path)


@pytest.mark.parametrize("fmt", ["AVIF", "HEIF"])
def test_pictures_of_phones_are_read_upright(fmt):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = quarters().resize((64, 32), Image.Resampling.NEAREST)
    photo = read_photo(encoded(picture, fmt, quality=95, exif=exif.tobytes()), "phone")
    assert photo.shape == (64, 32)
    assert photo.pixels[4, 4].tolist() == pytest.approx(BLUE, abs=30) and photo.notes == ()


@pytest.mark.parametrize(
    ("fmt", "note"),
    [
        *((fmt, "The file is an animation; its first frame is shown.") for fmt in ("GIF", "WEBP", "PNG", "AVIF")),
        ("TIFF", "The file has several pages; page 1 is shown."),
        ("MPO", "The file holds several pictures; the first is shown."),
        ("HEIF", "The file holds several pictures; the main one is shown."),
    ],
)
def test_files_of_several_pictures_say_which_is_shown(fmt, note):
    first, second = (Image.new("RGB", (64, 64), colour) for colour in (RED, BLUE))
    photo = read_photo(encoded(first, fmt, save_all=True, append_images=[second]), "several")
    assert photo.notes == (note,)
    assert photo.pixels[32, 32].tolist() == pytest.approx(RED, abs=12)


def test_a_photo_with_notes_can_be_pickled_and_not_changed():
    import pickle
    from dataclasses import FrozenInstanceError

    photo = read_photo(encoded(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(180)]), "a.gif")
    again = pickle.loads(pickle.dumps(photo))
    assert again == photo and again.notes == photo.notes != ()
    with pytest.raises(FrozenInstanceError):
        photo.notes = ()


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_every_suffix_that_is_taken_belongs_to_a_kind_that_is_read(suffix):
    Image.init()
    fmt = {".pnm": "PPM", ".mpo": "JPEG", ".hif": "HEIF"}.get(suffix) or Image.registered_extensions()[suffix]
    assert read_photo(encoded(quarters().resize((64, 32)), fmt), f"a{suffix}").shape == (32, 64)
