"""A row of files to take away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st


@dataclass(frozen=True)
class Download:
    """A file that is made when its button is pressed."""

    label: str
    name: str  # of the file
    mime: str
    make: Callable[[], bytes]
    help: str


_EXPORT_HELP = "The clusters at this granularity, in the formats of other people's tools."


def draw_downloads(key: str, files: Sequence[Download], exports: Sequence[Download] = ()) -> None:
    """Draws a button for each file, side by side, and a menu of exports if there are any; ``key`` is the row's own."""
    with st.container(horizontal=True, gap="xsmall"):
        for file in files:
            _draw_button(key, file, "content")
        if exports:
            with st.popover("Export", key=f"{key} export", help=_EXPORT_HELP):
                for file in exports:
                    _draw_button(f"{key} export", file, "stretch")


def _draw_button(key: str, file: Download, width: Literal["content", "stretch"]) -> None:
    st.download_button(
        file.label,
        file.make,
        file.name,
        file.mime,
        key=f"{key} {file.label}",
        on_click="ignore",
        help=file.help,
        width=width,
    )


def file_stem(*names: str) -> str:
    """Names of photos, encoders and the like, joined into what a file can be called."""
    return "-".join(name.replace("/", "-").replace(":", "-") for name in names)
