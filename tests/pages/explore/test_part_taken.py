"""A part of a photo is taken away on Explore, without a browser."""

from functools import partial

import pytest

from explainers.interventions.settings import RegionSettings
from explainers.service.photo_questions import ReplaceRegion
from pages.explore import part_taken
from tests.pages.explore.test_explore import sentences
from tests.pages.tiny_encoders import NO_CLASSES


@pytest.fixture
def asked(service, monkeypatch) -> list[ReplaceRegion]:
    """What is asked about regions from now on, with few other places."""
    monkeypatch.setattr(part_taken, "RegionSettings", partial(RegionSettings, strengths=(0.0,)))
    monkeypatch.setattr(part_taken, "N_PLACES", 3)
    questions, ask = [], service.ask

    def asking(question, view):
        questions.extend([question] if isinstance(question, ReplaceRegion) else [])
        return ask(question, view)

    monkeypatch.setattr(service, "ask", asking)
    return questions


def test_a_selected_cluster_is_taken_away_with_one_click(explore, asked):
    app = explore(k="3")
    app.toggle("part").set_value(True).run()
    assert not app.exception and not asked and "Nothing is selected" in sentences(app)
    app.get_by_key("only").set_value([1]).run()
    assert not app.exception and not app.error and "3 other places" in sentences(app)
    first = asked[-1]
    assert app.query_params["part"] == "1" and 0 < first.region.area < 1 and first.settings.filling == "surroundings"
    app.get_by_key("part_filling").set_value("other").run()
    assert asked[-1].settings.filling == "other" and asked[-1].other.name != first.photo.name
    app.get_by_key("only").set_value([0, 1, 2]).run()
    assert not app.exception and "nothing would be left" in sentences(app)


def test_a_pinned_region_is_taken_away_by_its_link(explore, asked):
    app = explore(show="similar", at="0.5,0.5", part="1")
    assert not app.exception and not app.error and 0 < asked[-1].region.area < 1
    assert "3 other places" in sentences(app)


def test_without_classes_there_is_nothing_to_switch_on(explore, asked):
    app = explore(encoder=NO_CLASSES, part="1", only="0")
    assert not app.exception and app.toggle("part").disabled and not asked
