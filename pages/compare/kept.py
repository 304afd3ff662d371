"""What the sections have shown of a comparison, for the downloads."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

_KEPT, _KEPT_OF = "compare.kept", "compare.kept of"


@dataclass(frozen=True)
class Kept:
    """A table with the charts and pictures that belong to it."""

    rows: tuple[dict[str, Any], ...]
    figures: tuple[go.Figure, ...] = ()
    pictures: tuple[tuple[np.ndarray, str], ...] = ()  # (H, W, 3) each, with captions


def keep(name: str, rows: Sequence[dict], figures: Sequence[go.Figure] = (), pictures: Sequence = ()) -> None:
    """Remembers what is shown under a name, as long as the same encoders are compared on the same photo."""
    st.session_state.setdefault(_KEPT, {})[name] = Kept(tuple(rows), tuple(figures), tuple(pictures))


def kept(of: Hashable) -> dict[str, Kept]:
    """Everything that has been shown of this comparison, by name."""
    if st.session_state.get(_KEPT_OF) != of:
        st.session_state[_KEPT], st.session_state[_KEPT_OF] = {}, of
    return st.session_state.setdefault(_KEPT, {})
