"""Text of others (file names, links, messages that quote them) inside Streamlit's Markdown."""

import re


def escaped(text: str) -> str:
    """The text as it is: no link, no picture, no formatting comes out of it."""
    return re.sub(r"([\\`*_\[\]<>$:#~|!])", r"\\\1", text)
