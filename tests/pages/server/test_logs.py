"""Lines for machines name nothing that belongs to somebody."""

import json
import logging

import pytest

from pages.server import logs


@pytest.fixture
def ours():
    """Our own loggers, as they were before."""
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in logs.OURS]
    yield
    for logger, severity in before:
        logger.handlers.clear()
        logger.setLevel(severity)
        logger.propagate = True


def defect():
    try:
        raise ValueError("/home/ada/secret.jpg")
    except ValueError:
        logging.getLogger("explainers.runtime").exception("Defect while %s", "segmenting", extra={"facts": {"request": "3f2a"}})


def test_json_has_the_facts_and_the_places_but_no_text_of_an_exception(ours, monkeypatch, capsys):
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "json")
    logs.set_up()
    defect()
    said = capsys.readouterr().err
    line = json.loads(said)
    assert (line["severity"], line["event"], line["request"]) == ("error", "Defect while segmenting", "3f2a")
    assert line["exception"] == "ValueError" and "test_logs.py" in line["at"][0]
    assert "secret" not in said


def test_text_is_for_people_and_has_all(ours, capsys):
    logs.set_up()
    defect()
    said = capsys.readouterr().err
    assert "Defect while segmenting request=3f2a" in said and "secret.jpg" in said


@pytest.mark.parametrize(("named", "n_lines"), [("info", 1), ("error", 0), ("", 0), ("rubbish", 0)])
def test_the_environment_says_from_which_severity_on(ours, monkeypatch, capsys, named, n_lines):
    monkeypatch.setenv(logs.SEVERITY_VARIABLE, named)
    logs.set_up()
    logging.getLogger("pages").info("Ended")
    assert len(capsys.readouterr().err.splitlines()) == n_lines
