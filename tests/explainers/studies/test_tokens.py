"""Artefact tokens: planted ones are counted, lie where they were planted, and are taken out again."""

import numpy as np
import pytest
import torch

from explainers.studies import tokens
from explainers.studies.random_twins import RANDOM
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from explainers.studies.tokens import AS_IS, TAKEN_OUT
from explainers.studies.truths import TruePhoto
from models.photo import photo_from_array
from tests.pages.tiny_encoders import VIT


def test_variation_under_a_position_is_that_of_its_pixels():
    picture = np.zeros((4, 8, 3))
    picture[:2, 4:] = [[[9.0] * 3, [1.0] * 3] * 2, [[9.0] * 3, [1.0] * 3] * 2]
    assert tokens.variation(picture, (2, 2)).tolist() == [[0, 4], [0, 0]]


def test_outliers_on_plain_places_have_a_plainness_below_one():
    picture = np.random.default_rng(0).integers(255, size=(8, 8, 3)).astype(np.uint8)
    picture[:4, :4] = 7
    plain = np.array([[True, False], [False, False]])
    assert tokens.plainness([picture], [plain]) == 0
    assert tokens.plainness([picture], [np.zeros((2, 2), bool)]) is None


def planted():
    """Maps of two photos at one depth, with one token far out in the first."""
    maps = [[torch.randn(8, 12, 12, generator=torch.Generator().manual_seed(n))] for n in range(2)]
    maps[0][0][:, 2, 3] *= 40
    return maps


def test_a_planted_token_is_counted_where_it_is():
    (norms,) = tokens.norms_of(planted())
    assert np.argwhere(norms.outliers(0)).tolist() == [[2, 3]] and not norms.outliers(1).any()
    grey = TruePhoto(photo_from_array(np.zeros((48, 48, 3), np.uint8), "grey"))
    (row,) = tokens._norm_rows([norms], [grey, grey])
    assert row["outliers"] == pytest.approx(1 / 288) and row["largest"] > 20 and row["plainness"] is None


def test_taking_outliers_out_is_reported_as_better_or_worse_only_where_clear():
    def rows(before, after, sd):
        return [
            {"encoder": "e", "maps": maps, "covering": value, "covering_sd": sd}
            for maps, value in ((AS_IS, before), (TAKEN_OUT, after))
        ]

    assert "improves" in tokens._changed("e", rows(0.4, 0.5, 0.01)) and "harms" in tokens._changed("e", rows(0.5, 0.4, 0.01))
    assert "not change" in tokens._changed("e", rows(0.4, 0.41, 0.01)) and tokens._changed("e", rows(None, None, None)) == ""


def test_a_run_shows_norms_clusters_histogram_and_map(service):
    question = RunStudy("tokens", StudySettings((VIT,), n_scenes=2, n_seeds=2, input_size=64))
    findings = service.ask(question).result(240).findings
    norms, clusters = findings.tables
    assert {row["encoder"] for row in norms.rows} == {VIT, f"{VIT}, {RANDOM}"}
    assert [row["maps"] for row in clusters.rows] == [AS_IS, TAKEN_OUT]
    assert clusters.rows[0]["alike"] is None and 0 <= clusters.rows[1]["alike"] <= 1
    histogram, norm_map = findings.figures
    assert all(sum(series.ys) == pytest.approx(1) for series in histogram.series)
    assert norm_map.kind == "map" and len({len(row.ys) for row in norm_map.series}) == 1
    assert VIT in findings.sentence
