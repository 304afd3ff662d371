"""Networks that embed pictures and words in one space. Optional: they come with the package open_clip_torch."""

from models.text.towers import TOWERS, TextTower, open_tower

__all__ = ["TOWERS", "TextTower", "open_tower"]
