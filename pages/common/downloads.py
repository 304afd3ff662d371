"""A row of files to take away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Download:
    """A file that is made when its button is pressed."""

    label: str
    name: str  # of the file
    mime: str
    make: Callable[[], bytes]
    help: str


def draw_downloads(key: str, files: Sequence[Download]) -> None:
    """Draws a button for each file, side by side; ``key`` is the row's own."""
    with st.container(horizontal=True, gap="xsmall"):
        for file in files:
            st.download_button(
                file.label, file.make, file.name, file.mime, key=f"{key} {file.label}", on_click="ignore", help=file.help
            )


def file_stem(*names: str) -> str:
    """Names of photos, encoders and the like, joined into what a file can be called."""
    return "-".join(name.replace("/", "-").replace(":", "-") for name in names)
