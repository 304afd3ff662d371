"""``python -m explainers study``: a study of encoders on scenes, or on images with true masks or boxes, written to a folder.

study.json     everything: what the study states, its sentence, tables, figures, encoders, settings, seconds, versions
<table>.csv    a file per table
"""

import argparse
import sys
from pathlib import Path

from explainers.commands.inputs import picture_files, read
from explainers.commands.run import ALL_DONE, Run, make_folder, require_writable, running_with
from explainers.results.files import write_bytes
from explainers.service import ExplainerService
from explainers.studies.answers import STUDY_ANSWERS
from explainers.studies.records import Report, report_json, report_of, table_csv
from explainers.studies.settings import MAX_PHOTOS, StudySettings, require_valid
from explainers.studies.study import RunStudy, Study
from explainers.studies.table import STUDIES
from explainers.studies.truths import TruePhoto, of_truth
from explainers.truth.objects import Place
from explainers.truth.reading import read_truth_file, truth_file
from models.errors import BadSettings

JSON_NAME = "study.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("study", choices=STUDIES, metavar="NAME", help=f"which study: {', '.join(STUDIES)}")
    parser.add_argument("--encoders", nargs="+", default=(), metavar="NAME_OR_FOLDER", help="default: those of the example")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many, from 0 (default: the example's)")
    parser.add_argument("--photos", type=int, metavar="N", help="how many scenes are rendered (default: the example's)")
    parser.add_argument("--images", nargs="+", type=Path, default=(), metavar="IMAGE", help="image files or folders, not scenes")
    parser.add_argument("--truth", type=Path, metavar="FILE_OR_FOLDER", help="masks or boxes of the images: COCO, VOC or PNG")
    parser.add_argument("--size", type=int, metavar="PX", help="input size in pixels (default: the example's)")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for study.json and the tables")


def run(parsed: argparse.Namespace) -> int:
    """Runs the study and writes what came out; its sentence goes to stdout."""
    study, settings = STUDIES[parsed.study], _settings(parsed)
    photos = true_photos(parsed.images, parsed.truth) if parsed.images else ()
    require_valid(settings, len(photos))
    require_writable(parsed.out / JSON_NAME)
    make_folder(parsed.out)
    with running_with(ExplainerService(more_answers=STUDY_ANSWERS), 1, "study") as work:
        report = _asked(work, RunStudy(study.name, settings, photos))
    write(report, study, parsed.out)
    print(report.findings.sentence, file=sys.stdout)
    return ALL_DONE


def write(report: Report, study: Study, out: Path) -> None:
    """The JSON file and a CSV file per table, into a folder."""
    write_bytes(out / JSON_NAME, report_json(report, study))
    for table in report.findings.tables:
        write_bytes(out / f"{table.name}.csv", table_csv(table))


def true_photos(images: list[Path], truth: Path | None) -> tuple[TruePhoto, ...]:
    """The images with what their files of masks or boxes say; without any, they stand alone."""
    files = picture_files(images)
    if len(files) > MAX_PHOTOS:
        raise BadSettings(f"{len(files)} images were given; a study takes at most {MAX_PHOTOS}.")
    return tuple(_true_photo(path, truth) for path in files)


def _true_photo(path: Path, truth: Path | None) -> TruePhoto:
    photo = read(path)
    if truth is None:
        return TruePhoto(photo)
    return of_truth(photo, read_truth_file(truth_file(truth, path), Place(photo.name, photo.shape, photo.shape)))


def _asked(work: Run, question: RunStudy) -> Report:
    report = report_of(work.answer(question))
    work.image_done()
    return report


def _settings(parsed: argparse.Namespace) -> StudySettings:
    """The example's, as far as nothing else is asked for."""
    example = STUDIES[parsed.study].example
    return StudySettings(
        tuple(parsed.encoders) or example.encoders,
        example.n_scenes if parsed.photos is None else parsed.photos,
        example.n_seeds if parsed.seeds is None else parsed.seeds,
        example.input_size if parsed.size is None else parsed.size,
    )
