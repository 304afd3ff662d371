"""The choice between a few named ways, part of the link."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import streamlit as st

from pages.common import link

Way = TypeVar("Way", bound=str)


def choose(
    label: str,
    key: str,
    names: Mapping[Way, str],
    meaning: str,
    *,
    word: str | None = None,
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> Way:
    """Draws the choice; ``names`` has what each way is called, and the first is the default.

    ``meaning`` says on hover what it is about, ``word`` is what people call it.
    """
    link.settle(key, next(iter(names)), names.__contains__, word=word, kind=str)
    return among(label, key, names, meaning, label_visibility=label_visibility)


def among(
    label: str,
    key: str,
    names: Mapping[Any, str],
    meaning: str,
    *,
    label_visibility: Literal["visible", "collapsed"] = "visible",
) -> Any:
    """Draws the choice between a few values by their names, whose key is settled already; the value chosen."""
    chosen = st.segmented_control(
        label,
        list(names),
        format_func=names.__getitem__,
        key=key,
        required=True,
        persist_state="session",
        label_visibility=label_visibility,
        help=meaning,
    )
    return st.session_state[key] if chosen is None else chosen  # a way is always chosen, which Streamlit's types do not say
