"""What the live view is made of, wherever it is drawn: scripts and styles, photos and maps as bytes. No Streamlit here."""

import hashlib
import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from models.photo import Photo

_HERE = Path(__file__).parent
_MAX_PHOTO_SIDE = 4096  # px; more than a browser can lay under the picture on every device

MARKUP = '<div class="view"><div class="panes"></div><p class="spoken" role="status" aria-live="polite"></p></div>'
STYLE = (_HERE / "live_view.css").read_text()
SCRIPT = "".join((_HERE / name).read_text() for name in ("live_maps.js", "live_places.js", "live_view.js"))  # one module


def name_of(content: bytes) -> str:
    """The name that bytes go by in the browser."""
    return hashlib.sha256(content).hexdigest()


def packed_maps(maps: np.ndarray) -> bytes:
    """Maps (n, h, w) uint8, each as its difference (modulo 256) to the one before, deflated. Neighbouring k differ little."""
    differences = maps.copy()
    differences[1:] -= maps[:-1]
    return zlib.compress(differences.tobytes(), 6)


def photo_jpeg(photo: Photo) -> bytes:
    """The photo as a JPEG file, as large as it is, but at most 4096 px on its longer side."""
    picture, buffer = Image.fromarray(photo.pixels), io.BytesIO()
    picture.thumbnail((_MAX_PHOTO_SIDE, _MAX_PHOTO_SIDE), Image.Resampling.LANCZOS)
    picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()
