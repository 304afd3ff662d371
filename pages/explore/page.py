"""Explore: which parts of one photo does one encoder treat alike? NAVE, with a live slider for the granularity."""

import streamlit as st

st.title("Encoderscope", anchor=False)
st.caption("Which parts of a photo does a frozen vision encoder treat alike? Drag the granularity and see.")
notes = st.container()
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from explainers.service.questions import Classify, OpenEncoder, Segment
    from pages.common import controls, door, jobs, link, photo_set, photos
    from pages.explore import look, set_views, views

link.begin()
service = jobs.service()
with st.sidebar:
    several = photo_set.is_wanted()
    chosen, refusals = photo_set.choose_or_upload() if several else photos.choose()
    encoder_name = controls.encoder(service.catalog)
    facts = st.empty()
door.refusals(notes, refusals)
if not chosen:
    door.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")
if encoder_name is None:
    door.nothing_yet("No encoder is at hand. Set ENCODERSCOPE_ENCODERS to a folder of encoders, and start again.")

entry = service.catalog.entry(encoder_name)
door.encoder_facts(facts, entry)
opening = jobs.requested("encoder", encoder_name, lambda view: service.ask(OpenEncoder(encoder_name), view))
info = jobs.result_or_stop("encoder", opening)
door.encoder_facts(facts, entry, info)
with st.sidebar:
    settings = controls.nave_settings(info)

jobs.give_up("depth" if several else "set")
if several:
    set_views.draw(service, encoder_name, chosen, settings)
    door.link_notes(notes, photo_set.is_private())
    st.stop()

question = (encoder_name, chosen, settings)
segmenting = jobs.requested("picture", question, lambda view: service.ask(Segment(*question), view))
classifying = jobs.requested("classes", question[:2], lambda view: service.ask(Classify(*question[:2]), view))
if not segmenting.done:
    jobs.give_up("depth")
result = jobs.result_or_stop("picture", segmenting)
predictions = jobs.result_or_stop("classes", classifying)

look.settle(result.segmentation)
door.link_notes(notes, photos.is_private())
views.picture(chosen, result, predictions)
views.depth_strip(chosen, result)
views.details(result)
