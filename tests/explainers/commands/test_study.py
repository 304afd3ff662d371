"""The command ``study``, with a study that takes no time; what it writes, and what it refuses."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.studies import table
from explainers.studies.findings import Column, Findings, Table, measure
from explainers.studies.settings import StudySettings
from explainers.studies.study import Study
from tests.pages.tiny_encoders import CNN, VIT, write_tiny_encoders


@pytest.fixture
def asked_for(monkeypatch, tmp_path) -> list:
    """The questions that the study by hand was asked."""
    questions = []

    def run(question, observatory, progress):
        questions.append(question)
        columns = (Column("encoder", "Encoder"), *measure("n", "Photos", oracle=True))
        return Findings("It is so.", (Table.of("photos", "Photos", columns, [{"encoder": "a", "n": 2, "n_sd": None}]),))

    by_hand = Study("by-hand", "By hand", "One?", "Numbers.", "More.", StudySettings((VIT,)), run, needs="nothing")
    monkeypatch.setitem(table.STUDIES, by_hand.name, by_hand)
    monkeypatch.setenv("ENCODERSCOPE_ENCODERS", str(write_tiny_encoders(tmp_path / "encoders")))
    return questions


def test_json_and_a_csv_file_per_table_are_written_and_the_sentence_is_printed(asked_for, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--encoders", VIT, CNN, "--seeds", "5", "--photos", "2", "--size", "64"]
    assert main(["study", "by-hand", *options, "--out", str(out)]) == 0
    assert capsys.readouterr().out == "It is so.\n"
    (question,) = asked_for
    assert question.settings == StudySettings((VIT, CNN), n_scenes=2, n_seeds=5, input_size=64) and len(question.photos) == 2
    record = json.loads((out / "study.json").read_text())
    assert record["schema"] == "encoderscope/study/1" and record["stated"]["does_not_show"] == "More."
    assert [encoder["name"] for encoder in record["encoders"]] == [VIT, CNN]
    with (out / "photos.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"encoder": "a", "oracle_n": "2", "oracle_n_sd": ""}]


def test_images_come_with_their_true_masks(asked_for, tmp_path):
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:4] = 255
    for folder, pixels in (("in", np.full((8, 8, 3), 90, np.uint8)), ("truth", mask)):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "one.png")
    images = ["--images", str(tmp_path / "in"), "--truth", str(tmp_path / "truth")]
    assert main(["study", "by-hand", *images, "--out", str(tmp_path / "out")]) == 0
    ((true,),) = (question.photos for question in asked_for)
    assert true.photo.name == "one.png" and true.mask[:4].all() and not true.mask[4:].any()


def test_what_makes_no_sense_is_refused_before_anything_is_opened(asked_for, tmp_path, capsys):
    assert main(["study", "by-hand", "--seeds", "0", "--out", str(tmp_path / "out")]) == 2
    assert "0 seeds" in capsys.readouterr().err and not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        main(["study", "unheard-of", "--out", str(tmp_path / "out")])
