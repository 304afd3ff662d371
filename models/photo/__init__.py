"""A picture as a person sees it (photo.py), from the bytes of any file that shows one (reading.py); samples (samples.py)."""

from models.photo.photo import Photo, photo_from_array
from models.photo.reading import read_photo, read_photo_file
from models.photo.suffixes import PICTURE_KINDS, PICTURE_SUFFIXES

__all__ = ["PICTURE_KINDS", "PICTURE_SUFFIXES", "Photo", "photo_from_array", "read_photo", "read_photo_file"]
