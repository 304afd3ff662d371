"""Pascal VOC XML: boxes of one photo. A document type, and with it every entity, is refused before anything is expanded."""

from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from explainers.truth.objects import Place, TrueObject, Truth, require_objects
from models.errors import UnreadableTruth


def read_voc(data: bytes, place: Place) -> Truth:
    """The boxes of an annotation; VOC counts pixels from 1, and the last one belongs to the box."""
    try:
        root = fromstring(data, forbid_dtd=True)
        shape = (int(_text(root, "size/height")), int(_text(root, "size/width")))
        place.require_same_sides(shape)
        objects = [_object(element, shape, place) for element in root.iterfind("object")]
    except DefusedXmlException as error:
        raise UnreadableTruth("It brings a document type of its own, which is not taken. Save it without one.") from error
    except (ParseError, ValueError, LookupError, OverflowError) as error:
        raise UnreadableTruth("It is not an annotation of Pascal VOC with a size and objects with boxes.") from error
    return Truth(require_objects(objects), np.zeros(place.map_shape, dtype=bool))


def _object(element: Element, shape: tuple[int, int], place: Place) -> TrueObject:
    left, top, right, bottom = (float(_text(element, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
    return TrueObject(_text(element, "name")[:80], box=place.box((left - 1, top - 1, right, bottom), shape))


def _text(element: Element, path: str) -> str:
    """The text below a path; ValueError where there is none."""
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"no {path}")
    return text.strip()
