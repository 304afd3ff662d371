"""Compare: two to four encoders on the same photos and the same concepts. What does this one see that the other does not?"""

import streamlit as st

st.title("Compare", anchor=False)
st.caption("What does one encoder see that another does not? The same photos and the same concepts, side by side.")
notes = st.container()
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from dataclasses import replace

    from pages.common import compare_controls, compare_maps, compare_panes, jobs, link, photos, views
    from pages.common.compare_controls import MAPS, N_ENCODERS, PAIRS

link.begin()
service = jobs.service()
pair = compare_controls.pair(service.catalog)
with st.sidebar:
    names = compare_controls.encoders(service.catalog)
    photo, refusals = photos.choose()
    settings = compare_controls.common_settings()
views.refusals(notes, refusals)
if pair is not None:
    st.caption(PAIRS[pair].look_for)
if len(names) < N_ENCODERS[0]:
    views.nothing_yet("Choose at least two encoders in the sidebar, or one of the pairs above.")
if photo is None:
    views.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")

openings = compare_panes.open_all(service, names)
with st.sidebar, st.expander("Depths", key="depths of each"):
    chosen = {o.place: compare_controls.depths(o.place, o.info) for o in openings if o.info}
settings_of = {place: replace(settings, depths=depths) for place, depths in chosen.items()}
section = compare_controls.section()
if section == MAPS:
    compare_maps.draw(service, photo, openings, settings_of)
views.link_notes(notes, photos.is_private())
link.write()
