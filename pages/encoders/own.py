"""The encoders that came through the dashboard: shown when they join, listed, deleted, and brought back."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from explainers.service.service import ExplainerService
from models.catalog.admission import Admission
from models.catalog.local_dir import folders_in
from models.catalog.own_encoders import Removed
from models.errors import EncoderscopeError
from pages.common import access, link
from pages.common.encoder_choice import in_short
from pages.common.ledger import Ledger
from pages.common.text import escaped

EXPLORE = "pages/explore/page.py"
_SAMPLE_HELP = "The most probable class of the sample photo “Flower”, and its probability. It need not know flowers."
_LEDGER = Ledger("own", "encoders")
fresh = _LEDGER.fresh


@dataclass(frozen=True)
class Change:
    """What was done, and what undoes it."""

    sentence: str
    undone: str = ""  # the sentence once it is undone
    added: str = ""  # deleted when undone
    removed: Removed | None = None  # restored when undone
    admission: Admission | None = None


# --- shown, and undone --------------------------------------------------------------------------------------------------


def bar(service: ExplainerService) -> None:
    """The last change with its undo, and what the self-check says of the newest encoder."""
    change = _LEDGER.last()
    if change is None:
        return
    undo = partial(_undo, service, change) if change.added or change.removed else None
    with st.container(border=True, key="change"):
        more = partial(_explore_link, change.added) if change.added else lambda: None
        _LEDGER.draw(change, undo, "Reverts this change.", more)
        if change.admission is not None:
            _checked(change.admission)


def _checked(admission: Admission) -> None:
    """The self-check in four numbers, and why attribution does not work from some depths."""
    check = admission.check
    n_depths = len(check.depths)
    with st.grid(4, min_column_width=130):
        name, probability = (
            (check.class_name, f"{100 * check.probability:.0f} %") if check.class_name else ("no classifier", None)
        )
        st.metric("The sample flower is", name, probability, delta_color="off", delta_arrow="off", help=_SAMPLE_HELP)
        st.metric("Finite feature maps", f"{n_depths} of {n_depths} depths", help="Every depth gave finite activations.")
        usable = f"{check.n_cut_points} of {n_depths} depths"
        st.metric("Attribution from", usable, help="Depths whose activation alone decides the classes.")
        st.metric("The check took", f"{check.seconds:.1f} s", help="Building it not included.")
    if admission.prefix:
        st.caption(escaped(f"Every tensor's name began with “{admission.prefix}”, as wrappers leave it; that was taken off."))
    for reason in dict.fromkeys(depth.refusal for depth in check.depths if depth.refusal):
        st.caption(escaped(reason))


def _undo(service: ExplainerService, change: Change) -> None:
    if change.added:
        service.delete_encoder(change.added)
    if change.removed is not None:
        service.catalog.own.restore(change.removed)


def show_added(admission: Admission) -> None:
    """Draws the page anew with the encoder in it, and an empty form."""
    name = admission.check.encoder.name
    added, undone = f"'{name}' was added.", f"'{name}' was removed again."
    if admission.replaced is not None:
        added, undone = f"'{name}' was added and replaced the previous version.", f"The previous version of '{name}' is back."
    _LEDGER.made(Change(added, undone, name, admission.replaced, admission))
    link.rerun()


# --- listed, and deleted --------------------------------------------------------------------------------------------------


def draw(service: ExplainerService) -> None:
    """Every own encoder, with the ways to open and to delete it."""
    st.header(
        "Your own encoders",
        anchor=False,
        help="Uploaded below or placed in the folder ENCODERSCOPE_ENCODERS. Everyone who uses this dashboard sees them.",
    )
    uploaded = service.catalog.own.names()
    in_folder = (
        [name for name in folders_in(folder) if name not in uploaded] if (folder := service.catalog.encoder_folder) else []
    )
    if not uploaded and not in_folder:
        st.caption("There is none yet. Upload a checkpoint below, and it appears here and in every list of encoders.")
    with st.grid(2, min_column_width=340):
        for name in (*uploaded, *in_folder):
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                _row(service, name, can_be_deleted=name in uploaded)


def _row(service: ExplainerService, name: str, *, can_be_deleted: bool) -> None:
    try:
        entry = service.catalog.entry(name)
    except EncoderscopeError as error:
        st.markdown(f"**{escaped(name)}**  \n:small[{escaped(str(error))}]", width="stretch")
    else:
        size = f"{in_short(entry.n_parameters)} parameters" if entry.n_parameters else "unknown size"
        facts = [entry.architecture, size, f"{entry.input_size} px", "classifier" if entry.has_classifier else "no classifier"]
        facts += [] if can_be_deleted else ["in the folder of this server"]
        st.markdown(f"**{escaped(name)}**  \n:small[{escaped(' · '.join(facts))}]", width="stretch")
        _explore_link(name)
    if not can_be_deleted:
        return
    st.button(
        "Delete",
        key=f"delete {name}",
        icon=":material/delete:",
        help="Takes it out of the catalog for everybody. It can be undone for a day.",
        disabled=not access.may("encoders"),
        on_click=_delete,
        args=(service, name),
    )


def _explore_link(name: str) -> None:
    st.page_link(
        EXPLORE,
        label="Explore",
        icon=":material/layers:",
        query_params={"encoder": name},
        help=escaped(f"Opens '{name}' on the Explore page."),
    )


def _delete(service: ExplainerService, name: str) -> None:
    try:
        access.require("encoders")
        removed = service.delete_encoder(name)
    except EncoderscopeError as error:
        _LEDGER.show(Change(str(error)))
    else:
        _LEDGER.made(Change(f"'{name}' was deleted.", f"'{name}' was restored.", removed=removed))
