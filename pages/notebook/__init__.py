"""The live view in a notebook: `show` draws a result where it was computed."""

from pages.notebook.widget import show

__all__ = ["show"]
