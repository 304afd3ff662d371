"""PNG masks with a palette: the index of a pixel is its cluster, the palette has the colours of the pages."""

import io
import json
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from explainers.drawing.clusters import PALETTE, UNKNOWN_COLOUR
from explainers.results.exported import Export, File
from explainers.results.named_parts import UNKNOWN
from explainers.results.records import jsonable

TEXT_KEY = "encoderscope"


def palette_masks(export: Export) -> Iterator[File]:
    """A PNG per photo, as large as the photo, with its provenance as a text inside."""
    colours = bytes(value for n, name in enumerate(export.names) for value in (UNKNOWN_COLOUR if name == UNKNOWN else PALETTE[n]))
    notes = PngInfo()
    notes.add_itxt(TEXT_KEY, json.dumps(jsonable(export.record), ensure_ascii=False, allow_nan=False))
    for photo in export.photos:
        picture, buffer = Image.fromarray(photo.labels().astype(np.uint8, copy=False)), io.BytesIO()
        picture.putpalette(colours)
        picture.save(buffer, "PNG", pnginfo=notes)
        yield File(f"{photo.stem}.png", buffer.getvalue())
