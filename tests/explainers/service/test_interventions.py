"""The service intervenes: a bundled encoder, plain pictures as concepts, scenes as random counterpart; and the command line."""

import json

import numpy as np
import pytest

from explainers.commands.main import main
from explainers.interventions.settings import InterventionSettings
from explainers.results.explanations import ALL_DEPTHS
from explainers.results.files import as_csv, as_json
from explainers.results.interventions import corrected, with_correction_of
from explainers.results.records import intervention_record
from explainers.results.tables import class_intervention_rows, intervention_rows
from explainers.service.service import ExplainerService
from models.errors import BadSettings, TooFewExamples
from tests.explainers.service.test_concepts import ENCODER, RED_DISC, library, scene  # noqa: F401

SETTINGS = InterventionSettings(depths=(3, 4), class_idx=(RED_DISC, 0), n_null=20, n_fitted=20, n_bootstrap=5)


@pytest.fixture(scope="module")
def service(library):  # noqa: F811
    service = ExplainerService(library=library)
    yield service
    service.close()


def about(library, settings=SETTINGS):  # noqa: F811
    concepts = [library.open_set(name) for name in ("crimson", "azure")]
    return {"concepts": concepts, "random": library.open_set("some scenes", "random"), "settings": settings}


@pytest.fixture(scope="module")
def on_photo(service, library):  # noqa: F811
    return service.intervene(ENCODER, scene(1, class_idx=RED_DISC), **about(library)).result(240)


def test_every_concept_depth_and_class_has_a_curve(on_photo):
    assert [(c.concept, c.depth) for c in on_photo.concepts] == [(n, d) for n in ("crimson", "azure") for d in (3, 4)]
    for c in (*on_photo.concepts, *on_photo.over_depths):
        for row, effect in enumerate(c.effects):
            assert len(effect.logit.curve) == 9
            assert effect.logit.curve[4] == pytest.approx(on_photo.logits[row], abs=1e-4)
            assert effect.probability.curve[4] == pytest.approx(on_photo.probabilities[row], abs=1e-5)
            assert (effect.logit.low <= effect.logit.high).all()


def test_a_red_disc_needs_red_and_not_blue(on_photo):
    crimson, azure = (on_photo.at(name, ALL_DEPTHS).effects[0].logit for name in ("crimson", "azure"))
    assert crimson.drop > 0.2 > azure.drop
    assert crimson.p_value < azure.p_value
    assert crimson.corrected_p_value == pytest.approx(2 * crimson.p_value)  # of two concepts
    assert np.all(np.diff(crimson.curve[:5]) > 0)  # the less is left of it, the lower the logit


def test_at_all_depths_in_one_pass_more_is_taken_than_at_one(on_photo):
    of_depths = [on_photo.at("crimson", depth).effects[0].logit.drop for depth in (3, 4)]
    assert on_photo.at("crimson", ALL_DEPTHS).effects[0].logit.drop > max(of_depths)


def test_the_pass_alone_gives_the_same_and_takes_the_depths_by_rule(service, library, on_photo):  # noqa: F811
    alone = InterventionSettings((3, 4), (RED_DISC,), (0.0,), n_null=20, n_fitted=20, n_bootstrap=5, each_depth=False)
    found = service.intervene(ENCODER, scene(1, class_idx=RED_DISC), **about(library, alone)).result(240)
    whole = on_photo.at("crimson", ALL_DEPTHS).effects[0].logit
    assert found.concepts == () and [c.concept for c in found.over_depths] == ["crimson", "azure"]
    assert found.at("crimson", ALL_DEPTHS).effects[0].logit.drop == pytest.approx(whole.drop, abs=1e-4)
    unnamed = InterventionSettings((), (RED_DISC,), (0.0,), n_null=2, n_fitted=20, n_bootstrap=5, each_depth=False)
    by_rule = service.intervene(ENCODER, scene(1, class_idx=RED_DISC), **about(library, unnamed)).result(240)
    assert by_rule.settings.depths == (2, 3, 4)


def test_strengths_that_are_left_out_change_nothing_of_the_others(service, library, on_photo):  # noqa: F811
    few = InterventionSettings((4,), (RED_DISC,), (0.5,), n_null=20, n_fitted=20, n_bootstrap=5)
    found = service.intervene(ENCODER, scene(1, class_idx=RED_DISC), **about(library, few)).result(240)
    assert found.strengths == (0.0, 0.5, 1.0)
    whole = on_photo.at("crimson", 4).effects[0].logit
    np.testing.assert_allclose(found.at("crimson", 4).effects[0].logit.curve, whole.curve[[0, 2, 4]], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.at("crimson", 4).effects[0].logit.low, whole.low[[0, 2, 4]], rtol=1e-4, atol=1e-4)


def test_the_first_of_many_fitted_pseudo_concepts_are_those_of_a_small_fit(service, library, on_photo):  # noqa: F811
    more = InterventionSettings((4,), (RED_DISC,), n_null=20, n_fitted=40, n_bootstrap=5)
    found = service.intervene(ENCODER, scene(1, class_idx=RED_DISC), **about(library, more)).result(240)
    band = found.at("crimson", 4).effects[0].logit.low
    np.testing.assert_allclose(band, on_photo.at("crimson", 4).effects[0].logit.low, rtol=1e-4, atol=1e-4)


