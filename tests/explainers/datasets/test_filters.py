"""Conditions mean the same as a mask and as SQL, and alike regions lie near each other on the map."""

import sqlite3

import numpy as np
import pyarrow as pa
import pytest

from explainers.datasets.filters import Between, OneOf, as_sql, as_text, holding, read_conditions
from explainers.datasets.region_map import places_of

PHOTOS = {
    "name": ["a", "b", "c", "d"],
    "label": ["star", "it's", "star", None],
    "probability": [0.2, 0.4, 0.9, None],
    'odd "name"': [1, 2, 1, 2],
}
REGIONS = [("a", 4, 0, 0.5), ("a", 4, 1, 0.5), ("b", 4, 0, 1.0), ("c", 4, 0, 0.25), ("c", 2, 1, 1.0), ("d", 4, 1, 1.0)]


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ([], "abcd"),
        ([OneOf("label", ("star",))], "ac"),
        ([OneOf("label", ("it's", None))], "bd"),
        ([Between("probability", 0.2, 0.4)], "ab"),
        ([OneOf("label", ("star",)), Between("probability", 0.3, 1)], "c"),
        ([OneOf('odd "name"', (2,))], "bd"),
    ],
)
def test_a_condition_holds_for_the_same_photos_in_sql(conditions, holds):
    table = pa.table(PHOTOS)
    assert "".join(np.array(PHOTOS["name"])[holding(conditions, table)]) == holds
    found = asked(as_sql(conditions, 4))
    expected = {part: {photo for photo, k, p, _ in REGIONS if k == 4 and p == part and photo in holds} for part in (0, 1)}
    assert {row[0]: row[1] for row in found} == {part: len(photos) for part, photos in expected.items() if photos}


def asked(sql: str) -> list[tuple]:
    """The answer of a data base that has the files of an index as tables."""
    with sqlite3.connect(":memory:") as base:
        base.execute('CREATE TABLE photos (name, label, probability, "odd ""name""")')
        base.executemany("INSERT INTO photos VALUES (?, ?, ?, ?)", list(zip(*PHOTOS.values(), strict=True)))
        base.execute("CREATE TABLE regions (photo, k, part, evidence)")
        base.executemany("INSERT INTO regions VALUES (?, ?, ?, ?)", REGIONS)
        return base.execute(sql.replace("'regions/*.parquet'", "regions").replace("'photos/*.parquet'", "photos")).fetchall()


def test_alike_regions_lie_near_each_other_and_the_seed_decides():
    generator = np.random.default_rng(0)
    ways = np.eye(6, dtype=np.float32)[np.repeat(np.arange(3), 20)]
    activations = (ways + 0.05 * generator.normal(size=ways.shape)).astype(np.float32)
    places = places_of(activations, seed=0)
    middles = places.reshape(3, 20, 2).mean(1)
    nearest = np.linalg.norm(places[:, None] - middles[None], axis=2).argmin(1)
    assert (nearest == np.repeat(np.arange(3), 20)).all()
    assert (places == places_of(activations, seed=0)).all()


def test_conditions_go_through_a_link():
    conditions = (OneOf("label", ('a, "b"', None, True, 3)), Between("probability", 0.1, 1 / 3))
    assert read_conditions(as_text(conditions)) == conditions and as_text(()) == "" and read_conditions("") == ()
    for wrong in (
        "[]x",
        "[1]",
        "3",
        '{"a": 3}',
        '{"a": []}',
        '{"a": {"from": 1}}',
        '{"a": [[1]]}',
        '{"a": {"from": "x", "to": 2}}',
        f'{{"a": {{"from": 0, "to": {10**400}}}}}',
        "[" * 10**5,
    ):
        with pytest.raises(ValueError):
            read_conditions(wrong)
