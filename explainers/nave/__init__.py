"""NAVE: which parts of an image does a frozen encoder treat alike? Pure functions on feature maps."""

from explainers.nave.segmentation import Segmentation, segment, segment_each, segment_together
from explainers.nave.settings import NaveSettings

__all__ = ["NaveSettings", "Segmentation", "segment", "segment_each", "segment_together"]
