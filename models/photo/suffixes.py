"""How the names of files end that show a picture which `read_photo` can read, and how a person calls these kinds."""

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif"),  # as an uploader lists them
    *(".jpe", ".jfif", ".mpo", ".hif", ".dib", ".ppm", ".pgm", ".pbm", ".pnm"),
)
PICTURE_KINDS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF or PPM"
