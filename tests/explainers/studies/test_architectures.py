"""How architectures shape clusters: the sentence by hand, and one run."""

from explainers.studies import architectures
from explainers.studies.random_twins import RANDOM
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from tests.pages.tiny_encoders import VIT


def test_what_was_not_expected_is_said_first():
    rows = {
        name: {"position_dependence": told, "position_dependence_sd": 0.01}
        for name, told in (("cnn", 0.2), ("vit", 0.5), ("shy", 0.21))
    }
    families = {"cnn": "CNN", "vit": "Transformer", "shy": "Transformer"}
    said = architectures._sentence(rows, families)
    assert said.startswith("Position tells no more of a transformer's clusters than of others': shy 0.21")
    assert said.index("shy") < said.index("vit 0.50")
    assert "cnn 0.20" in architectures._sentence({"cnn": rows["cnn"]}, {"cnn": "CNN"})


def test_a_run_has_every_size_and_random_weights(service):
    question = RunStudy("architectures", StudySettings((VIT,), n_scenes=4, n_seeds=2, input_size=64))
    findings = service.ask(question).result(240).findings
    (table,) = findings.tables
    encoders = [VIT, f"{VIT}, {RANDOM}"]
    assert {(row["encoder"], row["input_size"]) for row in table.rows} == {(e, s) for e in encoders for s in (32, 64, 96)}
    assert all(0 < row["region_area"] <= 1 and 0 <= row["border"] < 1 and row["position_dependence"] <= 1 for row in table.rows)
    grids = {row["input_size"]: row["grid"] for row in table.rows if row["encoder"] == VIT}
    assert grids[96] >= grids[64] and all(figure.series[0].xs for figure in findings.figures)
