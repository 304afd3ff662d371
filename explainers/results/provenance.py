"""Where a result comes from: one record for every result, made in one place, so that any figure can be got again and checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from typing import Generic, Self, TypeVar

from models.encoder import EncoderInfo
from models.photo import Photo
from models.version import __version__

VERSIONED = ("torch", "timm", "numpy", "scikit-learn", "pillow")  # the packages that decide the numbers


@dataclass(frozen=True)
class PhotoUsed:
    """A photo by its name and the SHA-256 of its file."""

    name: str
    sha256: str
    shape: tuple[int, int]  # height and width in pixels


@dataclass(frozen=True)
class InputSettings:
    """What decides how an encoder sees photos, where nothing else is asked for."""

    input_size: int  # px, the side of a square of as many pixels


Settings = TypeVar("Settings")  # one of the frozen dataclasses of settings


@dataclass(frozen=True)
class Provenance(Generic[Settings]):
    """Everything that a result depends on, and what it took."""

    encoder: EncoderInfo
    photos: tuple[PhotoUsed, ...]  # in the order of the result
    settings: Settings  # as they were used: depths and sizes that were left to the encoder are named
    seconds: Mapping[str, float]  # by step; what computing took, also when the result comes from a cache
    encoderscope: str  # version
    versions: Mapping[str, str]  # by package
    beside: tuple[EncoderInfo, ...] = ()  # further encoders, where the result is about several

    @property
    def encoders(self) -> tuple[EncoderInfo, ...]:
        """Every encoder that the result is about, in its order."""
        return (self.encoder, *self.beside)

    def of_photo(self, n: int) -> "Provenance[Settings]":
        """The provenance of one photo's part."""
        return replace(self, photos=(self.photos[n],))


def provenance_of(
    encoder: EncoderInfo, photos: Iterable[Photo], settings: Settings, seconds: Mapping[str, float] | None = None
) -> Provenance[Settings]:
    """The one place in which provenance is filled."""
    return Provenance(encoder, photos_used(photos), settings, seconds or {}, __version__, versions())


def photos_used(photos: Iterable[Photo]) -> tuple[PhotoUsed, ...]:
    """Names and hashes of photos, in their order."""
    return tuple(PhotoUsed(photo.name, photo.sha256, photo.shape) for photo in photos)


@cache
def versions() -> dict[str, str]:
    """The versions of the packages that decide the numbers."""
    return {package: metadata.version(package) for package in VERSIONED}


@dataclass(frozen=True, eq=False)
class Result(Generic[Settings]):
    """An answer to a question about photos and an encoder: plain data on the CPU, with its provenance."""

    provenance: Provenance[Settings]

    @property
    def settings(self) -> Settings:
        """As they were used: depths, sizes and classes that were left open are named."""
        return self.provenance.settings

    @property
    def encoder(self) -> EncoderInfo:
        return self.provenance.encoder

    @property
    def photo_names(self) -> tuple[str, ...]:
        return tuple(photo.name for photo in self.provenance.photos)

    @property
    def photo_sha256s(self) -> tuple[str, ...]:
        return tuple(photo.sha256 for photo in self.provenance.photos)

    @property
    def photo_name(self) -> str:
        """The name of the first photo, where the result is about one."""
        return self.provenance.photos[0].name

    @property
    def photo_sha256(self) -> str:
        """The hash of the first photo, where the result is about one."""
        return self.provenance.photos[0].sha256

    @property
    def seconds(self) -> Mapping[str, float]:
        return self.provenance.seconds

    @property
    def versions(self) -> Mapping[str, str]:
        return self.provenance.versions

    def under_names_of(self, encoder: EncoderInfo, photos: Iterable[Photo]) -> Self:
        """This content under other names: a cached answer may have been computed for a copy of the photo or encoder."""
        return replace(self, provenance=replace(self.provenance, encoder=encoder, photos=photos_used(photos)))
