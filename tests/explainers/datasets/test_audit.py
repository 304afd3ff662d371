"""The planted caption comes first for its class, in the twin that fell for it and not in the clean one."""

import pickle
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.audit import shares_of
from explainers.datasets.baselines import Baseline, against, read_baseline
from explainers.datasets.findings import Audit, Hit, NamedByConcept, RankedConcepts, ReplacedPart
from explainers.datasets.gate import Forbidden, GateSettings, Verdict, check, forbidden_things, junit, verdict_record
from explainers.datasets.index import Index, UnreadableIndex, open_index
from explainers.datasets.making import Making, make_index
from explainers.datasets.questions import (
    AskAudit,
    ChooseDepth,
    DescribePhotos,
    FitDictionary,
    MapRegions,
    NameParts,
    PhotosAtDepth,
    QueryByConcept,
    QueryByRegion,
    QueryByWord,
    RankConcepts,
    ReplaceParts,
    SampleActivations,
    SearchRegions,
)
from explainers.datasets.release import NotPassed, Release, require_passing, with_replaced
from explainers.datasets.scene_photos import FIRST_SEED, write_scenes
from explainers.datasets.search import activations_of, query_of_part, regions_of_part, search_regions
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.together import TOGETHER_ANSWERS
from explainers.datasets.truths import objects_in
from explainers.dictionaries.clustering import Dictionary, Space
from explainers.dictionaries.regions import unpacked
from explainers.dictionaries.settings import DictionarySettings
from explainers.interventions.replaced_parts import PartDrop
from explainers.library.library import ConceptLibrary
from explainers.library.regions import box_region, region_of
from explainers.library.sets import ImageSet, OpenSet
from explainers.results.files import as_json
from explainers.service.service import ExplainerService
from models.errors import BadSettings
from models.photo import photo_from_array, read_photo_file
from models.progress import IGNORED
from models.scenes.scenes import CLASS_NAMES

FOOLED = "scenes-cnn-watermark"
WOVEN_STAR, SHOWN = 13, (1, 12, 13)  # classes of the scenes


@dataclass(frozen=True)
class Twin:
    """One encoder on the scenes: its index, its audit, and the parts that respond to the concept of the caption."""

    index: Index
    audit: Audit
    named: tuple[NamedByConcept, ...]  # of the twin that fell for the caption alone, since it takes a second
    hits: tuple[Hit, ...]  # for the first part of the class
    of_concept: tuple[Hit, ...]  # for the concept of the caption, of the twin that fell for it
    replaced: tuple[ReplacedPart, ...] = ()  # the first part of the class, and the last that its photos have
    ranked: RankedConcepts | None = None


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> dict[str, Twin]:
    """Both twins on the same 60 scenes of three classes."""
    folder = tmp_path_factory.mktemp("scenes")
    seeds = [seed for seed in range(FIRST_SEED, FIRST_SEED + 320) if seed % len(CLASS_NAMES) in SHOWN]
    write_scenes(folder, seeds)
    library = ConceptLibrary(folder / "home")
    with closing(ExplainerService(library=library, more_answers=INDEX_ANSWERS)) as service:
        return {name: twin(service, folder, name) for name in ("scenes-cnn-watermark", "scenes-cnn")}


def twin(service: ExplainerService, folder: Path, name: str) -> Twin:
    def ask(question):
        return service.ask(question).result(240)

    settings = IndexSettings(name, dictionary=DictionarySettings(ks=(24, 32), n_positions=2000))
    items, truths = list_items(folder / "photos"), objects_in(folder / "objects")
    index = make_index(Making(items, settings, folder / name, "scenes", ask, truths))
    audit = ask(AskAudit(index.folder, index.key, 32))
    about = (service.library.open_set("watermark"),), service.library.open_set("scenes", "random")
    named = ask(NameParts(index.folder, index.key, 32, *about)) if name == FOOLED else ()
    query = query_of_part(index, 32, audit.of_class(WOVEN_STAR)[0].part)
    hits = ask(SearchRegions(index.folder, index.key, 32, query, 10))
    if name != FOOLED:
        return Twin(index, audit, named, hits, ())
    concept = ask(QueryByConcept(index.folder, index.key, about[0][0], about[1]))
    of_concept = ask(SearchRegions(index.folder, index.key, 32, concept, 10))
    there = [row.part for row in audit.of_class(WOVEN_STAR) if row.presence]
    rows = (WOVEN_STAR, there[0]), (WOVEN_STAR, there[-1])
    replaced = ask(ReplaceParts(index.folder, index.key, folder / "photos", 32, rows, n_photos=10))
    return Twin(index, audit, named, hits, of_concept, replaced, ask(RankConcepts(index.folder, index.key, 32, *about)))


