"""The service explains: a bundled encoder, a handful of plain pictures as concepts, scenes as random counterpart."""

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.integrated_gradients import path
from explainers.library.library import ConceptLibrary
from explainers.library.regions import region_of
from explainers.library.sets import Example
from explainers.results.explanations import ALL_DEPTHS
from explainers.service import concepts as explaining
from explainers.service.questions import CheckConcepts, ExplainPhoto
from explainers.service.service import ExplainerService
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import holm
from models.errors import BadSettings, TooFewExamples
from models.photo import photo_from_array
from models.progress import Progress
from models.scenes.scenes import CLASS_NAMES, SceneOptions, render, sample_scene

ENCODER = "scenes-cnn"
RED_DISC = CLASS_NAMES.index("red plain disc")
SETTINGS = ExplainSettings(depths=(3, 4), class_idx=(RED_DISC, 0), n_steps=10, n_null=20, n_bootstrap=5)


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def plain(rgb, n: int) -> list[tuple[str, bytes]]:
    rng = np.random.default_rng(0)
    return [(f"{i}.png", png(np.clip(np.full((64, 64, 3), rgb) + rng.normal(0, 12, 3), 0, 255))) for i in range(n)]


def scene(seed: int, **options):
    return photo_from_array(render(sample_scene(30_000_000 + seed, SceneOptions(**options))).image, f"scene {seed}")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> ConceptLibrary:
    library = ConceptLibrary(tmp_path_factory.mktemp("library"), starters=None)
    library.add("crimson", "concept", plain((205, 35, 30), 12))
    library.add("azure", "concept", plain((35, 70, 205), 12))
    scenes = (render(sample_scene(31_000_000 + seed)).image for seed in range(30))
    library.add("some scenes", "random", [(f"{n}.png", png(image)) for n, image in enumerate(scenes)])
    return library


@pytest.fixture(scope="module")
def service(library):
    service = ExplainerService(library=library)
    yield service
    service.close()


def asked(library, *names):
    concepts = tuple(library.open_set(name) for name in names)
    return {"concepts": concepts, "random": library.open_set("some scenes", "random")}


@pytest.fixture(scope="module")
def explanation(service, library):
    return service.explain(
        ENCODER,
        scene(1, class_idx=RED_DISC),
        **asked(library, "crimson", "azure"),
        settings=SETTINGS,
    ).result()


def test_every_concept_depth_and_class_is_answered(explanation):
    assert [(c.concept, c.depth) for c in explanation.concepts] == [("crimson", 3), ("crimson", 4), ("azure", 3), ("azure", 4)]
    assert explanation.class_names == (CLASS_NAMES[RED_DISC], CLASS_NAMES[0])
    for found in explanation.concepts:
        assert len(found.estimates) == 2 and found.concept_map.min() >= 0 and found.concept_map.max() <= 1
        for figure in found.estimates:
            assert 0 <= figure.value <= 1 and 1 / 21 <= figure.p_value <= figure.corrected_p_value <= 1


def test_no_attribution_exceeds_the_share_of_its_class(explanation):
    shares = {facts.depth: facts.class_shares for facts in explanation.depths}
    for found in explanation.concepts:
        assert all(f.value <= share + 1e-6 for f, share in zip(found.estimates, shares[found.depth], strict=True))


def test_over_all_depths_figures_are_means_and_corrected_for_the_concepts_alone(explanation):
    for row in (0, 1):
        together = [explanation.estimates_at(name, ALL_DEPTHS)[row] for name in ("crimson", "azure")]
        for name, figure in zip(("crimson", "azure"), together, strict=True):
            of_depths = [explanation.estimates_at(name, depth)[row] for depth in (3, 4)]
            for value in ("value", "negative", "null_mean"):
                assert getattr(figure, value) == pytest.approx(np.mean([getattr(f, value) for f in of_depths]), abs=1e-9)
            assert figure.interval[0] <= figure.value <= max(f.interval[1] for f in of_depths)
        assert [f.corrected_p_value for f in together] == list(holm([f.p_value for f in together]))


