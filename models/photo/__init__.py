"""A picture as a person sees it, from the bytes of any file that shows one."""

from models.photo.reading import Photo, photo_from_array, read_photo, read_photo_file

__all__ = ["Photo", "photo_from_array", "read_photo", "read_photo_file"]
