"""What the service is given on top of its own table of answers, so that it answers studies as well."""

from explainers.service.answers import Answer
from explainers.service.observatory import Observatory
from explainers.studies.study import RunStudy, StudyResult, run_study
from explainers.studies.table import study_named
from models.progress import Progress


def answer_study(question: RunStudy, observatory: Observatory, progress: Progress) -> StudyResult:
    """The result of the study of that name."""
    return run_study(study_named(question.study), question, observatory, progress)


STUDY_ANSWERS: dict[type, Answer] = {RunStudy: answer_study}
