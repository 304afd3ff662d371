"""Explain: where does an encoder see a concept, and what does it contribute to a class? Visual-TCAV, for a photo or a class."""

from functools import partial

import streamlit as st

from pages.common import frame

top = frame.begin("Explain", "Where does the encoder see a concept, and how much does it contribute to a class?")
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from pages.common import class_images, door, first_questions, jobs, link, photos, plots
    from pages.explain import appearance, class_views, controls, photo_views, second_opinion, taken_away, taken_from_class, views
    from pages.explain.controls import A_CLASS, ONE_PHOTO

link.begin()
photos.heed_older_links()
service = jobs.service()
scope = controls.scope()
photo, refusals = None, []
with st.sidebar:
    above = st.container()
    choice = door.choose_encoder(service.catalog)
if scope == ONE_PHOTO:
    with above:
        photo, refusals = photos.choose(choice.learnt_from, first_questions.STARTING_PHOTO, controls.STARTING_SCENE)
info = door.opened_encoder(service.catalog, choice)
top.name(photo.name if photo else "A class", service.catalog.entry(info.name).title)
views.require_classifier(info)
with door.refusals_shown(), st.sidebar:
    inquiry = controls.inquiry(service.library, info, scope, choice.learnt_from)
    images, refusals = class_images.choose(info, st.session_state["class"]) if scope == A_CLASS else ((), refusals)
door.draw_refusals(notes, refusals)
if inquiry is None:
    door.nothing_yet("Choose at least one concept in the sidebar. The Concepts page makes new ones from your own images.")

if scope == A_CLASS:
    if not images:
        door.nothing_yet(
            "Upload images of the class in the sidebar, one by one or as a .zip; ten or more are a good start. A link keeps "
            "none of them: whoever opens it brings images of their own."
        )
    explaining = jobs.asked("explain a class", inquiry.of_class(images))
    if not explaining.done:
        jobs.give_up("explain a photo")
        jobs.give_up("take it away")
    of_class = jobs.result_or_stop("explain a class", explaining)
    taken_from_class.settle()
    opened = class_views.draw(of_class)
    photo = None if opened is None else images[opened]
    if photo is None:
        link.write()
elif photo is None:
    door.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")
if photo is not None:
    explaining = jobs.asked("explain a photo", inquiry.of_photo(photo))
    if not explaining.done:
        plots.fetch_ahead()
        jobs.give_up(taken_away.VIEW)
        jobs.give_up(second_opinion.VIEW)
    explanation = jobs.result_or_stop("explain a photo", explaining, partial(photo_views.draw_so_far, photo))
    appearance.settle(explanation, is_opened=scope == A_CLASS)
    taken_away.settle(explanation)
    second_opinion.settle(explanation)
    remark = photos.outside_what_was_learnt(service.catalog.entry(info.name)) if scope == ONE_PHOTO else ""
    photo_views.headline(explanation, remark, is_opened=scope == A_CLASS)
    first = st.container()
    photo_views.draw(photo, explanation, is_opened=scope == A_CLASS)
door.draw_link_notes(notes, photo_is_private=photos.is_private() if scope == ONE_PHOTO else class_images.is_private())
if photo is not None:
    with first:  # nearest to the truth (tests/benchmarks/RESULTS.md), but it takes longest
        taken_away.draw(photo, explanation, inquiry)
    second_opinion.draw(photo, explanation)
elif scope == A_CLASS:
    taken_from_class.draw(images, of_class, inquiry)
