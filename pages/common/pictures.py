"""Photos at the size that a screen needs; downloads have full size."""

import base64
import io

import numpy as np
import streamlit as st
from PIL import Image

from models.photo import Photo

_LARGE = (768, 1280)  # px; a longer side within these fills a screen and loads fast


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs={Photo: lambda photo: photo.sha256})
def on_screen(photo: Photo, side: int | None = None) -> np.ndarray:
    """The photo (h, w, 3) with a longer side of ``side`` px; without one, of its own size within 768 to 1280 px."""
    height, width = photo.shape
    longer = max(height, width)
    scale = (side or min(max(longer, _LARGE[0]), _LARGE[1])) / longer
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(photo.pixels).resize(size, Image.Resampling.LANCZOS))


def address_of(picture: np.ndarray) -> str:
    """An address that holds a picture (h, w, 3) uint8 itself, as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
