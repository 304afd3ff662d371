"""Every reader of other people's files, given files that nobody would write: right, or one sentence of the family of refusals.

A sound file is changed at some places (hypothesis draws where and how), so that most files get past the first check. Beside them
plain noise. Wrong are any other exception, more than 3 s, and more than 500 MB.
"""

import io
import json
import re
import resource
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image
from pillow_heif import register_heif_opener
from safetensors.torch import save

from explainers.library.archives import read_archive
from explainers.library.cav_files import read_cav, written_cav
from explainers.library.library import ConceptLibrary
from explainers.results.named_parts import parts_file, read_parts
from explainers.truth.objects import Place
from explainers.truth.reading import read_truth
from models.catalog.checkpoints import needed_shapes, read_checkpoint
from models.catalog.configs import read_config
from models.errors import EncoderscopeError
from models.photo import read_photo
from pages.common import link
from tests.drill.fuzz_data import more_readers
from tests.drill.fuzz_files import readers_of_folders
from tests.explainers.results.test_named_parts import parts_named

MOST_SECONDS, MOST_MB = 3.0, 500
PLACE = Place("cat.jpg", (60, 90), (60, 90))
PIECES = (  # what stands in place of some bytes
    *(b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1", b"\xff"),
    *(b"-1", b"1e999", b"NaN", b"9" * 30, b"9" * 5000, b"null", b"true", b"[]", b"{}", b'"x"', b'"', b"," * 9, b"[" * 3000),
    *("\ud83d\ude00".encode("utf-16", "surrogatepass"), b"\xc3\x28", b"../../../etc/passwd", b"<!ENTITY a 'b'>", b"&a;" * 50),
)

VALUES = (  # what stands in place of a value of JSON
    *(None, True, 0, -1, 1.5, 2**31, -(2**63), 10**30, 10**400, 1e300, float("nan"), float("inf"), "", "x", "\ud83d", "../../x"),
    *([], {}, [[]], [None], ["x"], {"": None}, "x" * 5000, "9" * 5000, "9" * 300 + " scenes", "\0"),
)

_WORD = re.compile(rb'"[^"]*"|-?[\d.]+|[A-Za-z_]+|[^\s]')
_NUMBER = st.one_of(st.integers(), st.floats())
_NUMBERS = _NUMBER.map(lambda number: str(number).encode())


@dataclass(frozen=True)
class Reader:
    """What reads files of a kind, and sound ones of the kind."""

    read: Callable[[bytes], object]
    sound: Sequence[bytes]


# --- sound files ----------------------------------------------------------------------------------------------------------


def _pictures() -> list[bytes]:
    register_heif_opener()
    grey, colours = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    image, small = Image.fromarray(colours), Image.fromarray(grey[:, :, 0])
    deep = Image.fromarray(colours[:, :, 0].astype(np.uint16) * 200)
    wanted = [(image, kind, {}) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "HEIF", "AVIF", "PPM")]
    wanted += [
        (small, "JPEG", {}),
        (small, "PNG", {}),
        (deep, "PNG", {}),
        (deep, "TIFF", {}),
        (image, "JPEG", {"progressive": True}),
    ]
    wanted += [(image, "TIFF", {"compression": how}) for how in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")]
    wanted += [(image.convert("CMYK"), "JPEG", {}), (image.convert("P"), "PNG", {})]
    wanted += [(image.convert("RGBA"), "WEBP", {"lossless": True})]
    wanted += [(image, "GIF", {"save_all": True, "append_images": [image.rotate(9)]})]
    return [_encoded(picture, kind, **options) for picture, kind, options in wanted]


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _zipped(files: Sequence[tuple[str, bytes]], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def _pack() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        library = ConceptLibrary(Path(folder), starters=None)
        library.add("cats", "concept", [(f"{n}.png", data) for n, data in enumerate(_pictures()[:3])])
        library.save_cav("ab" * 32, {"vector": torch.ones(3)}, [library.get("cats")])
        return library.export_pack(["cats"])


def _coco() -> bytes:
    image = {"id": 7, "file_name": "cat.jpg", "height": 60, "width": 90}
    drawn = [{"segmentation": [[1, 1, 30, 1, 30, 30]]}, {"bbox": [1, 2, 30, 20]}]
    drawn += [{"segmentation": {"size": [60, 90], "counts": counts}} for counts in ([100, 200, 5100], [0, 5400])]
    annotations = [{"id": n, "image_id": 7, "category_id": 1, **shape} for n, shape in enumerate(drawn)]
    return json.dumps({"images": [image], "categories": [{"id": 1, "name": "cat"}], "annotations": annotations}).encode()


def _voc() -> bytes:
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    size = "<size><height>60</height><width>90</width></size>"
    return f"<?xml version='1.0'?><annotation>{size}<object><name>cat</name>{box}</object></annotation>".encode()


def _config() -> bytes:
    described = {"input_size": [3, 96, 96], "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9}
    described |= {"num_classes": 3, "label_names": ["a", "b", "c"], "label_descriptions": {"a": "an a"}}
    arguments = {"embed_dim": 24, "depth": 2, "num_heads": 3}
    config = {"architecture": "vit_tiny_patch16_224", "num_classes": 3, "model_args": arguments, "pretrained_cfg": described}
    return json.dumps(config).encode()


def _parts() -> bytes:
    return parts_file(parts_named("sky", "tree", ""))


# --- readers --------------------------------------------------------------------------------------------------------------


def _import(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        library = ConceptLibrary(Path(folder) / "library", starters=None)
        try:
            return library.import_pack(data)
        finally:
            outside = [path for path in Path(folder).iterdir() if path.name != "library"]
            if outside:
                raise AssertionError(f"files outside: {outside}")


def _manifest(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sets/concept/abc.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        library = ConceptLibrary(Path(folder), starters=None)
        return library.sets(), library.sweep()


def _configuration(data: bytes) -> object:
    return needed_shapes(json.dumps(read_config(data), sort_keys=True))


def _link(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    return [_valued(text, kind) for kind in (str, int, bool, list, float)]


def _valued(text: str, kind: type) -> object:
    try:
        return link.read(text, kind)
    except ValueError:
        return None


@cache
def readers() -> dict[str, Reader]:
    """Every reader, by the kind of file."""
    weights = save({"head.weight": torch.ones(3, 4), "head.bias": torch.ones(3, dtype=torch.float16)}, {"format": "pt"})
    manifest = {
        "format": 2,
        "name": "cats",
        "images": [{"sha256": "ab" * 32, "name": "a", "region": {"shape": [3, 4], "runs": "2 5 5"}}],
    }
    masks = _encoded(Image.fromarray(np.arange(5400, dtype=np.uint8).reshape(60, 90) // 80), "PNG")
    files = [("a.png", _pictures()[0]), ("b/c.jpg", _pictures()[1])]
    return {
        "photo": Reader(lambda data: read_photo(data, "a.png", (1, 2, 3)), _pictures()),
        "archive": Reader(lambda data: [*read_archive(data, "a.zip")], [_zipped(files), _zipped(files, zipfile.ZIP_STORED)]),
        "pack": Reader(_import, [_pack()]),
        "checkpoint": Reader(lambda data: read_checkpoint(io.BytesIO(data), "a.safetensors").shapes, [weights]),
        "config": Reader(_configuration, [_config()]),
        "cav": Reader(read_cav, [written_cav({"vector": torch.ones(3)}, ["ab"])]),
        "manifest": Reader(_manifest, [json.dumps(manifest).encode()]),
        "parts": Reader(partial(read_parts, file_name="a.safetensors"), [_parts()]),
        "coco": Reader(partial(read_truth, file_name="a.json", place=PLACE), [_coco()]),
        "voc": Reader(partial(read_truth, file_name="a.xml", place=PLACE), [_voc()]),
        "masks": Reader(partial(read_truth, file_name="a.png", place=PLACE), [masks]),
        "link": Reader(_link, [b"0,1,2", b"scenes-cnn", b"0.5", b"1"]),
        **{kind: Reader(read, sound) for kind, (read, sound) in (more_readers() | readers_of_folders(_pictures())).items()},
    }


@st.composite
def changed(draw: st.DrawFn, sound: Sequence[bytes]) -> bytes:
    """A sound file with up to three changes, or noise."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=400))
    data = draw(st.sampled_from(sound))
    if data[:1] == b"{" and draw(st.booleans()):
        return draw(_values_changed(data))
    for _ in range(draw(st.integers(1, 3))):
        data = draw(_words_changed(data) if data[:1] in (b"{", b"<") else _bytes_changed(data))
    return data


@st.composite
def _values_changed(draw: st.DrawFn, text: bytes) -> bytes:
    """JSON that is still JSON, with up to three values that are others, or gone."""
    root = [json.loads(text)]
    for _ in range(draw(st.integers(1, 3))):
        places = [*_places(root)]
        where, key = places[draw(st.integers(0, 2**16)) % len(places)]
        if where is not root and draw(st.integers(0, 4)) == 0:
            del where[key]
        else:
            where[key] = draw(st.one_of(st.sampled_from(VALUES), st.sampled_from(places).map(_at), _NUMBER, st.text(max_size=3)))
    return json.dumps(root[0]).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and object within a value, with each of its keys."""
    for key in range(len(value)) if isinstance(value, list) else [*value]:
        yield value, key
        if isinstance(value[key], list | dict):
            yield from _places(value[key])


def _at(place: tuple[Any, Any]) -> Any:
    """A copy of what stands at a place."""
    return json.loads(json.dumps(place[0][place[1]]))


@st.composite
def _words_changed(draw: st.DrawFn, text: bytes) -> bytes:
    """JSON or XML with another word, or another value, in one place."""
    words = [*_WORD.finditer(text)]
    if not words:
        return text
    word = words[draw(st.integers(0, 2**16)) % len(words)]
    piece = draw(st.one_of(st.sampled_from(PIECES), st.sampled_from(words).map(lambda other: other[0]), _NUMBERS))
    return text[: word.start()] + piece + text[word.end() :]


@st.composite
def _bytes_changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with others in one place: mostly as many as before, so that what follows stays where it was."""
    n_header = int.from_bytes(data[:8], "little")
    if data[8:9] == b"{" and n_header < len(data) and draw(st.integers(0, 3)):  # safetensors: length, header, values
        header = draw(_words_changed(data[8 : 8 + n_header]))
        return len(header).to_bytes(8, "little") + header + data[8 + n_header :]
    start = draw(st.integers(0, 2**16)) % (len(data) + 1)
    piece = draw(st.one_of(st.sampled_from(PIECES[:7]), st.binary(min_size=1, max_size=8), st.just(data[start // 2 :][:64])))
    length = draw(st.sampled_from((len(piece), len(piece), len(piece), 0, 1, 40)))
    return data[:start] + piece + data[start + length :]


@dataclass
class Tally:
    """What came of a kind of files."""

    kind: str
    n_files: int = 0
    n_refused: int = 0
    slowest: float = 0.0  # seconds
    grown_mb: float = 0.0  # how far the largest memory of the process rose
    wrong: str = ""


def fuzz(kind: str, n_files: int, seconds: float = float("inf"), first_seed: int = 0) -> Tally:
    """Has a reader read so many changed files; where seconds are named, round after round until they are over."""
    tally, end = Tally(kind), time.monotonic() + seconds
    for round_seed in count(first_seed):
        _round(readers()[kind], tally, n_files, round_seed)
        if tally.wrong or seconds == float("inf") or time.monotonic() > end:
            return tally
    return tally


def _round(reader: Reader, tally: Tally, n_files: int, round_seed: int) -> None:
    before = _peak_mb()

    @seed(round_seed)
    @settings(max_examples=n_files, deadline=None, database=None, suppress_health_check=[*HealthCheck], print_blob=False)
    @given(changed(reader.sound))
    def read(data: bytes) -> None:
        began = time.process_time()
        try:
            reader.read(data)
        except EncoderscopeError as refusal:
            tally.n_refused += 1
            if not str(refusal).strip():
                raise AssertionError("a refusal without a sentence") from refusal
        taken = time.process_time() - began
        tally.n_files, tally.slowest = tally.n_files + 1, max(tally.slowest, round(taken, 3))
        if taken > MOST_SECONDS or _peak_mb() - before > MOST_MB:
            raise AssertionError(f"{taken:.1f} s, {_peak_mb() - before:.0f} MB more")

    try:
        read()
    except Exception as error:  # whatever it is: that is what is looked for
        tally.wrong = f"seed {round_seed}: {error!r} {getattr(error, '__notes__', '')}"[:3000]
    tally.grown_mb = max(tally.grown_mb, round(_peak_mb() - before, 1))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
