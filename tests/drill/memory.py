"""A week of photos on one server: its memory must stop growing once its caches are full.

The bounds of the caches are small, so that they are full after the first fifth of the photos. The photos themselves, some
kilobytes each, stay on the shelf of who brought them, as promised, and in the field for uploads.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.drill.serving import Dashboard
from tests.drill.visitor import Visitor

ENCODERS = ("scenes-cnn", "scenes-vit", "scenes-cnn-shape", "efficientnet-lite0")
BOUNDS = {"ENCODERSCOPE_CACHE_MB": "64", "ENCODERSCOPE_PHOTO_MB": "16", "ENCODERSCOPE_ENCODER_MB": "64"}
MOST_GROWTH = 1.05


@dataclass
class Growth:
    """Resident memory of the server and of its decoders, in MB."""

    n_photos: int
    n_switches: int
    after_the_first: list[float]  # of each fifth of the photos: memory at its end
    growth: float  # memory in the end by that after the first fifth
    errors: list[str]


def photo(seed: int) -> bytes:
    """A JPEG file of 400 x 300 px, like a blurred photograph, of some kilobytes."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize((400, 300), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def grow(server: Dashboard, n_photos: int, n_switches: int) -> Growth:
    """Has so many photos looked at, one after the other, while the encoder changes so many times."""
    visitor = Visitor(server.url, "encoder=scenes-cnn&size=224")
    errors, memory, every = visitor.look().errors, [], n_photos // n_switches
    for n in range(n_photos):
        status, seen = visitor.upload("uploads", f"{n}.jpg", photo(n))
        errors += seen.errors if seen else [f"an upload was answered with {status}"]
        if n % every == every - 1:
            encoder = ENCODERS[n // every % len(ENCODERS)]
            errors += visitor.go(f"encoder={encoder}&size=224").errors
        if (n + 1) % (n_photos // 5) == 0:
            memory.append(round(server.resident_mb()))
    visitor.leave()
    return Growth(n_photos, n_switches, memory, round(memory[-1] / memory[0], 3), errors[:5])
