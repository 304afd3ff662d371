"""Compare: two to four encoders on the same photos and the same concepts. What does this one see that the other does not?"""

import streamlit as st

st.title("Compare", anchor=False)
st.caption("What does one encoder see that another does not? The same photos and the same concepts, side by side.")
notes = st.container()
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from dataclasses import replace

    from pages.common import door, jobs, link, photos
    from pages.compare import concepts as compare_concepts
    from pages.compare import controls as compare_controls
    from pages.compare import maps as compare_maps
    from pages.compare import panes as compare_panes
    from pages.compare import report as compare_report
    from pages.compare import sets as compare_figures
    from pages.compare.controls import AGREEMENT, CONCEPTS, COST, DEPTHS, MAPS, N_ENCODERS, PAIRS, VIEWS

link.begin()
service = jobs.service()
pair = compare_controls.pair(service.catalog)
if pair is not None:
    st.caption(PAIRS[pair].look_for)
section = compare_controls.section()
with st.sidebar:
    names = compare_controls.encoders(service.catalog)
    photo, refusals = photos.choose()
    settings = None if section == CONCEPTS else compare_controls.common_settings()
door.refusals(notes, refusals)
if len(names) < N_ENCODERS[0]:
    door.nothing_yet("Choose at least two encoders in the sidebar, or one of the pairs above.")
if photo is None:
    door.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")

openings = compare_panes.open_all(service, names)
settings_of = {}
if settings is not None:
    with st.sidebar, st.expander("Depths", key="depths of each"):
        settings_of = {o.place: replace(settings, depths=compare_controls.depths(o.place, o.info)) for o in openings if o.info}
compare_panes.give_up({view for views_of in VIEWS.values() for view in views_of} - set(VIEWS[section]))
kept = compare_panes.kept((names, photo.sha256))
if section == MAPS:
    compare_maps.draw(service, photo, openings, settings_of)
elif section == AGREEMENT:
    compare_figures.draw_agreement(service, photo, openings, settings_of)
elif section == DEPTHS:
    compare_figures.draw_depths(service, openings, settings.input_size)
elif section == CONCEPTS:
    with door.refusals_told(), st.sidebar:
        question, refusals = compare_concepts.question(service.library, openings, PAIRS.get(pair))
    door.refusals(notes, refusals)
    if question is None:
        door.nothing_yet("Choose at least one concept in the sidebar. The Concepts page makes new ones from your own images.")
    compare_concepts.draw(service, photo, openings, question)
elif section == COST:
    compare_figures.draw_cost(service, photo, openings, settings_of)
compare_report.draw(photo, openings, settings or question.settings, section, kept)
door.link_notes(notes, photos.is_private())
link.write()
