"""One schema for explanations, whoever writes them."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from explainers.results.files import as_json
from explainers.results.records import EXPLANATION_SCHEMA, explanation_record
from explainers.results.tables import local_rows
from explainers.visual_tcav.verdicts import Verdict
from tests.pages.explain.hand_made_explanations import LOCAL, OF_CLASS

SCHEMA = json.loads((Path(__file__).parents[3] / "assets/docs/explanation.schema.json").read_text())


@pytest.mark.parametrize(
    "record",
    [
        explanation_record([("grey.png", LOCAL)]),
        explanation_record([], OF_CLASS),
        explanation_record([("a.png", LOCAL), ("b.png", LOCAL)], OF_CLASS, {"c.png": "is empty"}),
        explanation_record([], None, {"c.png": "is empty"}),
    ],
)
def test_explanations_keep_to_the_schema(record):
    jsonschema.validate(json.loads(as_json(record)), SCHEMA)


def test_the_schema_is_that_of_the_code():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == EXPLANATION_SCHEMA
    assert SCHEMA["$defs"]["cav"]["properties"]["verdict"]["enum"] == [verdict.value for verdict in Verdict]


def test_what_is_doubtful_about_the_images_stands_beside_every_verdict_of_the_concept():
    stripes, other = LOCAL.sets
    doubtful = replace(
        LOCAL,
        sets=(replace(stripes, warnings=("3 images repeat.",)), other),
        random=replace(LOCAL.random, warnings=("2 random images repeat.",)),
    )
    record = json.loads(as_json(explanation_record([("grey.png", doubtful)])))
    jsonschema.validate(record, SCHEMA)
    assert [used["warnings"] for used in record["concept_sets"]] == [["3 images repeat."], []]
    assert record["random_set"]["warnings"] == ["2 random images repeat."]
    told = {c["concept"]: c["cav"]["set_warnings"] for c in record["images"][0]["concepts"]}
    assert told == {stripes.name: ["3 images repeat.", "2 random images repeat."], other.name: ["2 random images repeat."]}
    rows = [row["set_warnings"] for row in local_rows(doubtful) if row["concept"] == stripes.name]
    assert set(rows) == {"3 images repeat. 2 random images repeat."}


def test_what_the_schema_does_not_know_is_seen():
    record = json.loads(as_json(explanation_record([("grey.png", LOCAL)])))
    record["images"][0]["concepts"][0]["value"] = 1.0
    with pytest.raises(jsonschema.ValidationError, match="value"):
        jsonschema.validate(record, SCHEMA)
