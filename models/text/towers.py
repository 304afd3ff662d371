"""Text towers: two networks that were trained together, one for pictures and one for words (Radford et al. 2021, CLIP).

They are opened by open_clip, which fetches weights of those named in TOWERS from the hub when they are first asked for; a folder
in open_clip's own format needs no network. open_clip is imported when a tower is opened, never before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from models.errors import EncoderUnavailable, MissingPackage
from models.photo import Photo

TOWERS = {  # name -> where the hub has it
    "clip-vit-b-32": "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    "clip-vit-b-16": "hf-hub:laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
}
MISSING = (
    "Words need the package open_clip_torch, which is not installed here. Install it with: pip install -r requirements-text.txt"
)


class TextTower(Protocol):
    """What embeds pictures and words in one space; every embedding has length 1."""

    def embed_images(self, photos: Iterable[Photo]) -> Tensor:
        """One embedding per photo, (n, E)."""
        ...

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """One embedding per text, (n, E)."""
        ...


@dataclass(frozen=True, eq=False)
class OpenClipTower:
    """A model of open_clip with its preprocessing and its tokens."""

    model: Any
    prepare: Any
    tokens: Any

    @torch.inference_mode()
    def embed_images(self, photos: Iterable[Photo]) -> Tensor:
        """One embedding per photo, (n, E); photo by photo, so that any number of them fits."""
        prepared = (self.prepare(Image.fromarray(photo.pixels))[None] for photo in photos)
        return torch.cat([self.model.encode_image(image, normalize=True) for image in prepared]).float()

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """One embedding per text, (n, E)."""
        return self.model.encode_text(self.tokens(list(texts)), normalize=True).float()


@lru_cache(maxsize=1)
def open_tower(name: str) -> TextTower:
    """A tower of TOWERS, or in a folder; weights are fetched where needed.

    Raises MissingPackage without open_clip, EncoderUnavailable where there is no such tower or its weights cannot be had.
    """
    try:
        import open_clip
    except ImportError as error:
        raise MissingPackage(MISSING) from error
    source = f"local-dir:{name}" if Path(name).is_dir() else TOWERS.get(name)
    if source is None:
        raise EncoderUnavailable(f"There is no text tower '{name}'. There is: {', '.join(TOWERS)}, or a folder of open_clip's.")
    try:
        model, prepare = open_clip.create_model_from_pretrained(source)
        return OpenClipTower(model.eval(), prepare, open_clip.get_tokenizer(source))
    except (OSError, RuntimeError, ValueError) as error:
        raise EncoderUnavailable(
            f"The weights of the text tower '{name}' cannot be had ({type(error).__name__}). Connect to the network once, or "
            "name a folder that has them."
        ) from error