def test_the_caption_comes_first_in_the_twin_and_lies_beside_the_object(twins):
    audit = twins["scenes-cnn-watermark"].audit
    first = audit.of_class(WOVEN_STAR)[0]
    assert first.significant and first.difference > 0.2 and audit.parts[first.part].place == "beside it"
    assert first.presence > 0.9 and first.presence_elsewhere < 0.3
    assert 24 in audit.agreeing[WOVEN_STAR, first.part]


def test_in_the_clean_twin_the_first_part_lies_on_the_object(twins):
    audit = twins["scenes-cnn"].audit
    first = audit.of_class(WOVEN_STAR)[0]
    assert audit.parts[first.part].place == "on the object"


def test_an_audit_and_a_map_of_regions_are_kept_for_the_next_who_asks(made, tmp_path, index_service):
    index = made(tmp_path)
    for question in (AskAudit(index.folder, index.key, 4), MapRegions(index.folder, index.key, 4)):
        first = index_service.ask(question, "one page").result(240)
        assert index_service.ask(replace(question), "another page").result(0) is first
        assert index_service.ask(replace(question, seed=1), "another page").result(240) is not first


def test_on_objects_and_beside_them_there_is_all_the_evidence(twins):
    index = twins["scenes-cnn"].index
    everywhere, aside = (shares_of(index, 32, only_beside=beside).evidence for beside in (False, True))
    table = index.regions(32, ("part", "evidence", "on_object"))
    on_objects = sum(row["evidence"] for row in table.to_pylist() if row["on_object"] >= 0.5)
    assert 0 < aside.sum() < everywhere.sum() and (aside <= everywhere).all()
    assert everywhere.sum() - aside.sum() == pytest.approx(on_objects)


def test_the_first_part_responds_to_the_concept_of_the_caption(twins):
    fooled = twins["scenes-cnn-watermark"]
    assert fooled.audit.of_class(WOVEN_STAR)[0].part in fooled.named[0].parts


@pytest.mark.parametrize("name", ["scenes-cnn-watermark", "scenes-cnn"])
def test_the_gate_finds_the_caption_in_the_twin_and_not_in_the_clean_one(twins, name):
    of, settings = twins[name], GateSettings(32, beside=True)
    verdict = check(of.index, settings, forbidden_things(of.index, settings, of.named, ()))
    named = {row.name for row in verdict.findings if row.class_name == "woven star"}
    assert ("The concept 'watermark'" in named) == (name == "scenes-cnn-watermark")
    assert any("beside the object" in thing for thing in named) == (name == "scenes-cnn-watermark")
    aside = replace(settings, beside=False, concepts_beside=True)
    found_aside = check(of.index, aside, forbidden_things(of.index, aside, of.named, ())).findings
    assert {row.class_name for row in found_aside} == ({"woven star"} if name == "scenes-cnn-watermark" else set())
    assert all(row.name == "The concept 'watermark', beside the object," for row in found_aside)
    assert junit(verdict).count(b"<failure") == len(verdict.findings)
    assert verdict_record(verdict)["passed"] == (not verdict.findings)


def test_beside_the_clean_twin_the_fooled_one_is_worse_and_beside_itself_it_is_not(twins, tmp_path):
    def checked(name: str, k: int = 32) -> Verdict:
        of, settings = twins[name], GateSettings(k, beside=True)
        return check(of.index, settings, forbidden_things(of.index, settings, of.named, ()))

    def baseline(name: str) -> Baseline:
        (tmp_path / f"{name}.json").write_bytes(as_json(verdict_record(checked(name))))
        return read_baseline(tmp_path / f"{name}.json")

    fooled = checked(FOOLED)
    assert fooled.findings and not against(fooled, baseline(FOOLED)).findings
    worse = against(fooled, baseline("scenes-cnn"))
    assert {row.class_name for row in worse.findings} == {"woven star"}
    assert any(row.kind == "beside" and " before." in row.sentence for row in worse.findings)
    with pytest.raises(BadSettings, match="Choose --k 32"):
        nothing = check(twins[FOOLED].index, GateSettings(24), ())
        against(nothing, baseline(FOOLED))
    of_parts = check(twins[FOOLED].index, GateSettings(32), [Forbidden("Part 3", (3,))])
    with pytest.raises(BadSettings, match="are others"):
        against(of_parts, baseline("scenes-cnn"))


def test_a_release_that_rests_on_the_caption_fails_a_test_with_a_sentence(twins):
    with pytest.raises(NotPassed, match=r"beside the object, carries \d\d% of the evidence for 'woven star'"):
        require_passing(Release(twins[FOOLED].index.folder), beside=True)


