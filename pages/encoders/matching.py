"""A checkpoint's tensors beside those that its architecture needs."""

import json
from typing import Any

import pandas as pd
import streamlit as st

from explainers.service.questions import MatchCheckpoint
from models.catalog.checkpoints import Checkpoint, CheckpointMatch
from pages.common import jobs
from pages.common.text import escaped

_ROWS_IN_VIEW = 8


def of_checkpoint(checkpoint: Checkpoint, config: dict[str, Any]) -> CheckpointMatch:
    """Which tensors fit a configuration and which do not; no value is read."""
    return jobs.answer_or_stop("match", MatchCheckpoint(checkpoint, json.dumps(config, sort_keys=True)))


def draw(matched: CheckpointMatch) -> None:
    """Whether everything fits, else what does not."""
    n, architecture = matched.n_fitting, escaped(matched.architecture)
    if matched.fits:
        without = f", once “{escaped(matched.prefix)}” is taken off their names" if matched.prefix else ""
        st.success(f"All {n} tensors fit {architecture}{without}.", icon=":material/check_circle:")
        return
    n_bad = len(matched.mismatches)
    they = "1 tensor does" if n_bad == 1 else f"{n_bad} tensors do"
    st.error(f"{they} not fit {architecture}, {n} fit. {matched.hint}", icon=":material/rule:")
    st.dataframe(
        mismatch_table(matched),
        hide_index=True,
        height="content" if n_bad <= _ROWS_IN_VIEW else 320,
        alt="Tensors that do not fit",
    )


def mismatch_table(matched: CheckpointMatch) -> pd.DataFrame:
    """One row per tensor that does not fit, in the order of the network."""
    return pd.DataFrame(
        {
            "Tensor": [mismatch.name for mismatch in matched.mismatches],
            "In the file": [_shape(mismatch.stored, "missing") for mismatch in matched.mismatches],
            "Needed": [_shape(mismatch.needed, "no such tensor") for mismatch in matched.mismatches],
        }
    )


def _shape(shape: tuple[int, ...] | None, absent: str) -> str:
    return absent if shape is None else " × ".join(map(str, shape)) or "a single value"
