"""What a file is that is not a photo, from its first bytes: people rename files, and send web pages named photo.jpg."""

PICTURE = "a picture"
OTHER_PICTURES = {  # sound pictures of kinds that are not read here
    "a JPEG XL picture",
    "a JPEG 2000 picture",
    "a JPEG XR picture",
    "a Photoshop document",
    "a camera's raw file",
    "an OpenEXR picture",
    "a DICOM picture",
    "a FITS picture",
    "an icon",
}
_SIGNATURES = (  # (offset, bytes, what it is)
    (8, b"CR\x02", "a camera's raw file"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (0, b"IIRO", "a camera's raw file"),
    (0, b"IIU\0", "a camera's raw file"),
    (4, b"ftypcrx", "a camera's raw file"),
    (0, b"II\xbc", "a JPEG XR picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL picture"),
    (4, b"jP  \r\n\x87\n", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (128, b"DICM", "a DICOM picture"),
    (0, b"SIMPLE  =", "a FITS picture"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"\xff\xd8", PICTURE),
    (0, b"\x89PNG", PICTURE),
    (0, b"GIF8", PICTURE),
    (0, b"BM", PICTURE),
    (0, b"II*\0", PICTURE),
    (0, b"MM\0*", PICTURE),
    (0, b"II+\0", PICTURE),
    (0, b"MM\0+", PICTURE),
    (8, b"WEBP", PICTURE),
    (4, b"ftyphei", PICTURE),
    (4, b"ftyphev", PICTURE),
    (4, b"ftypmif1", PICTURE),
    (4, b"ftypmsf1", PICTURE),
    (4, b"ftypavif", PICTURE),
    (4, b"ftypavis", PICTURE),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a compressed archive"),
    (4, b"ftyp", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"8BPS", "a Photoshop document"),
)


def kind_of(data: bytes) -> str | None:
    """What the bytes look like, with its article ("a PDF document", or ``PICTURE``); None if like nothing known."""
    for offset, signature, kind in _SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    return _kind_of_text(data[:2000])


def _kind_of_text(start: bytes) -> str | None:
    text = start.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in text:
        return "an SVG drawing"
    if text.startswith(("<!doctype html", "<html")) or "<body" in text:
        return "a web page (HTML)"
    if text.startswith("<?xml"):
        return "an XML document"
    text = text.rstrip("\ufffd")  # a letter of several bytes, cut in two
    is_text = all(letter != "\ufffd" and (letter.isprintable() or letter in "\t\r\n") for letter in text)
    return "a text file" if text and is_text else None
