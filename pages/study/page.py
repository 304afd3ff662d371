"""Study: what the papers claim, measured against truth, on any encoder. Runs go on when the page is left; results are kept."""

import streamlit as st

from pages.common import frame

top = frame.begin("Study", "What is claimed of these methods, measured against truth, on the encoders of your choice.")
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from pages.common import door, jobs, link
    from pages.study import controls, results, running

link.begin()
catalog = jobs.service().catalog
with notes:
    results.bar()
study = controls.study()
controls.draw_statement(study)
with st.sidebar:
    settings = controls.settings(study, catalog)
    photos, refusals = controls.photos(study)
door.draw_refusals(notes, refusals)
running.draw(study, settings, photos)
results.draw(study)
door.draw_link_notes(notes, photo_is_private=photos.are_private)
link.write()
