"""The link: everything that decides the picture, in the address bar.

A control calls `settle` just before its widget. The widget then starts from what the link asks for, if that is possible
here, else from its default; a wish that cannot be met is remembered as one sentence. A value at its default follows the
default when that changes (another photo, another suggestion), unless the link asked for just that value. `write` puts every
settled value that is not its default back into the address bar, so that the address is always a link to what is on the screen.
Streamlit's own bind="query-params" would put the labels of options into the link, and drop bad values without a word.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.common import thread

Value = TypeVar("Value", bound=str | int | float | bool | list | None)

_SETTLED = "link.settled"  # the keys of this run's controls; only these are written
_DEFAULTS = "link.defaults"  # key -> the default it had last
_WISHES = "link.wishes"  # key -> text, what the address asks for and no control has read yet
_GRANTED = "link.granted"  # the keys whose value the address asked for: they do not follow their default
_WRITTEN = "link.written"  # the address as last written; another one means the user went back or forward
_COMPLAINTS = "link.complaints"
_NAMED = "link.named"  # the keys whose value stands in the address even at its default
_PAGE = "link.page"  # the page of the last run
_OURS = "link.ours"  # whether the page itself asked for the run that comes next
_TURNED = "link.turned"  # whether this session has ever gone from one page to another
_RUN = "link.run"  # how often a page of this session has run as a whole


def begin() -> None:
    """At the top of a page: reads the address, on the first run and whenever the user moved through the history.

    Another page starts with a bare address, which asks for nothing: what was chosen so far is kept. The browser may report
    that address a run or two after the page has turned, so from the first turn on a bare address is never a wish.
    """
    state, page = st.session_state, current_page()
    state[_RUN] = run() + 1
    address = st.query_params.to_dict()
    thread.resume(page, address)
    state[_TURNED] = state.get(_TURNED, False) or page != state.get(_PAGE, page)
    state[_PAGE] = page
    if state[_TURNED] and not address:
        state[_WRITTEN] = address
    ours = state.pop(_OURS, False)
    if not ours and address != state.get(_WRITTEN):
        for key in state.get(_SETTLED, ()):
            state.pop(key, None)
        state[_WISHES], state[_WRITTEN], state[_GRANTED] = dict(address), address, set()
    state.setdefault(_DEFAULTS, {})
    state[_SETTLED], state[_NAMED] = [], set()
    if not ours:  # a run that the user has not asked for must not wipe away what the user has hardly read
        state[_COMPLAINTS] = []


def rerun() -> NoReturn:
    """Runs the whole page again, from inside it. Such a run begins with the address as the browser last reported it, which may
    be older than what was written meanwhile, so it asks for nothing."""
    st.session_state[_OURS] = True
    st.rerun()


def run() -> int:
    """The number of the present run of the page; what only a fragment of it runs belongs to the run before."""
    return st.session_state.get(_RUN, 0)


def session_id() -> str:
    """Under which Streamlit keeps this page while it is open."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def current_page() -> str:
    """Which page is running. Not by its address, which is still that of the page before when a page is turned."""
    context = get_script_run_ctx()
    return context.pages_manager.current_page_script_hash if context else ""


def settle(
    key: str,
    default: Value,
    possible: Callable[[Value], bool] = lambda value: True,
    word: str | None = None,
    kind: Callable[[str], Any] | None = None,
) -> Value:
    """The value the widget ``key`` is about to show, left in the session state; ``word`` is what people call it."""
    state, defaults = st.session_state, st.session_state[_DEFAULTS]
    wish = state[_WISHES].pop(key, None)
    if wish is not None:
        state[key] = _granted(key, wish, default, possible, word or key, kind or type(default))
    elif key not in state or not possible(state[key]) or (state[key] == defaults.get(key) and key not in state[_GRANTED]):
        state[key] = default
        state[_GRANTED].discard(key)
    else:
        state[key] = state[key]  # the same control on another page is a new widget, which takes only what was set in this run
    defaults[key] = default
    state[_SETTLED].append(key)
    return state[key]


def _granted(
    key: str, wish: str, default: Value, possible: Callable[[Value], bool], word: str, kind: Callable[[str], Any] | type[Any]
) -> Value:
    try:
        value = read(wish, kind)
    except ValueError:
        value = None
    if value is not None and possible(value):
        st.session_state[_GRANTED].add(key)
        return value
    complain(f"The link asks for {word} “{wish[:60]}”, which is not possible here; the default is shown instead.")
    return default


def complain(sentence: str) -> None:
    """Adds to what the page says about the link it was opened with."""
    st.session_state[_COMPLAINTS].append(sentence)


def complaints() -> str:
    """What the link asked for in vain, as one text; empty if there was nothing."""
    return " ".join(st.session_state[_COMPLAINTS])


def imply(key: str, value: str) -> None:
    """The address counts as asking for this value too, unless it asks for another one."""
    st.session_state[_WISHES].setdefault(key, value)


def decline(key: str, sentence: str) -> None:
    """What the address asks for as ``key`` cannot be had; the sentence says so."""
    if st.session_state[_WISHES].pop(key, None) is not None:
        complain(sentence)


def wish(key: str) -> str | None:
    """What the address asks for as ``key``, as long as no control has read it."""
    return st.session_state[_WISHES].get(key)


def leave_out(key: str) -> None:
    """This value means nothing to anyone else, so the link is silent about it."""
    st.session_state[_SETTLED].remove(key)


def name(key: str) -> None:
    """This value stands in the address even at its default."""
    st.session_state[_NAMED].add(key)


def is_chosen(key: str) -> bool:
    """Whether somebody chose this value, by hand or by a link; False where it is only what a page begins with, or not there."""
    state = st.session_state
    return key in state and (key in state[_GRANTED] or state[key] != state[_DEFAULTS].get(key))


def write() -> None:
    """The address bar shows the settled values; a value at its default is left out, unless it is to be named."""
    state, defaults = st.session_state, st.session_state[_DEFAULTS]
    address = {key: show(state[key]) for key in state[_SETTLED] if state[key] != defaults[key] or key in state[_NAMED]}
    if address != state[_WRITTEN]:
        st.query_params.from_dict(address)
        state[_WRITTEN] = address
    thread.remember(current_page(), address)


def read(text: str, kind: Callable[[str], Any] | type[Any]) -> Any:
    """What `show` wrote, as a value of ``kind``; ValueError if it is not one."""
    if kind is bool and text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    if kind is list:
        return sorted({int(part) for part in text.split(",")})
    return bool(int(text)) if kind is bool else kind(text)


def show(value: Value) -> str:
    """A value as it stands in the link."""
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
