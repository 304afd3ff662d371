"""Encoderscope in the browser: page config and navigation, nothing else."""

from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pages.common import access, warm_up
from pages.server import logs

PAGES = {  # address -> title, icon, what the page answers; the first one opens at "/"
    "explore": ("Explore", ":material/layers:", "The parts of a photo that an encoder treats alike."),
    "concepts": ("Concepts", ":material/style:", "Example images, and which encoder knows what they show."),
    "explain": ("Explain", ":material/neurology:", "Where concepts are, and what they contribute."),
    "compare": ("Compare", ":material/compare:", "Two to four encoders on the same photos and the same concepts."),
    "audit": ("Audit", ":material/fact_check:", "What a whole data set rests on, part by part."),
    "study": ("Study", ":material/science:", "What is claimed, measured against truth."),
    "encoders": ("Encoders", ":material/memory:", "What is loaded, and a way in for your checkpoint."),
}

if __name__ != "__main__":  # imported by `streamlit run` before the first visit; every visit runs this file as a script
    PagesManager.uses_pages_directory = False  # or the first visit would meet pages/ as Streamlit's old kind of app
    logs.set_up()
    warm_up.warm_up()
    from pages.server import around  # now that torch is there

    app = st.App(__file__, lifespan=around.lifespan, routes=around.ROUTES, middleware=around.MIDDLEWARE)
else:
    st.set_page_config(
        page_title="Encoderscope",
        page_icon="assets/icon.svg",  # not an emoji or a font icon: the browser would fetch those from the network
        layout="wide",
        initial_sidebar_state="auto",
        menu_items={"About": "**Encoderscope** looks inside frozen vision encoders. Photos stay on the machine that runs it."},
    )
    pages = [
        st.Page(f"pages/{address}/page.py", url_path=address if n else "", default=n == 0, title=title, icon=icon, help=meaning)
        for n, (address, (title, icon, meaning)) in enumerate(PAGES.items())
    ]
    redirect = partial(st.switch_page, pages[0], query_params=st.query_params.to_dict())
    by_name = st.Page(redirect, title=pages[0].title, url_path=next(iter(PAGES)), visibility="hidden")  # links to /explore
    page = st.navigation([*pages, by_name], position="top")
    st.html(Path(__file__).parent / "assets/styles/pages.css")
    with st.container(horizontal=True, key="pages_bar"):  # seen on narrow screens only
        for shown in pages:
            st.page_link(shown)
    access.door()
    page.run()
