"""The encoders that come along, with where their weights are from and under which licence."""

import streamlit as st

from models.catalog import Catalog
from models.catalog.packaged import PACKAGED
from pages.common.encoder_choice import in_short
from pages.common.text import escaped


def draw(catalog: Catalog) -> None:
    """Every packaged and bundled encoder in two lines, the bundled ones with their model cards."""
    st.header("Supplied encoders", anchor=False, help="They open without a network. Every page lists them.")
    with st.grid(2, min_column_width=340):
        for entry in catalog.entries():
            if entry.state not in ("packaged", "bundled"):
                continue
            package = PACKAGED.get(entry.name)
            source = f"Python package {package.requirement}" if package else "bundled with Encoderscope"
            size = [f"{in_short(entry.n_parameters)} parameters"] if entry.n_parameters else []
            facts = " · ".join([source, f"licence {entry.licence}", *size])
            with st.container(border=True):
                st.markdown(f"**{escaped(entry.title)}** `{entry.name}`  \n:small[{escaped(facts)}]")
                card = catalog.card(entry.name)
                if card:
                    with st.expander("Model card"):
                        st.markdown(card)
