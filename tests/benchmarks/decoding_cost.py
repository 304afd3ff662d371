"""What decoding costs, file by file: photos as people have them, and small files that are built to cost a lot.

Every file is read in a process of its own; memory is what this process takes at its peak beside what it has before it reads.
"""

import io
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from pillow_heif import register_heif_opener

_READ = """
import json, sys, time
from pathlib import Path
from models.errors import UnreadableImage
from models.photo import read_photo

def memory(of):
    return int(Path("/proc/self/status").read_text().split(of + ":")[1].split()[0]) / 1e3

data, name = Path(sys.argv[1]).read_bytes(), Path(sys.argv[1]).name
before = memory("VmRSS")
begun = time.perf_counter(), time.process_time()
try:
    height, width = read_photo(data, name).shape
    outcome = f"{width} x {height}"
except UnreadableImage as refusal:
    outcome = "refused: " + str(refusal).removeprefix(f"'{name}'").strip(" :")
seconds, busy = time.perf_counter() - begun[0], time.process_time() - begun[1]
print(json.dumps({"seconds": seconds, "processor": busy, "peak_mb": round(memory("VmHWM") - before), "outcome": outcome}))
"""
register_heif_opener()
_SIDES = (9430, 9430)  # 89 megapixels


def decoding_table() -> list[dict]:
    """One row per file: kind, its size, seconds in all and of the processor, memory, and what came out."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in FILES.items():
            path = Path(folder) / kind.split()[0].lower()
            path.write_bytes(make())
            run = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True)
            rows.append({"file": kind, "file_mb": path.stat().st_size / 1e6, **json.loads(run.stdout)})
            path.unlink()
    return rows


def _photo(width: int, height: int) -> Image.Image:
    """Blurred noise, which compresses as a photo does."""
    noise = np.random.default_rng(0).integers(0, 255, (height // 50, width // 50, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def _encoded(image: Image.Image, fmt: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def _flat_png(n_samples: int, bits: int) -> bytes:
    """89 megapixels of one colour."""
    width, height = _SIDES
    packer = zlib.compressobj(9)
    row = b"\0" + bytes(width * n_samples * bits // 8)
    body = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, bits, {1: 0, 3: 2, 4: 6}[n_samples], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    packed = (struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _scans(side: int, n_scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    jpeg = _encoded(Image.new("RGB", (side, side), (90, 140, 200)), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * (n_scans - jpeg.count(b"\xff\xda") + 1) + jpeg[-2:]


def _flat_tiff(n_samples: int, dtype: str, **options) -> bytes:
    """89 megapixels of one colour, deflated."""
    width, height = _SIDES
    buffer = io.BytesIO()
    strip = np.zeros((64, width, n_samples), dtype)
    strips = (strip[: min(64, height - top)] for top in range(0, height, 64))
    options = {
        "photometric": "rgb",
        "compression": "zlib",
        "rowsperstrip": 64,
        "metadata": None,
        "shape": (height, width, n_samples),
    }
    tifffile.imwrite(buffer, (zlib.compress(part.tobytes()) for part in strips), dtype=dtype, **options)
    return buffer.getvalue()


def _many_strips(n_strips: int) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((n_strips, 4), np.uint8), photometric="minisblack", rowsperstrip=1, metadata=None)
    return buffer.getvalue()


def _text(side: int) -> bytes:
    return f"P3\n{side} {side}\n255\n".encode() + b"7 88 199\n" * (side * side)


def _comments(n_bytes: int) -> bytes:
    """A GIF with a comment in front of its picture."""
    gif = _encoded(Image.new("P", (8, 8)), "GIF")
    start = gif.index(b",", 13 + 3 * 2 ** ((gif[10] & 7) + 1) if gif[10] & 128 else 13)
    return gif[:start] + b"\x21\xfe" + (b"\xff" + b"x" * 255) * (n_bytes // 256) + b"\0" + gif[start:]


def _run_lengths(side: int) -> bytes:
    """A BMP of runs of one pixel."""
    rows = (b"\1\7" * side + b"\0\0") * side
    offset = 54 + 1024
    head = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset)
    head += struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 2835, 2835, 256, 0)
    return head + bytes(1024) + rows


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG, 12 megapixels": lambda: _encoded(_photo(4000, 3000), "JPEG"),
    "JPEG, 61 megapixels": lambda: _encoded(_photo(9500, 6400), "JPEG"),
    "JPEG, 150 megapixels": lambda: _encoded(_photo(15000, 10000), "JPEG"),
    "JPEG, 61 megapixels, progressive": lambda: _encoded(_photo(9500, 6400), "JPEG", progressive=True),
    "JPEG, 3 megapixels, 400 scans": lambda: _scans(1750, 400),
    "JPEG, 89 megapixels, 400 scans": lambda: _scans(9430, 400),
    "PNG, 24 megapixels": lambda: _encoded(_photo(6000, 4000), "PNG", compress_level=1),
    "PNG, 89 megapixels, RGB": lambda: _flat_png(3, 8),
    "PNG, 89 megapixels, RGBA": lambda: _flat_png(4, 8),
    "PNG, 89 megapixels, grey, 16 bits": lambda: _flat_png(1, 16),
    "PNG, 89 megapixels, RGBA, 16 bits": lambda: _flat_png(4, 16),
    "WebP, 24 megapixels": lambda: _encoded(_photo(6000, 4000), "WEBP", method=0),
    "WebP, 89 megapixels, RGBA": lambda: _encoded(Image.new("RGBA", _SIDES), "WEBP", lossless=True, method=0),
    "AVIF, 24 megapixels": lambda: _encoded(_photo(6000, 4000), "AVIF", speed=10),
    "HEIF, 12 megapixels": lambda: _encoded(_photo(4000, 3000), "HEIF"),
    "TIFF, 89 megapixels, RGB": lambda: _flat_tiff(3, "u1"),
    "TIFF, 89 megapixels, RGBA, 16 bits": lambda: _flat_tiff(4, "u2"),
    "TIFF, 89 megapixels, 30 bands": lambda: _flat_tiff(30, "u1"),
    "TIFF, 90,000 strips": lambda: _many_strips(90_000),
    "TIFF, 200,000 strips": lambda: _many_strips(200_000),
    "GIF, 89 megapixels": lambda: _encoded(Image.new("P", _SIDES), "GIF"),
    "GIF, 12 MB of comments": lambda: _comments(12_000_000),
    "PPM, 5 megapixels of text": lambda: _text(2300),
    "PPM, 7 megapixels of text": lambda: _text(2650),
    "BMP, 0.4 million runs": lambda: _run_lengths(600),
    "BMP, 0.6 million runs": lambda: _run_lengths(800),
}
