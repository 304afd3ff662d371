"""Which encoder is looked into: by how it was trained, or by searching every name that timm knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from models.catalog.catalog import Catalog, CatalogEntry
from models.catalog.packaged import LITE0
from models.errors import EncoderscopeError
from pages.common import link
from pages.common.text import escaped

PREFERRED_ENCODER = LITE0.name
SEARCH = "Every timm model"  # the group behind the search; the others are the catalog's
STATES = {
    "packaged": "in a Python package on this machine",
    "bundled": "comes with Encoderscope",
    "on disk": "on this machine",
    "needs download": "downloaded on first use",
}

_Groups = Mapping[str, Sequence[CatalogEntry]]


def choose(catalog: Catalog) -> str | None:
    """Draws the choice of an encoder; its catalog name, None if there is none at all."""
    entries = catalog.entries()
    name = link.settle("encoder", _default_encoder(entries), lambda name: is_known(catalog, name), kind=str)
    if name is None:
        return None
    groups: dict[str, list[CatalogEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.training, []).append(entry)
    _keep_group_in_step(groups, catalog.entry(name))
    group = st.selectbox(
        "How it was trained",
        [*groups, SEARCH],
        key="training",
        persist_state="session",
        help="Encoders learn to see in different ways. Choosing another group starts nothing yet.",
    )
    _pick(name, _search(catalog) if group == SEARCH else {entry.name: _short_facts(entry) for entry in groups[group]})
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


def _keep_group_in_step(groups: _Groups, chosen: CatalogEntry) -> None:
    """Shows the chosen encoder's group whenever another encoder was chosen, by hand or by a link."""
    if st.session_state.get("training.of") != chosen.name:
        listed = chosen.name in (entry.name for entry in groups.get(chosen.training, ()))
        st.session_state["training"] = chosen.training if listed else SEARCH
        st.session_state["training.of"] = chosen.name


def _short_facts(entry: CatalogEntry) -> str:
    """An encoder's title, how large it is, and an arrow if its weights are not here yet."""
    size = [] if entry.n_parameters is None else [in_short(entry.n_parameters)]
    return " · ".join([entry.title, *size, *(["↓"] if entry.state == "needs download" else [])])


def _search(catalog: Catalog) -> dict[str, str]:
    """Draws a search field over every timm name; the names that match."""
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
    return {name: name for name in matches}


def _pick(chosen: str, titles: Mapping[str, str]) -> None:
    """Draws the choice among some encoders; the chosen one need not be among them."""
    st.session_state["pick"] = chosen if chosen in titles else None
    st.selectbox(
        "Encoder",
        list(titles),
        index=None,
        format_func=titles.__getitem__,
        key="pick",
        on_change=_choose_picked,
        placeholder="Choose one …",
        help="The frozen network to look into. An arrow ↓ means that its weights are fetched on first use.",
    )


def _choose_picked() -> None:
    if st.session_state["pick"] is not None:
        st.session_state["encoder"] = st.session_state["pick"]