def test_the_deepest_depth_is_shown_first_and_no_star_is_taken_back(service, library, explanation):
    """What is shown on the way is the whole explanation but for the depths to come, which p-values are corrected for already."""
    photo, seen = scene(1, class_idx=RED_DISC), []
    about = asked(library, "crimson", "azure")
    question = ExplainPhoto(ENCODER, photo, about["concepts"], about["random"], SETTINGS)
    explaining.explain_photo(question, service.observatory, Progress(show=seen.append))
    (first,) = seen
    assert [facts.depth for facts in first.depths] == [4] and first.over_depths == ()
    assert [facts.depth for facts in explanation.depths] == [3, 4] and first.class_names == explanation.class_names
    for name in ("crimson", "azure"):
        np.testing.assert_array_equal(first.at(name, 4).concept_map, explanation.at(name, 4).concept_map)
        for before, after in zip(first.at(name, 4).estimates, explanation.at(name, 4).estimates, strict=True):
            assert (before.value, before.p_value) == (after.value, after.p_value)
            assert before.corrected_p_value >= after.corrected_p_value
    p_values = [c.estimates[0].p_value for c in first.concepts]
    assert [c.estimates[0].corrected_p_value for c in first.concepts] == list(holm(p_values, n_to_come=2))


def test_red_speaks_for_the_red_disc_more_than_blue_does(explanation):
    crimson, azure = (max(explanation.at(name, d).estimates[0].value for d in (3, 4)) for name in ("crimson", "azure"))
    assert crimson > azure


def test_the_same_again_is_there_at_once_and_under_its_new_name(service, library, explanation):
    photo = replace(scene(1, class_idx=RED_DISC), name="renamed")
    job = service.explain(
        ENCODER,
        photo,
        **asked(library, "crimson", "azure"),
        settings=SETTINGS,
    )
    assert job.done and job.result().photo_name == "renamed"
    assert job.result().concepts[0].estimates == explanation.concepts[0].estimates


def test_another_process_finds_the_cavs_on_disk(library, explanation, monkeypatch):
    monkeypatch.setattr("explainers.service.cavs.fit_concepts", lambda *_: pytest.fail("fitted again"))
    other = ExplainerService(library=library)
    again = other.explain(ENCODER, scene(1, class_idx=RED_DISC), **asked(library, "crimson", "azure"), settings=SETTINGS).result()
    other.close()
    assert [f.value for f in again.concepts[0].estimates] == pytest.approx([f.value for f in explanation.concepts[0].estimates])
    assert again.concepts[1].health == explanation.concepts[1].health


def test_replacing_an_image_changes_the_result(service, library, explanation):
    """And undoing it brings the old one back."""
    image_set = library.get("crimson")
    library.add("crimson", "concept", [("green.png", png(np.full((64, 64, 3), (30, 200, 40))))])
    before = library.remove("crimson", "concept", [image_set.images[0].sha256])
    changed = service.explain(
        ENCODER,
        scene(1, class_idx=RED_DISC),
        **asked(library, "crimson", "azure"),
        settings=SETTINGS,
    ).result()
    assert changed.at("crimson", 3).cav_norm != explanation.at("crimson", 3).cav_norm
    assert changed.at("azure", 3).cav_norm == explanation.at("azure", 3).cav_norm
    library.restore(before)
    library.restore(image_set)


def test_regions_of_the_images_are_another_concept_with_cavs_of_its_own(service, library):
    """Two halves of every image, which is looked at once for both."""
    left = np.arange(8)[None].repeat(8, 0) < 4
    halves = [Example(f"{n}.png", data, region_of(side)) for n, (_, data) in enumerate(halved(6)) for side in (left, ~left)]
    library.add_examples("halves", "concept", halves)
    library.add("both", "concept", halved(6))
    report = service.check_concepts(ENCODER, **asked(library, "halves", "both"), settings=SETTINGS).result()
    halves, whole = report.at("halves", 3), report.at("both", 3)
    assert halves.responses.shape == (12,) and whole.responses.shape == (6,)
    assert report.sets[0].fingerprint != report.sets[1].fingerprint and report.sets[0].warnings == ()
    assert np.abs(halves.responses[::2] - halves.responses[1::2]).min() > 0.01  # red halves and blue ones
    np.testing.assert_allclose(halves.vector, whole.vector, rtol=1e-3, atol=1e-4)  # two halves are the whole
    library.delete("halves", "concept")
    library.delete("both", "concept")


def halved(n: int) -> list[tuple[str, bytes]]:
    """Images that are red on the left and blue on the right, each a little differently."""
    rng, files = np.random.default_rng(1), []
    for name in range(n):
        pixels = np.full((64, 64, 3), (205, 35, 30)) + rng.normal(0, 12, 3)
        pixels[:, 32:] = np.array((35, 70, 205)) + rng.normal(0, 12, 3)
        files.append((f"{name}.png", png(pixels.clip(0, 255))))
    return files


