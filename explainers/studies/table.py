"""Every study: one row each, in the order in which they are offered."""

from explainers.studies import (
    alignment,
    architectures,
    clever_hans,
    depths,
    few_labels,
    part_classifier,
    repeat,
    sanity,
    suggestion,
    tags,
    tokens,
    training,
    validity,
)
from explainers.studies.study import Study
from models.errors import BadSettings

_MODULES = (
    *(alignment, suggestion, depths, training, architectures, clever_hans, tags, tokens, validity, sanity, repeat),
    *(few_labels, part_classifier),
)
STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}


def study_named(name: str) -> Study:
    """The study of that name; raises BadSettings where there is none."""
    if name not in STUDIES:
        raise BadSettings(f"There is no study '{name}'. Choose one of: {', '.join(STUDIES)}.")
    return STUDIES[name]