def test_beside_a_finding_stands_what_its_class_loses_without_it(twins):
    of, settings = twins[FOOLED], GateSettings(32)
    things = [Forbidden("Both", (of.audit.of_class(WOVEN_STAR)[1].part, of.audit.of_class(WOVEN_STAR)[0].part))]
    verdict = check(of.index, settings, things)

    def ask(question):
        drop = PartDrop(9, 2.171, (1.8, 2.5), -0.001, 0.001, 0.002)
        return tuple(ReplacedPart(*row, drop, 0.4) for row in question.rows)

    with_figures = with_replaced(verdict, of.index, Path("photos"), ask)
    (found,) = [row for row in with_figures.findings if row.evidence.class_idx == WOVEN_STAR]
    first = of.audit.of_class(WOVEN_STAR)[0].part
    assert found.replaced[0].part == first and found.replaced[0].class_idx == WOVEN_STAR  # what carries most comes first
    lost = (
        "its logit falls by 2.17 [1.80, 2.50]; the same shape at other places takes 0.00 (p = 0.002 after Holm). 40% of 9 photos"
    )
    assert f"Without part {first} {lost}" in found.sentence
    assert not any(row.replaced for row in with_figures.checked if not row.is_finding)


def test_search_finds_what_a_product_over_all_regions_finds(twins):
    of = twins["scenes-cnn-watermark"]
    part = of.audit.of_class(WOVEN_STAR)[0].part
    table = of.index.regions(32, ("activation",))
    (values,) = cosine_similarity(of.index.dictionary.centroids[32][part][None], activations_of(table))
    best = np.full(len(of.index.photos), -1.0)
    np.maximum.at(best, table["photo_idx"].to_numpy(), values)
    assert [hit.similarity for hit in of.hits] == pytest.approx(sorted(best, reverse=True)[:10])
    assert len({hit.photo for hit in of.hits}) == 10 and sum(hit.photo.startswith("woven star/") for hit in of.hits) >= 8


def test_a_search_is_the_same_from_what_was_kept_and_reads_a_file_that_has_changed(twins, tmp_path):
    of = twins["scenes-cnn-watermark"]
    copytree(of.index.folder, tmp_path / "index")
    question = SearchRegions(tmp_path / "index", of.index.key, 32, query_of_part(of.index, 32, 0), 10)
    once, again = (search_regions(question, None, IGNORED) for _ in range(2))
    assert [(hit.photo, hit.similarity) for hit in once] == [(hit.photo, hit.similarity) for hit in again]
    next((tmp_path / "index" / "regions").iterdir()).write_bytes(b"damaged")
    with pytest.raises(UnreadableIndex, match="damaged"):
        search_regions(question, None, IGNORED)


def test_the_concept_of_the_caption_finds_captions(twins):
    of = twins[FOOLED]
    part = of.audit.of_class(WOVEN_STAR)[0].part
    assert sum(hit.part == part for hit in of.of_concept) >= 8


def test_without_the_caption_the_class_loses_more_than_without_the_same_shape_elsewhere(twins):
    first, last = twins[FOOLED].replaced
    assert first.drop.significant and first.drop.interval[0] > 1 > 5 * abs(first.drop.elsewhere)
    assert first.changed > 0 and first.drop.n_images == 10
    assert not last.drop.significant and last.drop.drop < first.drop.interval[0]


def test_a_concept_beside_parts_carries_what_its_parts_carry_together(twins):
    of = twins[FOOLED]
    (row,) = of.ranked.of_class(WOVEN_STAR)
    parts = of.ranked.named[row.part].parts
    assert of.ranked.named == of.named and set(parts) <= set(range(32))
    shares = {part.part: part.share for part in of.audit.of_class(WOVEN_STAR)}
    assert row.significant and row.share == pytest.approx(sum(shares[part] for part in parts))
    assert of.ranked.responding(parts[0]) == ("watermark",)
    assert of.ranked.responding(next(part for part in range(32) if part not in parts)) == ()
    assert bool(of.ranked.failures) == bool(of.audit.n_wrong)


def test_a_part_that_no_photo_of_its_class_has_cannot_be_replaced(made, tmp_path, data, index_service):
    index = made(tmp_path)
    table = index.regions(4, ("part",))
    predicted = index.photos["predicted"].to_numpy()[table["photo_idx"].to_numpy()]
    having = set(zip(predicted.tolist(), table["part"].to_pylist(), strict=True))
    missing = next((c, p) for c in range(7) for p in range(4) if (c, p) not in having)
    asked = ReplaceParts(index.folder, index.key, data, 4, (next(iter(having)), missing))
    with pytest.raises(BadSettings, match=f"has part {missing[1]}. Choose another"):
        index_service.ask(asked).result(240)


