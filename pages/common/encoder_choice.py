"""Which encoder is looked into: one of the catalog, or any name that timm knows."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from models.catalog.catalog import Catalog, CatalogEntry
from models.catalog.packaged import LITE0
from models.errors import EncoderscopeError
from pages.common import link
from pages.common.text import escaped

PREFERRED_ENCODER = LITE0.name
STATES = {
    "packaged": "in a Python package on this machine",
    "bundled": "comes with Encoderscope",
    "on disk": "on this machine",
    "needs download": "downloaded on first use",
}


def choose(catalog: Catalog) -> str | None:
    """Draws the choice of an encoder; its catalog name, None if there is none at all.

    The list always shows the encoder whose picture is on the page; looking through others starts nothing.
    """
    entries = catalog.entries()
    name = link.settle("encoder", _default_encoder(entries), lambda name: is_known(catalog, name), kind=str)
    if name is None:
        return None
    link.name("encoder")
    titles = {entry.name: _short_facts(entry) for entry in entries}
    if name not in titles:
        titles[name] = _short_facts(catalog.entry(name))
    st.session_state["pick"] = name
    st.selectbox(
        "Encoder",
        list(titles),
        format_func=titles.__getitem__,
        key="pick",
        on_change=_choose,
        args=("pick",),
        help="The frozen network to look into. Type to search. An arrow ↓ means that its weights are fetched on first use.",
    )
    with st.expander("Search every timm model", key="every timm model"):
        _search(catalog)
    return name


def is_known(catalog: Catalog, name: str | None) -> bool:
    """Whether a page may open it: a link must not reach into the folders of the machine that runs the dashboard."""
    if not name or (name != Path(name).name and not name.startswith("hf-hub:")):
        return False
    try:
        catalog.entry(name)
    except EncoderscopeError:
        return False
    return True


def in_short(count: int) -> str:
    """A number of parameters in three digits or so."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def _default_encoder(entries: Sequence[CatalogEntry]) -> str | None:
    """One that opens without a network, if there is any."""
    names = [entry.name for entry in sorted(entries, key=lambda entry: entry.state == "needs download")]
    return PREFERRED_ENCODER if PREFERRED_ENCODER in names else next(iter(names), None)


def _short_facts(entry: CatalogEntry) -> str:
    """An encoder's title, how large it is, and an arrow if its weights are not here yet: what fits into the sidebar."""
    size = [] if entry.n_parameters is None else [in_short(entry.n_parameters)]
    return " · ".join([entry.title, *size, *(["↓"] if entry.state == "needs download" else [])])


def _search(catalog: Catalog) -> None:
    """Draws a search field over every timm name, and the names that match."""
    query = st.text_input(
        "Search",
        key="search",
        placeholder="resnet, dinov2, swin …",
        persist_state="session",
        help="Part of a model's name in timm; several words narrow the search.",
    )
    matches = catalog.search(query or "")
    if not matches:
        st.caption(escaped(f"No timm model goes by “{query}”."))
    st.session_state["match"] = None
    st.selectbox(
        "Matches",
        matches,
        key="match",
        on_change=_choose,
        args=("match",),
        placeholder="Choose one …",
        help="Choosing one fetches its weights, unless they are on this machine.",
    )


def _choose(key: str) -> None:
    if st.session_state[key] is not None:
        st.session_state["encoder"] = st.session_state[key]
