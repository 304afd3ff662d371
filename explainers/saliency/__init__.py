"""A second opinion: saliency maps that people know, and whether the network's answer agrees with them. Pure functions."""

from explainers.saliency.curves import Curve, chance_of, removed
from explainers.saliency.settings import SaliencySettings

__all__ = ["Curve", "SaliencySettings", "chance_of", "removed"]
