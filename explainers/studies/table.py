"""Every study: one row each, in the order in which they are offered."""

from explainers.studies import alignment, architectures, tokens, training
from explainers.studies.study import Study
from models.errors import BadSettings

STUDIES: dict[str, Study] = {study.name: study for study in (alignment.STUDY, training.STUDY, architectures.STUDY, tokens.STUDY)}


def study_named(name: str) -> Study:
    """The study of that name; raises BadSettings where there is none."""
    if name not in STUDIES:
        raise BadSettings(f"There is no study '{name}'. Choose one of: {', '.join(STUDIES)}.")
    return STUDIES[name]
