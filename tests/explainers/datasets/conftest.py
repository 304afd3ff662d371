"""A tiny data set, a tiny encoder, and a way to ask without a service's queue."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explainers.datasets import making
from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.index import Index
from explainers.datasets.making import Making, make_index
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.dictionaries.settings import DictionarySettings
from explainers.library.library import ConceptLibrary
from explainers.service.service import ExplainerService
from models.catalog.catalog import Catalog
from models.progress import IGNORED, Progress
from tests.pages.tiny_encoders import CNN, write_tiny_encoders

TINY = IndexSettings(CNN, dictionary=DictionarySettings(ks=(2, 4), n_positions=200, n_components=6), photos_per_shard=5)


@pytest.fixture(scope="session")
def index_service(tmp_path_factory) -> Iterator[ExplainerService]:
    """One service for all tests, so that the encoder is opened once."""
    catalog = Catalog(write_tiny_encoders(tmp_path_factory.mktemp("encoders")))
    library = ConceptLibrary(tmp_path_factory.mktemp("home"))
    with closing(ExplainerService(catalog, library=library, more_answers=INDEX_ANSWERS)) as service:
        yield service


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Twelve noisy pictures in two class folders, and one file that is none."""
    folder = tmp_path_factory.mktemp("data")
    for n in range(12):
        path = folder / f"thing {n % 2}" / f"{n}.png"
        path.parent.mkdir(exist_ok=True)
        generator = np.random.default_rng(n)
        blocks = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))).save(path)
    (folder / "thing 0" / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def made(index_service, data) -> Callable[..., Index]:
    """Makes an index of the data in a folder."""

    def made_in(folder: Path, progress: Progress = IGNORED, **changes) -> Index:
        given = {"items": list_items(data), "settings": TINY, "data_name": "data"} | changes
        making = Making(folder=folder, ask=lambda question: index_service.ask(question).result(240), **given)
        return make_index(making, progress)

    return made_in


@pytest.fixture
def interrupted(monkeypatch) -> Callable[[], AbstractContextManager[None]]:
    """Work inside is broken off by the user before the second shard is written."""

    @contextmanager
    def broken_off():
        written, write = [], making.write_shard

        def dying(*args):
            if len(written) == 1:
                raise KeyboardInterrupt
            written.append(args)
            write(*args)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(making, "write_shard", dying)
            yield

    return broken_off
