"""A word finds regions, by a tower that knows colours alone: its space is red, green and blue."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explainers.datasets import queries
from explainers.datasets.questions import QueryByWord, SearchRegions
from explainers.datasets.sources import list_items
from models.errors import BadSettings, TooFewExamples
from models.photo import Photo
from tests.explainers.datasets.conftest import TINY

REDS = {"red": 0, "blue": 2}  # the channel of each word


class Colours:
    """Pictures by their mean colour, words by the colour that they name; grey for all others."""

    def embed_images(self, photos: Iterable[Photo]) -> torch.Tensor:
        means = [torch.from_numpy(photo.pixels.reshape(-1, 3).mean(0)) for photo in photos]
        return torch.nn.functional.normalize(torch.stack(means).float(), dim=1)

    def embed_text(self, texts: Sequence[str]) -> torch.Tensor:
        rows = [torch.eye(3)[REDS[text.split()[-1]]] if text.split()[-1] in REDS else torch.full((3,), 3**-0.5) for text in texts]
        return torch.stack(rows)


@pytest.fixture
def coloured(tmp_path, monkeypatch) -> Path:
    """Twelve reddish and twelve bluish pictures; the colour is in their names."""
    monkeypatch.setattr(queries, "open_tower", lambda name: Colours())
    for n in range(24):
        name = ("red", "blue")[n % 2]
        grain = np.random.default_rng(n).integers(0, 60, (64, 64, 3), dtype=np.uint8)
        grain[..., REDS[name]] += np.uint8(120 + 2 * n)
        path = tmp_path / "coloured" / "thing 0" / f"{name}-{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grain).save(path)
    return tmp_path / "coloured"


def test_a_word_finds_what_it_names_and_says_what_the_map_is_worth(made, coloured, tmp_path, index_service):
    index = made(tmp_path / "index", items=list_items(coloured), settings=replace(TINY, photos_per_shard=24))

    def ask(question):
        return index_service.ask(question).result(60)

    for word in REDS:
        found = ask(QueryByWord(index.folder, index.key, coloured, f" {word} ", "colours"))
        assert found.worth.r2 > 0.5 > found.worth.chance and found.worth.p_value <= 0.05 and found.n_photos == 24
        hits = ask(SearchRegions(index.folder, index.key, 4, found.coordinates, 6))
        assert [word in hit.photo for hit in hits] == [True] * 6
    with pytest.raises(BadSettings, match="0 words"):
        ask(QueryByWord(index.folder, index.key, coloured, " ", "colours"))
    with pytest.raises(TooFewExamples, match="There are 8 different photos"):
        ask(QueryByWord(index.folder, index.key, coloured, "red", "colours", n_photos=8))
