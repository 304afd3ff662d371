"""What a file is that is not a photo, from its first bytes: people rename files, and send web pages named photo.jpg."""

PICTURE = "a picture"
_SIGNATURES = (  # (offset, bytes, what it is)
    (0, b"\xff\xd8", PICTURE),
    (0, b"\x89PNG", PICTURE),
    (0, b"GIF8", PICTURE),
    (0, b"BM", PICTURE),
    (0, b"II*\0", PICTURE),
    (0, b"MM\0*", PICTURE),
    (8, b"WEBP", PICTURE),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a compressed archive"),
    (4, b"ftyphei", "an HEIC photo"),
    (4, b"ftypmif1", "an HEIC photo"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
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