def test_a_class_over_many_images_is_made_of_its_images(service, library):
    photos = [scene(seed, class_idx=RED_DISC) for seed in range(3)]
    settings = replace(SETTINGS, class_idx=(RED_DISC,))
    question = asked(library, "crimson")
    together = service.explain_class(ENCODER, photos, **question, settings=settings).result()
    alone = [service.explain(ENCODER, photo, **question, settings=settings).result() for photo in photos]
    values = [explanation.at("crimson", 4).estimates[0].value for explanation in alone]
    np.testing.assert_allclose(together.at("crimson", 4).estimate.values, values, rtol=1e-4, atol=1e-7)
    assert together.at("crimson", 4).estimate.mean == pytest.approx(np.mean(values), rel=1e-4)
    assert together.photo_names == tuple(photo.name for photo in photos)
    over_depths = together.estimate_at("crimson", ALL_DEPTHS)
    np.testing.assert_allclose(over_depths.values, np.mean([together.at("crimson", d).estimate.values for d in (3, 4)], axis=0))
    assert over_depths.mean == pytest.approx(np.mean([together.at("crimson", d).estimate.mean for d in (3, 4)]))


def test_health_at_every_depth_without_a_class(service, library):
    report = service.check_concepts(
        ENCODER,
        **asked(library, "crimson", "azure"),
        settings=replace(SETTINGS, depths=()),
    ).result()
    assert report.depths == (0, 1, 2, 3, 4)
    assert report.at("crimson", 4).health.auc > 0.9 and len(report.at("crimson", 4).responses) == 12
    similarity = report.similarity(4)
    np.testing.assert_allclose(np.diag(similarity), 1, rtol=1e-5)
    assert similarity[0, 1] < 0.99
    low, high = report.at("crimson", 4).chance
    assert -1 < low < 0 < high < 1 and report.at_hand == ("crimson", "azure")


def test_what_is_on_disk_is_shown_before_the_rest_is_fitted(service, library):
    settings, shown = replace(SETTINGS, depths=(4,), seed=7), []
    service.check_concepts(ENCODER, **asked(library, "crimson"), settings=settings).result()
    question = CheckConcepts(ENCODER, **asked(library, "crimson", "azure"), settings=settings)
    whole = explaining.check_concepts(question, service.observatory, Progress(show=shown.append))
    assert [report.at_hand for report in shown] == [("crimson",)] and whole.at_hand == ("crimson", "azure")
    np.testing.assert_array_equal(shown[0].at("crimson", 4).vector, whole.at("crimson", 4).vector)


def test_refusals(service, library):
    question = asked(library, "crimson")
    with pytest.raises(BadSettings, match="no class 99"):
        service.explain(ENCODER, scene(1), **question, settings=replace(SETTINGS, class_idx=(99,))).result()
    with pytest.raises(BadSettings, match="no depth 9"):
        service.explain(ENCODER, scene(1), **question, settings=replace(SETTINGS, depths=(9,))).result()
    with pytest.raises(TooFewExamples, match="No concept"):
        service.explain(ENCODER, scene(1), concepts=[], random=question["random"], settings=SETTINGS).result()
    with pytest.raises(BadSettings, match="exactly one"):
        service.explain_class(ENCODER, [scene(1)], **question, settings=SETTINGS).result()
    with pytest.raises(TooFewExamples, match="images of the class"):
        service.explain_class(ENCODER, [], **question, settings=replace(SETTINGS, class_idx=(0,))).result()


def test_an_encoder_without_classifier_is_refused_with_the_way_out(explanation):
    with pytest.raises(BadSettings, match=r"no classifier.*NAVE"):
        explaining.require_valid(SETTINGS, replace(explanation.encoder, has_classifier=False))


def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path / "home"))
    for folder, files in {"red": plain((205, 35, 30), 10), "random": plain((120, 120, 120), 12)}.items():
        (tmp_path / folder).mkdir()
        for name, data in files:
            (tmp_path / folder / name).write_bytes(data)
    (tmp_path / "photo.png").write_bytes(png(scene(5, class_idx=RED_DISC).pixels))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "made" / "out.json"
    images = [str(tmp_path / name) for name in ("photo.png", "broken.png")]
    sets = ["--concept", str(tmp_path / "red"), "--random", str(tmp_path / "random")]
    numbers = ["--depth", "4", "--class", str(RED_DISC), "--steps", "5", "--null", "20"]
    status = main(["attribute", *images, "--encoder", ENCODER, *sets, *numbers, "--out", str(out)])
    assert status == 1 and "broken.png" in capsys.readouterr().err
    record = json.loads(out.read_text())
    (image,), (over_class,) = record["images"], record["global"]["concepts"]
    figure = image["concepts"][0]["attributions"][0]
    assert figure["class_idx"] == RED_DISC and 0 <= figure["attribution"] <= 1 and figure["p_value"] > 0
    assert {"concept_emblem", "random_emblem", "norm", "auc"} <= image["concepts"][0]["cav"].keys()
    assert over_class["mean"] == pytest.approx(figure["attribution"], rel=1e-4) and over_class["std"] == 0
    assert image["over_depths"][0]["attributions"][0]["attribution"] == figure["attribution"]  # of a single depth
    assert record["global"]["over_depths"][0]["mean"] == over_class["mean"]
    assert record["encoder"]["name"] == ENCODER and list(record["failed"]) == [str(tmp_path / "broken.png")]


