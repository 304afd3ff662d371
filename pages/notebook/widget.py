"""The live view of the pages as a widget of a notebook, with sliders of its own (an optional extra: requirements-notebook.txt).

The browser gets the very script of the pages (pages/common/live_view); notebook.js stands around it, in place of Streamlit: it
hands over the bytes, draws the sliders, and keeps the styles of the notebook out.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from explainers.drawing.clusters import FADED_SHARE, FADED_TOWARDS, PALETTE, UNKNOWN_COLOUR, UNKNOWN_IDX
from explainers.results.found_parts import LIMITS, USUAL_LIMIT, FoundPartsResult
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.errors import BadSettings
from models.photo import Photo
from pages.common.live_view.packing import MARKUP, SCRIPT, STYLE, name_of, packed_maps, photo_jpeg

_HERE = Path(__file__).parent
Shown = SegmentationResult | SegmentationsResult | FoundPartsResult


def show(result: Shown, photos: Photo | Sequence[Photo], names: Sequence[str] = ()) -> Any:
    """The live view of a result over its photos, as the last line of a cell; ``names`` are those of clusters, by their index.

    Its traits can be read and set: ``frame`` (the granularity, or the distance limit), ``opacity``, ``outlines``, and
    ``selected``, the clusters that were clicked.
    """
    of_photos = (photos,) if isinstance(photos, Photo) else tuple(photos)
    if tuple(photo.sha256 for photo in of_photos) != result.photo_sha256s:
        raise BadSettings("These are not the photos of the result, in its order. Give those that were segmented.")
    data, files = described(result, of_photos, tuple(names))
    return _widget_class()(data=data, files=files, frame=data["appearance"]["frame"])


def described(result: Shown, photos: Sequence[Photo], names: Sequence[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the script of the live view is given, and the bytes that it names."""
    frames, frame, stacks, together = _frames(result)
    if isinstance(result, FoundPartsResult):
        of_result = result.named.names
        names = [*of_result, *[""] * (UNKNOWN_IDX - len(of_result)), "unknown"]
    files: dict[str, bytes] = {}
    panes = []
    for n, (photo, maps) in enumerate(zip(photos, stacks, strict=True)):
        of_pane = {"photo": photo_jpeg(photo), "maps": packed_maps(maps)}
        files |= {name_of(content): content for content in of_pane.values()}
        panes.append(
            {role: name_of(content) for role, content in of_pane.items()}
            | {"id": str(n), "title": photo.name if len(photos) > 1 else "", "size": list(photo.shape), "shape": list(maps.shape)}
            | {"at": list(range(len(frames))), "alt": f"{photo.name}, seen by {result.encoder.name}"}
            | {"notes": [], "names": [list(names)] if names else [], "colours": [], "selected": []}
        )
    data = {
        "panes": panes,
        "frames": list(frames),
        "word": "Distance limit" if isinstance(result, FoundPartsResult) else "Granularity",
        "appearance": {"frame": frame, "opacity": 0.55, "outlines": True, "clusters_only": False, "blink": False},
        "follow": {},
        "together": together,
        "selectable": True,
        "palette": [list(colour) for colour in (*PALETTE, UNKNOWN_COLOUR)],
        "faded": [FADED_TOWARDS, FADED_SHARE],
    }
    return data, files


def _frames(result: Shown) -> tuple[Sequence[float], float, list[np.ndarray], bool]:
    """The values of the slider, where it begins, per photo a map for each (n, H, W), and whether indices mean one thing."""
    if isinstance(result, FoundPartsResult):
        stacks = [np.stack([result.picture(n, limit) for limit in LIMITS]) for n in range(len(result.in_photos))]
        return LIMITS, USUAL_LIMIT, stacks, True
    segmentations = [result.segmentation] if isinstance(result, SegmentationResult) else result.segmentations
    first = segmentations[0]
    return first.ks, first.suggested_k, [segmentation.labels for segmentation in segmentations], len(segmentations) > 1


@cache
def _widget_class() -> type:
    """The class of the widget; raises BadSettings where the package that it needs is missing."""
    try:
        import anywidget
        import traitlets
    except ModuleNotFoundError as error:
        raise BadSettings(
            "Drawing in a notebook needs the package 'anywidget'. Run 'pip install -r requirements-notebook.txt' first."
        ) from error

    class LiveView(anywidget.AnyWidget):
        """A live view in a notebook."""

        _esm = script()
        data = traitlets.Dict().tag(sync=True)
        files = traitlets.Dict().tag(sync=True)
        frame = traitlets.Float().tag(sync=True)
        opacity = traitlets.Float(0.55).tag(sync=True)
        outlines = traitlets.Bool(default_value=True).tag(sync=True)
        selected = traitlets.List(trait=traitlets.Int()).tag(sync=True)

    return LiveView


def script() -> str:
    """The one module of the widget: the script of the pages, and what stands around it here."""
    around = (_HERE / "notebook.js").read_text()
    markup, style = (text.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${") for text in (MARKUP, STYLE))
    constants = f"const MARKUP = `{markup}`;\nconst STYLE = `{style}`;\n"
    return SCRIPT.replace("export default function (", "function drawLiveView(", 1) + constants + around
