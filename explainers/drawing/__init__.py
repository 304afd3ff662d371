"""Pictures of label maps and concept maps, without torch."""

from explainers.drawing.clusters import overlay

__all__ = ["overlay"]