@pytest.mark.parametrize("fine", [True, False])
def test_an_attribution_that_does_not_add_up_is_complained_about(tmp_path, capsys, monkeypatch, fine):
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path / "home"))
    if not fine:
        monkeypatch.setattr(path, "MAX_POINTS", 2)
    (tmp_path / "photo.png").write_bytes(png(scene(5, class_idx=RED_DISC).pixels))
    numbers = ["--depth", "1", "--class", str(RED_DISC), "--steps", "1", "--null", "20"]
    asked = ["attribute", str(tmp_path / "photo.png"), "--encoder", ENCODER, "--concept", "striped", *numbers]
    assert main([*asked, "--out", str(tmp_path / "out.json")]) == 0
    (facts,) = json.loads((tmp_path / "out.json").read_text())["images"][0]["depths"]
    adds_up = facts["completeness_gaps"][0] <= 0.05 * abs(facts["logit_changes"][0])
    assert adds_up is fine and ("completeness gap" in capsys.readouterr().err) is not fine


def test_the_shallowest_depth_is_attributed_and_adds_up(service, library):
    settings = replace(SETTINGS, depths=(0,), n_steps=20, input_size=64)
    explanation = service.explain(ENCODER, scene(1, class_idx=RED_DISC), **asked(library, "crimson"), settings=settings).result()
    (facts,) = explanation.depths
    crimson = explanation.at("crimson", 0)
    assert facts.depth == 0 and abs(facts.logit_changes[0]) > 0.1
    assert facts.completeness_gaps[0] < 0.2 * abs(facts.logit_changes[0])  # a wrong head would leave any gap
    assert crimson.concept_map.max() > 0 and 0 <= crimson.estimates[0].value <= facts.class_shares[0] + 1e-6


def test_repeats_and_overlap_stand_beside_the_verdicts_and_on_stderr(service, library, tmp_path, capsys):
    shared = [photo.pixels for photo in library.open_set("some scenes", "random").photos[:10]]
    again = BytesIO()
    Image.fromarray(shared[0]).save(again, "JPEG", quality=90)
    library.add(
        "doubtful", "concept", [*((f"{n}.png", png(pixels)) for n, pixels in enumerate(shared)), ("again.jpg", again.getvalue())]
    )
    report = service.check_concepts(
        ENCODER, **asked(library, "doubtful", "crimson"), settings=replace(SETTINGS, depths=(3,))
    ).result()
    repeat, shared_ones = report.sets[0].warnings
    assert "'again.jpg' (like '0.png')" in repeat and "11 images of 'doubtful' are also in the random counterpart" in shared_ones
    assert report.warnings_of("doubtful") == (repeat, shared_ones) and repeat not in report.warnings_of("crimson")
    folder = tmp_path / "doubtful"
    folder.mkdir()
    for n, pixels in enumerate(shared):
        (folder / f"{n}.png").write_bytes(png(pixels))
    (folder / "again.jpg").write_bytes(again.getvalue())
    random = tmp_path / "scenes"
    random.mkdir()
    for n, photo in enumerate(library.open_set("some scenes", "random").photos):
        (random / f"{n}.png").write_bytes(png(photo.pixels))
    command = [
        "attribute",
        str(folder / "0.png"),
        "--encoder",
        ENCODER,
        "--depth",
        "3",
        "--concept",
        str(folder),
        "--random",
        str(random),
    ]
    assert main([*command, "--null", "20", "--steps", "5", "--out", str(tmp_path / "out.json")]) == 0
    told = capsys.readouterr().err
    assert told.count("shows the same picture as another") == 1 and told.count("also in the random counterpart") == 1
    record = json.loads((tmp_path / "out.json").read_text())
    assert len(record["images"][0]["concepts"][0]["cav"]["set_warnings"]) == 2
