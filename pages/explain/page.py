"""Explain: where does an encoder see a concept, and what does it contribute to a class? Visual-TCAV, for a photo or a class."""

import streamlit as st

st.title("Explain", anchor=False)
st.caption("Where does the encoder see a concept, and how much does it contribute to a class?")
notes = st.container()
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from explainers.service.questions import ExplainClass, ExplainPhoto, OpenEncoder
    from pages.common import class_images as explain_images
    from pages.common import controls, door, jobs, link, photos
    from pages.explain import controls as explain_controls
    from pages.explain import look as explain_look
    from pages.explain import views as explain_views
    from pages.explain.controls import A_CLASS, ONE_PHOTO, STARTING_SCENE

link.begin()
service = jobs.service()
scope = explain_controls.scope()
photo, refusals = None, []
with st.sidebar:
    if scope == ONE_PHOTO:
        photo, refusals = photos.choose(default=photos.SCENE, default_scene=STARTING_SCENE)
    encoder_name = controls.encoder(service.catalog)
    facts = st.empty()
if encoder_name is None:
    door.nothing_yet("No encoder is at hand. Set ENCODERSCOPE_ENCODERS to a folder of encoders, and start again.")

entry = service.catalog.entry(encoder_name)
door.encoder_facts(facts, entry)
opening = jobs.requested("encoder", encoder_name, lambda view: service.ask(OpenEncoder(encoder_name), view))
info = jobs.result_or_stop("encoder", opening)
door.encoder_facts(facts, entry, info)
explain_views.require_classifier(info)
with door.refusals_told(), st.sidebar:
    question = explain_controls.question(service.library, info, scope)
    images, refusals = explain_images.choose(info, st.session_state["class"]) if scope == A_CLASS else ((), refusals)
door.refusals(notes, refusals)
if question is None:
    door.nothing_yet("Choose at least one concept in the sidebar. The Concepts page makes new ones from your own images.")

if scope == A_CLASS:
    if not images:
        door.nothing_yet("Upload images of the class in the sidebar, one by one or as a .zip; ten or more are a good start.")
    asked = (images, question.content)
    explaining = jobs.requested("explain a class", asked, lambda view: service.ask(ExplainClass(*question.about(images)), view))
    if not explaining.done:
        jobs.give_up("explain a photo")
    opened = explain_views.of_class(images, jobs.result_or_stop("explain a class", explaining))
    photo = None if opened is None else images[opened]
    if photo is None:
        link.write()
elif photo is None:
    door.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")
if photo is not None:
    asked = (photo, question.content)
    explaining = jobs.requested("explain a photo", asked, lambda view: service.ask(ExplainPhoto(*question.about(photo)), view))
    explanation = jobs.result_or_stop("explain a photo", explaining)
    explain_look.settle(explanation, is_opened=scope == A_CLASS)
    explain_views.local(photo, explanation, is_opened=scope == A_CLASS)
door.link_notes(notes, photos.is_private() if scope == ONE_PHOTO else explain_images.is_private())
