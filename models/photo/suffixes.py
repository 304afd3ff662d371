"""How the names of files end that show a picture which `read_photo` can read."""

PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"),  # in the order in which an uploader lists them
    *(".jpe", ".jfif", ".mpo", ".dib", ".ppm", ".pgm", ".pbm", ".pnm"),
)
