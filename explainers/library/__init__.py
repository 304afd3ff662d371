"""The concept library: example images under a name, on disk."""

from explainers.library.library import ConceptLibrary

__all__ = ["ConceptLibrary"]
