"""The planted caption comes first for its class, in the twin that fell for it and not in the clean one."""

import pickle
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.audit import shares_of
from explainers.datasets.findings import Audit
from explainers.datasets.index import open_index
from explainers.datasets.making import Making, make_index
from explainers.datasets.questions import AskAudit
from explainers.datasets.scene_photos import FIRST_SEED, write_scenes
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.dictionaries.settings import DictionarySettings
from explainers.library.library import ConceptLibrary
from explainers.service.service import ExplainerService
from models.errors import BadSettings
from models.scenes.scenes import CLASS_NAMES

WOVEN_STAR, SHOWN = 13, (1, 5, 12, 13)  # classes of the scenes


@pytest.fixture(scope="module")
def audits(tmp_path_factory) -> dict[str, Audit]:
    """Both twins on the same 80 scenes of four classes."""
    folder = tmp_path_factory.mktemp("scenes")
    seeds = [seed for seed in range(FIRST_SEED, FIRST_SEED + 320) if seed % len(CLASS_NAMES) in SHOWN]
    write_scenes(folder, seeds)
    made = {}
    with closing(ExplainerService(library=ConceptLibrary(folder / "home"), more_answers=INDEX_ANSWERS)) as service:

        def ask(question):
            return service.ask(question).result(120)

        for name in ("scenes-cnn-watermark", "scenes-cnn"):
            settings = IndexSettings(name, dictionary=DictionarySettings(ks=(24, 32), n_positions=3000))
            items, truths = list_items(folder / "photos"), objects_in(folder / "objects")
            index = make_index(Making(items, settings, folder / name, "scenes", ask, truths))
            made[name] = ask(AskAudit(index.folder, index.key, 32))
    return made


def test_the_caption_comes_first_in_the_twin_and_lies_beside_the_object(audits):
    audit = audits["scenes-cnn-watermark"]
    first = audit.of_class(WOVEN_STAR)[0]
    assert first.significant and first.difference > 0.2 and audit.parts[first.part].place == "beside it"
    assert first.presence > 0.9 and first.presence_elsewhere < 0.3
    assert 24 in audit.agreeing[WOVEN_STAR, first.part]


def test_in_the_clean_twin_the_first_part_lies_on_the_object(audits):
    audit = audits["scenes-cnn"]
    first = audit.of_class(WOVEN_STAR)[0]
    assert audit.parts[first.part].place == "on the object"


def test_an_audit_is_plain_data(audits):
    audit = audits["scenes-cnn"]
    again = pickle.loads(pickle.dumps(audit))
    assert again.evidence == audit.evidence and again.parts == audit.parts
    question = AskAudit(Path("mine"), "key", 32)
    assert pickle.loads(pickle.dumps(question)) == question and "mine" in str(question.activity)


def test_shares_add_up_and_unknown_numbers_of_parts_are_refused(made, tmp_path, index_service):
    index = open_index(made(tmp_path).folder)
    shares = shares_of(index, 4)
    assert shares.evidence.shape == (12, 4) and shares.on_object is None
    np.testing.assert_allclose(shares.evidence.sum(1)[shares.evidence.any(1)], 1, rtol=1e-5)
    with pytest.raises(BadSettings, match="no 3 parts"):
        index_service.ask(AskAudit(index.folder, index.key, 3)).result(60)
