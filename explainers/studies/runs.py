"""Studies that a process carries on (explainers/service/runs.py): encoders are opened, the study asked for, its result kept."""

from collections.abc import Hashable

from explainers.service.questions import OpenEncoder
from explainers.service.runs import Run, Runs
from explainers.service.service import ExplainerService
from explainers.studies.kept import Kept, KeptStudies
from explainers.studies.study import RunStudy
from explainers.studies.table import STUDIES

MAX_RUNS = 5  # of one owner, at a time


class StudyRuns(Runs[Kept]):
    """The studies of a process."""

    def __init__(self, service: ExplainerService, kept: KeptStudies):
        super().__init__(service, "studies")
        self._kept = kept

    def start(self, question: RunStudy, owner: Hashable) -> Run[Kept]:
        """Starts a study, or gives back the owner's run of the same question; raises TooManyRuns for one too many."""

        def work(run: Run[Kept], service: ExplainerService) -> Kept:
            for name in question.settings.encoders:  # weights are fetched elsewhere than in the worker
                run.answer(service, OpenEncoder(name))
            return self._kept.keep(run.answer(service, question))

        title = STUDIES[question.study].title if question.study in STUDIES else question.study
        return self.carry_on(work, title=title, about=(owner, question), owner=owner, most=MAX_RUNS)
