"""TIFF files as scanners, cameras and satellites write them: shown as they are meant, or refused by what they are."""

import io
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from models.errors import UnreadableImage
from models.photo import read_photo
from models.photo.tiff_header import is_for_pillow, read_header
from tests.models.photo.files import encoded, tiff

RAMP = np.tile(np.linspace(0, 1, 64), (48, 1))  # (48, 64), black on the left
ALL_OF_TYPE = {"i1": (-128, 127), "u2": (0, 65535), "i2": (-32768, 32767), "u4": (0, 2**32 - 1), "i4": (-(2**31), 2**31 - 1)}
VALUES = {
    **{dtype: (low + RAMP * (high - low)).astype(dtype) for dtype, (low, high) in ALL_OF_TYPE.items()},
    "f4": (RAMP * 7 - 3).astype("f4"),
    "f8": RAMP * 1e12,
    "u8": (RAMP * 2**60).astype("u8"),
}


def row(data: bytes) -> np.ndarray:
    """The middle row of the photo, as integers."""
    pixels = read_photo(data, "scan.tif").pixels
    assert pixels.shape == (48, 64, 3) and (pixels == pixels[..., :1]).all()
    return pixels[24, :, 0].astype(int)


def assert_is_ramp(values: np.ndarray) -> None:
    """From black to white in equal steps; a window cuts off half a per cent on either side."""
    assert values[0] == 0 and values[-1] == 255
    np.testing.assert_allclose(values, np.linspace(0, 255, len(values)), atol=5)


def retagged(data: bytes, **tags) -> bytes:
    """The file with other values of tags."""
    buffer = io.BytesIO(data)
    with tifffile.TiffFile(buffer, mode="r+b") as file:
        for name, value in tags.items():
            file.pages[0].tags[name].overwrite(value)
    return buffer.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", VALUES)
def test_grey_of_any_type_goes_from_black_to_white(dtype, byteorder):
    assert_is_ramp(row(tiff(VALUES[dtype], byteorder=byteorder)))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "f4"])
def test_where_zero_is_white_large_values_are_black(dtype):
    values = (RAMP * 255).astype("u1") if dtype == "u1" else VALUES[dtype]
    assert_is_ramp(row(tiff(values, "miniswhite"))[::-1])


@pytest.mark.parametrize("compression", ["group4", "group3", None])
def test_where_zero_is_white_a_fax_has_black_ink(compression):
    page = Image.new("1", (64, 48), 1)
    page.paste(0, (0, 0, 8, 48))
    ink = tiff(np.asarray(page) == 0, "miniswhite") if compression is None else encoded(page, "TIFF", compression=compression)
    assert row(ink)[[4, 60]].tolist() == [0, 255]