def test_leace_removes_red_too(service, library):  # noqa: F811
    settings = InterventionSettings((4,), (RED_DISC,), (0,), method="leace", n_null=20, n_fitted=20, n_bootstrap=5)
    found = service.intervene(ENCODER, scene(1, class_idx=RED_DISC), **about(library, settings)).result(240)
    assert found.at("crimson", 4).effects[0].logit.drop > abs(found.at("azure", 4).effects[0].logit.drop)


def test_a_class_has_a_mean_drop_with_its_interval(service, library, on_photo):  # noqa: F811
    photos = [scene(n, class_idx=RED_DISC) for n in range(1, 4)]
    settings = InterventionSettings((3, 4), (RED_DISC,), (0.0,), n_null=20, n_fitted=20, n_bootstrap=50)
    found = service.intervene_on_class(ENCODER, photos, **about(library, settings)).result(240)
    crimson = found.at("crimson", 4).effect
    assert crimson.drops[0] == pytest.approx(on_photo.at("crimson", 4).effects[0].logit.drop, abs=1e-3)
    assert crimson.change.drop == pytest.approx(crimson.drops.mean())
    assert crimson.interval[0] <= crimson.change.drop <= crimson.interval[1]
    assert found.at("crimson", ALL_DEPTHS).effect.change.drop > found.at("azure", ALL_DEPTHS).effect.change.drop
    rows = class_intervention_rows(found)
    assert [row["depth"] for row in rows] == [3, 4, 3, 4, "all", "all"] and rows[0]["n_images"] == 3


def test_rows_and_records_hold_every_strength(on_photo):
    rows = intervention_rows(on_photo)
    assert len(rows) == 2 * 2 * 3 * 9 and rows[0]["strength"] == 0.0
    assert len(as_csv(rows).decode().splitlines()) == len(rows) + 1
    record = json.loads(as_json(intervention_record([("a.png", on_photo)])))
    of_first = record["images"][0]["interventions"][0]["effects"][0]
    assert record["schema"] == "encoderscope/intervention/1" and record["settings"]["strengths"][8] == 2
    assert of_first["logit"]["curve"] == pytest.approx(on_photo.concepts[0].effects[0].logit.curve.tolist())


def test_what_makes_no_sense_is_refused_in_a_sentence(service, library):  # noqa: F811
    one_class = InterventionSettings((4,), (1,), n_null=20, n_fitted=20)
    with pytest.raises(TooFewExamples, match="no images of the class"):
        service.intervene_on_class(ENCODER, [], **about(library, one_class)).result(240)
    with pytest.raises(BadSettings, match="exactly one"):
        service.intervene_on_class(ENCODER, [scene(1)], **about(library, SETTINGS)).result(240)
    with pytest.raises(BadSettings, match="no depth 9"):
        service.intervene(ENCODER, scene(1), **about(library, InterventionSettings((9,)))).result(240)
    with pytest.raises(BadSettings, match="strength of 12"):
        service.intervene(ENCODER, scene(1), **about(library, InterventionSettings((4,), (), (12,)))).result(240)


def test_the_command_line_writes_the_same_record(library, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path / "home"))
    from PIL import Image

    photo, broken, out = tmp_path / "a.png", tmp_path / "broken.png", tmp_path / "out.json"
    Image.fromarray(scene(1, class_idx=RED_DISC).pixels).save(photo)
    broken.write_bytes(b"no picture")
    options = [
        "--encoder",
        ENCODER,
        "--depth",
        "4",
        "--concept",
        "red",
        "--class",
        str(RED_DISC),
        "--null",
        "20",
        "--out",
        str(out),
    ]
    assert main(["intervene", str(photo), str(broken), *options, "--strengths", "0.5,2"]) == 1
    assert "broken.png" in capsys.readouterr().err
    record = json.loads(out.read_text())
    assert record["settings"]["strengths"] == [0, 0.5, 1, 2] and list(record["failed"]) == [str(broken)]
    of_photo, of_class = record["images"][0]["interventions"][0], record["global"]["interventions"][0]
    assert of_photo["effects"][0]["logit"]["drop"] == pytest.approx(of_class["mean_drop"], abs=1e-4)
    assert main(["intervene", str(photo), *options, "--strengths", "12"]) == 2


def test_a_correction_is_strictest_while_other_concepts_are_to_come(service, library, on_photo):  # noqa: F811
    alone = corrected([on_photo.at("crimson", 4)], n_to_come=1)[0].effects[0].logit
    assert alone.corrected_p_value == pytest.approx(min(1, 2 * alone.p_value))
    tested = with_correction_of(on_photo.at("crimson", 3), on_photo.at("crimson", 4)).effects[0].logit
    assert tested.corrected_p_value == on_photo.at("crimson", 4).effects[0].logit.corrected_p_value
    assert tested.drop == on_photo.at("crimson", 3).effects[0].logit.drop


def test_pseudo_concepts_that_serve_several_concepts_give_what_they_give_alone(service, library, on_photo):  # noqa: F811
    (azure,) = (concept for concept in about(library)["concepts"] if concept.name == "azure")
    alone = service.intervene(
        ENCODER,
        scene(1, class_idx=RED_DISC),
        concepts=[azure],
        random=library.open_set("some scenes", "random"),
        settings=SETTINGS,
    ).result(240)
    for depth in (3, 4):
        first, second = (found.at("azure", depth).effects[0].logit for found in (alone, on_photo))
        np.testing.assert_allclose(first.curve, second.curve, atol=1e-4)
        np.testing.assert_allclose(first.low, second.low, atol=1e-4)
        assert first.p_value == second.p_value
