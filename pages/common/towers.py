"""Text towers that pages offer, and what they say where the package is missing."""

from importlib.util import find_spec

TOWERS = {"clip-vit-b-32": "CLIP ViT-B/32 · about 600 MB", "clip-vit-b-16": "CLIP ViT-B/16 · about 600 MB"}
HELP = "Its weights are fetched once, from the hub."
MISSING = (
    "Words need the package open_clip_torch, which is not installed on this server: `pip install -r requirements-text.txt`. "
    "It fetches the weights of a text tower from the hub when it is first asked."
)


def are_possible() -> bool:
    """Whether this server has the package that text towers need."""
    return find_spec("open_clip") is not None
