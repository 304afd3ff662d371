"""The gate for whoever has a data set and a checkpoint: index, check and comparison with an earlier check in one call.

from explainers.datasets.release import Release, require_passing

def test_the_checkpoint_does_not_rest_on_captions():
    require_passing(Release(Path("validation/"), "checkpoints/new"), forbid=("captions/",))
"""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.audit import Shares, shares_of
from explainers.datasets.baselines import against, read_baseline
from explainers.datasets.gate import Checked, GateSettings, Verdict, check, forbidden_things
from explainers.datasets.index import Index, open_index
from explainers.datasets.kept import is_whole, own_folder
from explainers.datasets.making import Ask, Making, make_index, nothing_known
from explainers.datasets.questions import NameParts, ReplaceParts
from explainers.datasets.settings import IndexSettings
from explainers.datasets.shards import hash_of
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.library.sets import OpenSet
from explainers.service.questions import Answer, Question
from explainers.service.service import ExplainerService
from models.errors import BadSettings, EncoderscopeError
from models.progress import IGNORED, Progress

MOST_REPLACED = 3  # parts of a finding


class NotPassed(EncoderscopeError, AssertionError):
    """The gate found something; a sentence for each."""


@dataclass(frozen=True)
class Release:
    """A data set, and the encoder that is about to be released; or an index of both."""

    data: Path
    encoder: str = ""  # of an index, it is known
    truth: Path | None = None  # masks or boxes of objects, as for `index`
    index: Path | None = None  # the folder for the index; None: one in ENCODERSCOPE_HOME/indexes, named after data and encoder
    depth: int | None = None
    input_size: int = 0  # px; 0: what the encoder was trained with


def index_of(release: Release, ask: Ask, progress: Progress = IGNORED) -> Index:
    """The index of a release: the one that ``data`` is, or one that is made, or completed where it was begun. Raises BadSettings
    where an encoder is named for an index, or none for a data set."""
    if is_whole(release.data):
        if release.encoder or release.truth or release.index:
            raise BadSettings(f"'{release.data}' is an index already: its encoder and objects are known. Name nothing but it.")
        return open_index(release.data)
    if not release.encoder:
        raise BadSettings(f"'{release.data}' holds no index. Name an encoder with --encoder, and one is made of it.")
    items = list_items(release.data)
    on_objects = nothing_known if release.truth is None else objects_in(release.truth)
    settings = IndexSettings(release.encoder, release.depth, release.input_size)
    folder = release.index or kept_folder(release)
    folder.mkdir(parents=True, exist_ok=True)
    return make_index(Making(items, settings, folder, release.data.name, ask, on_objects), progress)


def kept_folder(release: Release) -> Path:
    """Where the index of a release is kept for the next time."""
    where = [str(release.data.absolute()), release.encoder, str(release.truth), release.depth, release.input_size]
    return own_folder() / f"{release.data.name} by {Path(release.encoder).name} {hash_of(where)[:8]}".replace(":", "-")


@dataclass(frozen=True)
class Forbid:
    """What an encoder must not rest on, besides parts beside the object."""

    concepts: tuple[OpenSet, ...] = ()
    random: OpenSet | None = None  # the counterpart of the concepts
    parts: tuple[int, ...] = ()


def verdict_of(index: Index, settings: GateSettings, forbid: Forbid, ask: Ask, baseline: Path | None = None) -> Verdict:
    """What the gate says of an index, beside an earlier check if there is one."""
    earlier = None if baseline is None else read_baseline(baseline)
    named = ()
    if forbid.concepts and forbid.random is not None:
        named = ask(NameParts(index.folder, index.key, settings.k, forbid.concepts, forbid.random))
    verdict = check(index, settings, forbidden_things(index, settings, named, forbid.parts))
    return verdict if earlier is None else against(verdict, earlier)


def with_replaced(verdict: Verdict, index: Index, data: Path, ask: Ask) -> Verdict:
    """The verdict with what the class of every finding loses if its parts that carry most for it are replaced, in the photos that
    lie in ``data``; raises MissingPhotos where they are gone."""
    shares, predicted = shares_of(index, verdict.settings.k), index.photos["predicted"].to_numpy()
    rows_of = {row: _most_carrying(row, shares, predicted) for row in verdict.findings}
    wanted = tuple(dict.fromkeys(pair for pairs in rows_of.values() for pair in pairs))
    if not wanted:
        return verdict
    answer = ask(ReplaceParts(index.folder, index.key, data, verdict.settings.k, wanted, seed=verdict.settings.seed))
    replaced = {(of_part.class_idx, of_part.part): of_part for of_part in answer}
    each = {row: tuple(replaced[pair] for pair in pairs if pair in replaced) for row, pairs in rows_of.items()}
    return replace(verdict, checked=tuple(replace(row, replaced=each.get(row, ())) for row in verdict.checked))


def _most_carrying(row: Checked, shares: Shares, predicted: np.ndarray) -> list[tuple[int, int]]:
    """Class and part of those parts of a finding that carry most in photos (n,) predicted as its class."""
    class_idx = row.evidence.class_idx
    carried = shares.evidence[predicted == class_idx].mean(0)
    parts = sorted((part for part in row.parts if carried[part] > 0), key=lambda part: -carried[part])
    return [(class_idx, part) for part in parts[:MOST_REPLACED]]


def require_passing(
    release: Release,
    forbid: Sequence[str] = (),
    *,
    beside: bool = False,
    max_share: float = 0.1,
    baseline: Path | None = None,
    service: ExplainerService | None = None,
) -> Verdict:
    """What the gate says where it finds nothing; raises NotPassed with a sentence for every finding, which a test shows.

    ``forbid`` names concepts: folders of images, or sets of the library; ``beside`` forbids every part beside the object.
    """
    if not (forbid or beside):
        raise BadSettings("Nothing is forbidden. Name a concept, or forbid every part beside the object.")
    with closing(ExplainerService(cache_bytes=0, more_answers=INDEX_ANSWERS)) if service is None else nullcontext(service) as at:

        def ask(question: Question[Answer]) -> Answer:
            return at.ask(question).result()

        concepts = tuple(at.library.open_set(name, "concept") for name in forbid)
        random = at.library.open_set("scenes", "random") if forbid else None
        index = index_of(release, ask)
        settings = GateSettings(index.middle_k, max_share, beside=beside)
        verdict = verdict_of(index, settings, Forbid(concepts, random), ask, baseline)
    if verdict.findings:
        raise NotPassed("\n".join(row.sentence for row in verdict.findings))
    return verdict
