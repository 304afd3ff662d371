"""Words on the Concepts page: a switch that says what is missing, and what came out."""

import pytest

from pages.common import towers
from tests.models.text.test_towers import write_tiny_tower
from tests.pages.concepts.test_concepts import concepts, library, one_service, png, sentences, starters  # noqa: F401  fixtures


def test_what_is_missing_is_said_behind_the_switch_and_words_are_judged(concepts, library, tmp_path, monkeypatch):  # noqa: F811
    library.add("many", "random", [(f"{n}.png", png(n, (8 * n, 60, 200 - 8 * n))) for n in range(24)])
    with monkeypatch.context() as without:
        without.setattr(towers, "find_spec", lambda name: None)
        app = concepts()
        app.toggle(key="ask_words").set_value(True).run()
        assert "Words need the package open_clip_torch" in sentences(app)
    pytest.importorskip("open_clip")
    monkeypatch.setattr(towers, "TOWERS", {str(write_tiny_tower(tmp_path / "tiny")): "tiny"})
    app.run()
    box = next(box for box in app.selectbox if box.label == "Photos")
    box.select_index(next(n for n, option in enumerate(box.options) if option.startswith("many")))
    app.text_input(key="words typed").set_value("blue, red")
    next(button for button in app.button if button.label == "Look for them").click().run()
    assert not app.exception and not app.error
    (table,) = [frame.value for frame in app.dataframe if "Map R²" in frame.value.columns]
    assert set(table["Word"]) == {"blue", "red"} and "fitted on 24 photos" in sentences(app)
