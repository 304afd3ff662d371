"""Parts replaced in photos of the class, and the classes predicted anew: whether a part matters, beside what it carries."""

import streamlit as st

from explainers.datasets.findings import Audit, ReplacedPart
from explainers.datasets.index import Index
from explainers.datasets.originals import originals_of
from explainers.datasets.questions import ReplaceParts
from models.errors import EncoderscopeError
from pages.audit.rows import top_parts
from pages.common import jobs, link
from pages.common.text import escaped

_HELP = (
    "Each of the first parts is replaced by the mean activation of what surrounds it, in photos that are predicted as the class "
    "and have the part, and the rest of the network answers anew. Beside it: the same shape at other places of the same photos. "
    "It needs the photos themselves, and some seconds."
)


def asked(index: Index, audit: Audit, class_idx: int) -> tuple[ReplacedPart, ...]:
    """Draws the switch; what was found of the first parts of the class while it is on."""
    link.settle("replace", default=False, word="replacing parts")
    if not st.toggle("Replace the first parts, and predict anew", key="replace", persist_state="session", help=_HELP):
        return ()
    try:
        data = originals_of(index).data
    except EncoderscopeError as refusal:
        st.warning(escaped(str(refusal)), icon=":material/no_photography:")
        return ()
    rows = tuple((class_idx, row.part) for row in top_parts(audit, class_idx))
    return jobs.answer_or_stop("audit causes", ReplaceParts(index.folder, index.key, data, audit.k, rows))
