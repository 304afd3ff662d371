"""A segmentation over its photo that follows the sliders while they are dragged.

The browser gets the photo and the maps of every k once per picture and draws them itself (live_picture.js), by the rules
of explainers/overlay.py. It reports which cluster was clicked.
"""

import base64
import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from explainers.overlay import PALETTE, at_size
from explainers.service import SegmentationResult
from models.preprocessing import Photo
from pages.common.look import Look

_PHOTO_SIDES, _MAX_MAP_SIDE = (768, 1280), 640  # px of the longer side on the screen; downloads have full size
_HERE = Path(__file__).parent

_component = st.components.v2.component(
    "live_picture",
    html='<div class="stage"><canvas role="img"></canvas><div class="tip"></div></div>',
    css=(_HERE / "live_picture.css").read_text(),
    js=(_HERE / "live_picture.js").read_text(),
)


def live_picture(
    photo: Photo, result: SegmentationResult, look: Look, follow: dict[str, str], on_pick: Callable[[int], None]
) -> None:
    """Draws the picture. ``follow`` names the CSS classes of the sliders behind "k" and "opacity" (a percentage);
    ``on_pick`` is called with the index of a cluster that was clicked."""
    _component(
        key="picture",
        data={
            **_payload(photo.sha256, result.encoder.fingerprint, result.segmentation.settings, photo, result),
            "k": look.n_clusters,
            "opacity": look.cover,
            "outlines": look.outlines,
            "only": look.only,
            "alt": f"{photo.name} in {look.n_clusters} clusters of {result.encoder.name}",
            "follow": {name: css for name, css in follow.items() if name != "opacity" or not look.clusters_only},
        },
        on_picked_change=lambda: on_pick(st.session_state["picture"].picked),
    )


@st.cache_data(show_spinner=False, max_entries=32)
def _payload(photo_sha256: str, fingerprint: str, settings, _photo: Photo, _result: SegmentationResult) -> dict:
    """What stays the same while the look changes."""
    maps = _shrunk_maps(_result.segmentation.labels)
    return {
        "id": f"{photo_sha256} {fingerprint} {settings}",
        "photo": _data_url(_photo.pixels),
        "maps": base64.b64encode(zlib.compress(maps.tobytes(), 6)).decode(),
        "shape": list(maps.shape),
        "ks": list(_result.segmentation.ks),
        "palette": [list(colour) for colour in PALETTE],
    }


def _shrunk_maps(labels: np.ndarray) -> np.ndarray:
    height, width = labels.shape[1:]
    share = min(1.0, _MAX_MAP_SIDE / max(height, width))
    shape = max(1, round(height * share)), max(1, round(width * share))
    return np.stack([at_size(one, shape) for one in labels])


def _data_url(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(for_screen(pixels)).save(buffer, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def for_screen(pixels: np.ndarray, sides: tuple[int, int] = _PHOTO_SIDES) -> np.ndarray:
    """The picture with its longer side within ``sides``, which fills the screen and loads fast, (h, w, 3)."""
    height, width = pixels.shape[:2]
    scale = float(np.clip(max(height, width), *sides)) / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