def test_parts_are_replaced_alike_whatever_else_is_asked_and_in_single_photos(made, tmp_path, data, index_service):
    index = made(tmp_path)
    class_idx = index.photos["predicted"].to_pylist()[0]
    present = [p for p in range(4) if regions_of_part(index, 4, p, class_idx, 1)]

    def replaced(*parts: int) -> tuple[ReplacedPart, ...]:
        rows = tuple((class_idx, part) for part in parts)
        return index_service.ask(ReplaceParts(index.folder, index.key, data, 4, rows, n_photos=3, n_places=4)).result(240)

    together, alone = replaced(*present), replaced(present[-1])
    assert [found.part for found in together] == present
    assert alone[0].drop.drop == pytest.approx(together[-1].drop.drop) and alone[0].changed == together[-1].changed


def test_a_region_of_a_photo_of_the_index_finds_itself(made, tmp_path, data, index_service):
    index = made(tmp_path)
    shard = pq.read_table(index.region_files[0], filters=[("k", "=", 4)]).to_pylist()
    row = next(row for row in shard if row["n_cells"] > 1)
    mask = unpacked(row["mask"], (row["map_height"], row["map_width"]))
    photo = read_photo_file(data / row["photo"])
    query = index_service.ask(QueryByRegion(index.folder, index.key, photo, region_of(mask))).result(240)
    np.testing.assert_allclose(query, row["activation"], atol=2e-3)  # kept in half precision
    first, *_ = index_service.ask(SearchRegions(index.folder, index.key, 4, query)).result(240)
    assert first.photo == row["photo"] and first.similarity > 0.999 and (first.mask == mask).all()
    whole = index_service.ask(QueryByRegion(index.folder, index.key, photo, None)).result(240)
    assert len(whole) == len(query) and whole != query


def test_what_cannot_be_forbidden_or_searched_is_refused(made, tmp_path, index_service):
    index = made(tmp_path)
    with pytest.raises(BadSettings, match="no part 4"):
        forbidden_things(index, GateSettings(4), (), (4,))
    with pytest.raises(BadSettings, match="where objects are"):
        forbidden_things(index, GateSettings(4, beside=True), (), ())
    with pytest.raises(BadSettings, match="leave --parts and --beside out"):
        forbidden_things(index, GateSettings(4, concepts_beside=True), (), ())
    with pytest.raises(BadSettings, match="6 are needed"):
        index_service.ask(SearchRegions(index.folder, index.key, 4, (1.0,))).result(240)
    verdict = check(index, GateSettings(4), [Forbidden("The concept 'sky'", ())])
    assert verdict.silent == ("The concept 'sky'",) and not verdict.findings


def test_an_audit_is_plain_data(twins):
    audit = twins["scenes-cnn"].audit
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
        index_service.ask(AskAudit(index.folder, index.key, 3)).result(240)


def test_every_question_about_an_index_is_plain_data():
    photo = photo_from_array(np.zeros((8, 8, 3), np.uint8), "black")
    seen, activations = PhotosAtDepth("e", 3, 64, (photo,)), np.ones((4, 2), np.float32)
    space = Space(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    dictionary = Dictionary(space, {2: np.eye(2, dtype=np.float32)}, {2: 1.0})
    asked = [
        ChooseDepth("e", None, 0),
        SampleActivations(seen, 16, 0),
        FitDictionary(DictionarySettings(), "key", activations),
        DescribePhotos(seen, "key", dictionary),
        AskAudit(Path("mine"), "key", 32),
        NameParts(Path("mine"), "key", 32, (), OpenSet(ImageSet("scenes", "random", (), False), ())),
        RankConcepts(Path("mine"), "key", 32, (), OpenSet(ImageSet("scenes", "random", (), False), ())),
        ReplaceParts(Path("mine"), "key", Path("photos"), 32, ((13, 5),)),
        MapRegions(Path("mine"), "key", 32),
        QueryByRegion(Path("mine"), "key", photo, box_region((0, 0, 0.5, 1), (4, 4))),
        QueryByConcept(Path("mine"), "key", *2 * (OpenSet(ImageSet("scenes", "random", (), False), ()),)),
        QueryByWord(Path("mine"), "key", Path("photos"), "sky", "tower"),
        SearchRegions(Path("mine"), "key", 32, (1.0, 0.0)),
    ]
    assert {type(question) for question in asked} == set(INDEX_ANSWERS) - set(TOGETHER_ANSWERS)
    for question in asked:
        again = pickle.loads(pickle.dumps(question))
        assert again == question and hash(again) == hash(question)
        assert str(again.activity) == str(question.activity) and again.urgency == question.urgency
