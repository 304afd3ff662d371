"""What is looked at: which index, how many parts, which class and which part."""

from pathlib import Path

import streamlit as st

from explainers.datasets import kept
from explainers.datasets.findings import Audit
from explainers.datasets.index import MANIFEST, Index, open_index
from models.errors import EncoderscopeError
from pages.audit.rows import standing_out
from pages.common import choices, link
from pages.common.text import escaped

FRESH = "audit.fresh"  # in the session: an index that was made just now, to be shown by the next run
_K_HELP = "How many parts all photos are divided into. Fewer are coarser; what several of them agree on is hardly an accident."


@st.cache_resource(show_spinner=False, max_entries=8)
def _opened(folder: Path, written_ns: int) -> Index:
    """The index in a folder, as it was written at that time."""
    return open_index(folder)


def index() -> Index | None:
    """Draws the choice of an index; None where there is none yet, or the chosen one cannot be read."""
    folders = kept.index_folders()
    if not folders:
        return None
    if (fresh := st.session_state.pop(FRESH, None)) in folders:
        st.session_state["index"] = fresh
    link.settle("index", next(iter(folders)), folders.__contains__, word="index", kind=str)
    name = st.selectbox("Index", list(folders), key="index", persist_state="session", help="What is kept of a data set.")
    try:
        return _opened(folders[name], (folders[name] / MANIFEST).stat().st_mtime_ns)
    except (EncoderscopeError, OSError) as refusal:
        st.error(escaped(str(refusal)), icon=":material/error:")
        return None


def n_parts(index: Index) -> int:
    """Draws the choice of k."""
    link.settle("k", index.middle_k, index.ks.__contains__, word="number of parts")
    return choices.among("Parts", "k", {k: str(k) for k in index.ks}, _K_HELP)


def class_idx(audit: Audit) -> int:
    """Draws the choice of a class; at first the one in which most stands out."""
    first = next((row.class_idx for row in standing_out(audit)), audit.tested[0])
    link.settle("class", first, audit.tested.__contains__, word="class")
    return st.selectbox(
        "Class",
        audit.tested,
        format_func=audit.class_names.__getitem__,
        key="class",
        persist_state="session",
        help="Photos that are predicted as this class, beside all others.",
    )


def part(audit: Audit, of_class: int) -> int:
    """Draws the choice of a part; at first the one that carries most for the class."""
    ranked = [row.part for row in audit.of_class(of_class)]
    link.settle("part", ranked[0], ranked.__contains__)
    return st.selectbox(
        "Part", ranked, format_func="Part {}".format, key="part", help="The parts of the table, those that carry most first."
    )
