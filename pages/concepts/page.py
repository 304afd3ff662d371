"""Concepts: the library of example images, and whether an encoder knows what they show."""

import streamlit as st

from pages.common import frame

top = frame.begin(
    "Concepts", "A concept is a property with a name, shown by example images. Collect them here, and see which encoder knows it."
)
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from pages.common import door, jobs, link
    from pages.common.concept_controls import opened
    from pages.concepts import changes, choice, counterparts, health_views, library_views, words

link.begin()
service = jobs.service()
library = service.library
with st.sidebar:
    encoder_choice = door.choose_encoder(service.catalog)

with notes:
    changes.bar(library)
concept, random = choice.choose(library)
library_views.actions(library, concept)
if concept is None:
    door.nothing_yet("The library has no concept. Press “New set” and give it some images, or bring the starters back.")
library_views.images(library, concept, random)
if random is None:
    door.nothing_yet(
        "There is no random counterpart to compare the concept with. Make one with “New set”, or bring the starter back."
    )
library_views.warnings(library, concept, random)

st.header("Does the encoder recognise it?", anchor=False, help=health_views.HEALTH_HELP)
info = door.opened_encoder(service.catalog, encoder_choice)
top.name_encoder(service.catalog.entry(info.name).title)
counterpart = opened(library, random)
checking = jobs.asked("health", health_views.question(info, [opened(library, concept)], counterpart))
if not checking.done:
    jobs.give_up("similarity")
report = jobs.result_or_stop("health", checking)
depth = health_views.settle_depth(report, concept)
door.draw_link_notes(notes, photo_is_private=False)
link.write()
health_views.draw(report, concept, depth)
counterparts.offer(library, concept, report.at(concept.name, depth).health.domain)
health_views.depth_choice(report)
health_views.responses(library, report, (concept, random), depth)
words.draw(library, info, random)

st.header("Similarity of concepts", anchor=False, help=health_views.SIMILARITY_HELP)
compared = choice.compared(library, concept)
if len(compared) < 2:
    door.nothing_yet("Choose two concepts or more to compare their CAVs.")
several = health_views.question(info, [opened(library, image_set) for image_set in compared], counterpart)
health_views.similarity_when_ready(jobs.asked("similarity", several), depth)
