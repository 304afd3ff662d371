"""Which depths matter: what is tried, and one run."""

from dataclasses import replace

from explainers.studies.depths import ALL, DEFAULT, NEIGHBOURS, SINGLE, selections
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from tests.pages.hand_made import ENCODER
from tests.pages.tiny_encoders import CNN


def test_every_depth_its_neighbours_and_all_are_tried_once_and_the_default_first():
    depths = tuple(replace(ENCODER.depths[0], idx=idx) for idx in range(3))
    tried = selections(replace(ENCODER, depths=depths, default_depths=(1, 2)))
    assert list(tried.items()) == [
        *(((1, 2), DEFAULT), ((0,), SINGLE), ((1,), SINGLE), ((2,), SINGLE), ((0, 1), NEIGHBOURS)),
        ((0, 1, 2), ALL),
    ]


def test_a_run_has_a_row_for_each_and_names_the_default(service):
    settings = StudySettings((CNN,), n_scenes=1, n_seeds=2, input_size=64)
    result = service.ask(RunStudy("depths", settings)).result(240)
    (table,), (covering, stability) = result.findings.tables, result.findings.figures
    assert [row["depths"] for row in table.rows] == [" + ".join(map(str, depths)) for depths in selections(result.encoder)]
    assert all(0 < row["covering"] <= row["covering_best_fixed"] + 0.5 and row["covering_sd"] is not None for row in table.rows)
    assert covering.series[0].xs == tuple(depth.idx for depth in result.encoder.depths) and len(stability.series) == 2
    assert CNN in result.findings.sentence
