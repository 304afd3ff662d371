"""What a study is, how it is asked for, and what it answers.

Study         a row of the table: what it states, and what runs it
RunStudy      the question: which study, with which settings, on which photos
StudyResult   the answer: findings with one provenance
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from explainers.results.provenance import Result, provenance_of
from explainers.runtime.scheduler import Activity
from explainers.runtime.worker import Urgency
from explainers.service.observatory import Observatory
from explainers.service.questions import Question
from explainers.studies.findings import Findings, renamed
from explainers.studies.settings import StudySettings, require_valid
from explainers.studies.truths import Need, TruePhoto, require, true_scenes
from models.progress import Progress, with_estimate

_ONE_SEED = "One seed has no spread: every difference counts here, however small."


@dataclass(frozen=True, eq=False)
class StudyResult(Result[StudySettings]):
    """What a study came to."""

    study: str
    findings: Findings


@dataclass(frozen=True)
class RunStudy(Question[StudyResult]):
    """A study of some encoders, on photos whose truth is given, or on scenes that are rendered if none are."""

    study: str
    settings: StudySettings
    photos: tuple[TruePhoto, ...] = ()

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("running", f"the study '{self.study}'", self.settings.encoders[0] if self.settings.encoders else "")


Run = Callable[[RunStudy, Observatory, Progress], Findings]


@dataclass(frozen=True)
class Study:
    """A study, as page, command line and documents know it."""

    name: str  # in links, files and on the command line
    title: str
    question: str
    measure: str
    does_not_show: str
    example: StudySettings  # takes at most a minute
    run: Run  # its photos are there when it is called, and its settings are valid
    needs: Need = "regions"
    scenes_only: bool = False  # it renders scenes itself, from ``settings.n_scenes``


def run_study(study: Study, question: RunStudy, observatory: Observatory, progress: Progress) -> StudyResult:
    """The answer of a study; raises BadSettings where settings or photos do not allow it."""
    settings = question.settings
    require_valid(settings, len(question.photos))
    photos = () if study.scenes_only else question.photos or true_scenes(settings.n_scenes)
    require(photos, study.needs)
    infos = [observatory.encoder(name, progress).info for name in settings.encoders]
    started = time.perf_counter()
    findings = study.run(replace(question, photos=photos), observatory, with_estimate(progress))
    findings = renamed(findings, settings.short_names)
    if settings.n_seeds == 1:
        findings = replace(findings, sentence=f"{findings.sentence} {_ONE_SEED}")
    seconds = {"study": time.perf_counter() - started}
    provenance = provenance_of(infos[0], [true.photo for true in photos], settings, seconds)
    return StudyResult(replace(provenance, beside=tuple(infos[1:])), study.name, findings)
