"""A page for the browser tests: three encoders' views of one photo, driven by one slider. Maps made by hand."""

import numpy as np
import streamlit as st
from sklearn.datasets import load_sample_image

from models.photo import photo_from_array
from pages.common.live_view.live_view import Controls, Cover, Pane, Waiting, live_view

st.set_page_config(layout="wide")
photo = photo_from_array(load_sample_image("china.jpg"), "china")
rows, columns = np.mgrid[:160, :240]
stripes = np.stack([(columns * k // 240).astype(np.uint8) for k in (2, 4, 8)])  # k upright stripes of equal width
floors = np.stack([(rows * k // 160).astype(np.uint8) for k in (2, 4)])
swapped = ((1, 0), (1, 0, 3, 2), (3, 2, 1, 0))  # per number of regions; the last two show the same map

st.title("Side by side", anchor=False)
wanted = st.select_slider("Number of regions", [10, 15, 40], key="regions")
opacity = st.slider("Opacity", 0, 100, 55, key="opacity")
outlines = st.toggle("Outlines", value=True, key="outlines")
selected = st.session_state.setdefault("selected", {})


def select(pane: str, clusters: tuple[int, ...]) -> None:
    st.session_state["selected"][pane] = clusters


panes = [
    Pane("upright", photo, stripes, at=(0, 1, 2), alt="Upright", title="Upright", selected=selected.get("upright", ())),
    Pane("flat", photo, floors, at=(0, 1, 1), alt="Flat", title="Flat", colours=swapped, selected=selected.get("flat", ())),
    Waiting("late", photo, "Late", "Waits until the others are done."),
]
follow = {"frame": "regions", "opacity": "opacity", "outlines": "outlines"}
together = st.checkbox("Several photos")
live_view("panes", panes, [10, 15, 40], wanted, Cover(opacity / 100, outlines), Controls(follow, select, together))
st.text(f"selected: {selected}")
