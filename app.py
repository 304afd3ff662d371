"""Encoderscope in the browser: page config and navigation, nothing else."""

import streamlit as st

PAGES = [
    st.Page(
        "pages/explore.py", title="Explore", icon=":material/layers:", help="The parts of a photo that an encoder treats alike."
    ),
    st.Page(
        "pages/concepts.py",
        title="Concepts",
        icon=":material/style:",
        help="Example images, and which encoder knows what they show.",
    ),
    st.Page(
        "pages/explain.py", title="Explain", icon=":material/neurology:", help="Where concepts are, and what they contribute."
    ),
    st.Page(
        "pages/compare.py",
        title="Compare",
        icon=":material/compare:",
        help="Two to four encoders on the same photos and the same concepts.",
    ),
]

st.set_page_config(
    page_title="Encoderscope",
    page_icon="assets/icon.svg",  # not an emoji or a font icon: the browser would fetch those from the network
    layout="wide",
    initial_sidebar_state="auto",
    menu_items={"About": "**Encoderscope** looks inside frozen vision encoders. Photos stay on the machine that runs it."},
)
st.navigation(PAGES, position="top").run()