@pytest.mark.parametrize("options", [{"tile": (32, 32)}, {"rowsperstrip": 7}, {"bigtiff": True}, {"rowsperstrip": 48}])
@pytest.mark.parametrize("packed", [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": 2}])
def test_every_layout_gives_the_same_picture(options, packed):
    assert_is_ramp(row(tiff(VALUES["u2"], **options, **packed)))
    assert_is_ramp(row(tiff(VALUES["u4"], byteorder=">", **options, **packed)))


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate", "zstd", "lzma"])
def test_compressions_of_libtiff_work_for_deep_samples(compression):
    assert_is_ramp(row(encoded(Image.fromarray(VALUES["u2"]), "TIFF", compression=compression)))


def test_lzw_works_for_sixteen_bits_of_colour():
    values = np.stack([VALUES["u2"], VALUES["u2"] // 2, np.zeros_like(VALUES["u2"])], axis=-1)
    as_bytes = encoded(Image.fromarray(values.view("u1").reshape(48, 128, 3)), "TIFF", compression="tiff_lzw")
    pixels = read_photo(retagged(as_bytes, ImageWidth=64, BitsPerSample=(16, 16, 16)), "a.tif").pixels
    np.testing.assert_allclose(pixels[24, :, 1], np.linspace(0, 127, 64), atol=3)
    assert pixels[24, -1].tolist() == pytest.approx([255, 128, 0], abs=3)


@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_the_predictor_of_real_numbers_is_undone(tile):
    height, width = tile or (48, 64)
    padded = np.zeros((64, 64), "f4")
    padded[:48] = VALUES["f4"]
    blocks = [padded[y : y + height, x : x + width] for y in range(0, 48, height) for x in range(0, 64, width)]

    def predicted(block: np.ndarray) -> bytes:  # per row: all first bytes, all second bytes, ..., as differences
        by_byte = block.astype(">f4").view("u1").reshape(*block.shape, 4).swapaxes(1, 2).reshape(len(block), -1)
        return np.diff(by_byte, axis=1, prepend=np.zeros((len(block), 1), "u1")).astype("u1").tobytes()

    buffer = io.BytesIO()
    options = {"tile": tile} if tile else {"rowsperstrip": 48}
    options |= {"photometric": "minisblack", "compression": "zlib", "predictor": 2, "metadata": None}
    tifffile.imwrite(buffer, (zlib.compress(predicted(block)) for block in blocks), shape=(48, 64), dtype="i4", **options)
    assert_is_ramp(row(retagged(buffer.getvalue(), SampleFormat=3, Predictor=3)))


@pytest.mark.parametrize("dtype", ["f4", "i2"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_what_a_geotiff_names_as_no_data_is_black_and_left_out_of_the_window(dtype, photometric):
    values = (RAMP * 1000).astype(dtype)
    values[:10] = -9999
    photo = read_photo(tiff(values, photometric, extratags=[(42113, "s", 0, "-9999", True)]), "dem.tif")
    assert (photo.pixels[:10] == 0).all()
    shown = photo.pixels[24, :, 0].astype(int)
    assert_is_ramp(shown if photometric == "minisblack" else shown[::-1])


def test_what_is_not_finite_does_not_spoil_the_window():
    values = VALUES["f4"].copy()
    values[0, :3] = np.nan, np.inf, -np.inf
    pixels = read_photo(tiff(values), "depth.tif").pixels
    assert pixels[0, :3, 0].tolist() == [0, 255, 0]
    assert_is_ramp(pixels[24, :, 0].astype(int))


@pytest.mark.parametrize("values", [np.full((4, 4), np.nan, "f4"), np.full((4, 4), -9999, "i2")])
def test_a_file_of_missing_values_says_so(values):
    data = tiff(values, extratags=[(42113, "s", 0, "-9999", True)])
    with pytest.raises(UnreadableImage, match=r"'empty.tif' holds no values: every pixel is marked as missing"):
        read_photo(data, "empty.tif")


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_deep_colours_share_one_window(planarconfig, compression):
    values = np.stack([RAMP * 3000, RAMP * 1500, RAMP * 0], axis=-1).astype("u2")
    stored = values if planarconfig == "contig" else values.transpose(2, 0, 1)
    pixels = read_photo(tiff(stored, "rgb", planarconfig=planarconfig, compression=compression), "a.tif").pixels
    np.testing.assert_allclose(pixels[24, :, 0], np.linspace(0, 255, 64), atol=5)
    np.testing.assert_allclose(pixels[24, :, 1], np.linspace(0, 128, 64), atol=5)
    assert pixels[..., 2].max() == 0


@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
def test_deep_transparent_parts_are_white(extra):
    alpha = np.full_like(RAMP, 65535)
    alpha[:, :8], alpha[:, 8:16] = 0, 32768
    share = alpha / 65535 if extra == "assocalpha" else 1
    values = np.stack([RAMP * 3000 * share] * 3 + [alpha], axis=-1).round().astype("u2")
    shown = read_photo(tiff(values, "rgb", extrasamples=[extra]), "a.tif").pixels[24, :, 0].astype(int)
    assert (shown[:8] == 255).all() and shown[-1] == 255
    assert shown[10] == pytest.approx(128, abs=10)  # dark, half transparent
    assert (np.diff(shown[16:]) >= 0).all() and shown[16] < 60


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_of_many_bands_three_are_shown_named_and_chosen(dtype, planarconfig):
    low = {"u1": 0, "u2": 100, "f4": -1.0}[dtype]
    bands = np.stack([low + RAMP * 20 * n for n in range(6)]).astype(dtype)
    data = tiff(bands if planarconfig == "separate" else bands.transpose(1, 2, 0), "minisblack", planarconfig=planarconfig)
    photo = read_photo(data, "scene.tif")
    assert (photo.n_bands, photo.bands) == (6, (1, 2, 3))
    assert photo.notes == ("The file has 6 bands; 1, 2, 3 are shown as red, green and blue.",)
    chosen = read_photo(data, "scene.tif", (6, 4, 2))
    assert chosen.bands == (6, 4, 2) and chosen.notes == ("The file has 6 bands; 6, 4, 2 are shown as red, green and blue.",)
    red, green, blue = chosen.pixels[24, -1].astype(int)
    assert red > green > blue and chosen.pixels[24, 0].max() == 0
    assert len({photo, chosen, read_photo(data, "scene.tif", (1, 2, 3))}) == 2  # the usual ones, asked for, are the same photo
    single = read_photo(data, "scene.tif", (6,))
    assert single.notes == ("The file has 6 bands; band 6 is shown.",) and (single.pixels == single.pixels[..., :1]).all()
    with pytest.raises(UnreadableImage, match="has 6 bands; there is no band 7"):
        read_photo(data, "scene.tif", (7, 1, 2))


def test_four_bands_are_not_three_colours_and_transparency():
    data = tiff(np.full((4, 4, 4), (200, 100, 50, 0), np.uint8), "rgb", extrasamples=["unspecified"])
    photo = read_photo(data, "nir.tif")
    assert photo.pixels[0, 0].tolist() == [200, 100, 50] and photo.n_bands == 4
    assert read_photo(data, "nir.tif", (4, 1, 2)).pixels[0, 0].tolist() == [0, 200, 100]


@pytest.mark.parametrize("bands", [(1, 2), (0, 1, 2), (1, 2, 3, 4)])
def test_bands_that_make_no_picture_are_refused(bands):
    with pytest.raises(UnreadableImage, match="one band or three are needed"):
        read_photo(tiff(VALUES["u2"]), "a.tif", bands)


def test_files_without_bands_to_choose_from_say_so():
    photo = read_photo(tiff(VALUES["u2"]), "a.tif", (3, 2, 1))
    assert photo.notes == ("The file has no bands to choose from; it is shown in its own colours.",)
    assert photo == read_photo(tiff(VALUES["u2"]), "a.tif")


def test_deep_pictures_are_turned_upright():
    data = tiff(VALUES["u2"], extratags=[(274, 3, 1, 6, True)])
    pixels = read_photo(data, "a.tif").pixels
    assert pixels.shape == (64, 48, 3) and pixels[0].max() < 10 < pixels[-1].min()  # the left side is above


def test_of_several_pages_the_first_is_shown_with_a_note_but_previews_are_not_pages():
    first, second = VALUES["u2"], VALUES["u2"][:, ::-1]

    def pages(subfiletype: int) -> bytes:
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as file:
            file.write(first, photometric="minisblack", metadata=None)
            file.write(second, photometric="minisblack", subfiletype=subfiletype, metadata=None)
        return buffer.getvalue()

    photo = read_photo(pages(0), "fax.tif")
    assert_is_ramp(photo.pixels[24, :, 0].astype(int))
    assert photo.notes == ("The file has several pages; page 1 is shown.",)
    assert read_photo(pages(1), "cloud.tif").notes == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tiff(np.zeros((4, 4), np.complex64)), "complex numbers"),
        (tiff(np.zeros((32, 16, 16), np.uint16), volumetric=True, tile=(16, 16, 16)), "not supported"),
        (retagged(tiff(VALUES["u2"], compression="zlib"), Compression=34712), "compression jpeg2000"),
        (retagged(tiff(VALUES["u2"]), PhotometricInterpretation=32803), "photometric interpretation cfa"),
        (retagged(tiff(VALUES["u2"], subfiletype=1)), "only a preview"),
        (retagged(tiff(VALUES["u2"]), BitsPerSample=11), "11 bits"),
    ],
)
def test_sound_files_of_other_kinds_are_refused_by_what_they_are(data, expected):
    with pytest.raises(UnreadableImage, match="this kind of TIFF is not supported") as refusal:
        read_photo(data, "scan.tif")
    assert expected in str(refusal.value) and "Save it as" in str(refusal.value)


def test_files_cut_into_very_many_pieces_are_refused_from_their_header(monkeypatch):
    data = tiff(np.zeros((40, 4), np.uint8), rowsperstrip=1)
    assert read_photo(data, "a.tif").shape == (40, 4)
    monkeypatch.setattr("models.photo.tiff_header.MAX_SEGMENTS", 39)
    with pytest.raises(UnreadableImage, match="cut into 40 pieces"):
        read_photo(data, "a.tif")


def test_a_deep_file_cut_short_is_damaged():
    for options in ({}, {"compression": "zlib"}):
        data = tiff(np.random.default_rng(0).integers(0, 9999, (48, 64), np.uint16), **options)
        with pytest.raises(UnreadableImage, match="damaged"):
            read_photo(data[: len(data) // 2], "cut.tif")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": 2}, {"tile": (16, 16)}])
def test_flipped_bytes_of_deep_files_never_end_in_another_error(options):
    rng = np.random.default_rng(1)
    data = tiff(rng.integers(0, 9999, (32, 32, 5), np.uint16), "minisblack", planarconfig="contig", **options)
    for _ in range(200):
        damaged = bytearray(data)
        for place in rng.integers(0, min(len(data), 700), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        try:
            assert read_photo(bytes(damaged), "a").pixels.dtype == np.uint8
        except UnreadableImage as refusal:
            assert "\n" not in str(refusal)


def test_what_pillow_shows_right_is_left_to_it():
    assert is_for_pillow(read_header(tiff(np.zeros((4, 4, 3), np.uint8), "rgb"), "a"))
    assert not is_for_pillow(read_header(tiff(np.zeros((4, 4, 3), np.uint16), "rgb"), "a"))
    assert not is_for_pillow(read_header(tiff(np.zeros((4, 4), np.int8)), "a"))


def test_a_header_of_millions_of_values_is_refused(monkeypatch):
    data = tiff(VALUES["u2"], extratags=[(65000, "H", 2000, (7,) * 2000, True)])
    assert read_photo(data, "a.tif").shape == (48, 64)
    monkeypatch.setattr("models.photo.tiff_header._MAX_VALUES", 1999)
    with pytest.raises(UnreadableImage, match="millions of values"):
        read_photo(data, "a.tif")


def test_pages_that_follow_in_a_circle_end():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(VALUES["u2"], photometric="minisblack", metadata=None)
        file.write(VALUES["u2"], photometric="minisblack", subfiletype=1, metadata=None)
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        first, second = (page.offset for page in file.pages)
        n_tags = len(file.pages[1].tags)
    data = bytearray(buffer.getvalue())
    data[second + 2 + 12 * n_tags : second + 6 + 12 * n_tags] = second.to_bytes(4, "little")
    assert first < second and read_photo(bytes(data), "a.tif").notes == ()


def test_a_tile_far_larger_than_its_picture_is_refused():
    data = tiff(np.zeros((16, 16, 3), np.uint8), "rgb", tile=(16, 16), compression="zlib")
    with pytest.raises(UnreadableImage, match="MB to decode"):
        read_photo(retagged(data, TileWidth=20_000, TileLength=20_000), "a.tif")
    deep = tiff(np.zeros((16, 16), np.uint16), tile=(16, 16), compression="zlib")
    with pytest.raises(UnreadableImage, match="MB to decode"):
        read_photo(retagged(deep, TileWidth=20_000, TileLength=20_000), "a.tif")
