"""Concepts: the library of example images, and whether an encoder knows what they show."""

import streamlit as st

st.title("Concepts", anchor=False)
st.caption("A concept is a property with a name, shown by example images. Collect them here, and see which encoder knows it.")
notes = st.container()
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from explainers.service.questions import OpenEncoder
    from pages.common import controls, door, jobs, link
    from pages.concepts import choice as concept_choice
    from pages.concepts import editing as concept_editing
    from pages.concepts import views as concept_views

link.begin()
service = jobs.service()
library = service.library
with st.sidebar:
    encoder_name = controls.encoder(service.catalog)
    facts = st.empty()

with notes:
    concept_editing.bar(library)
concept, random = concept_choice.choose(library)
concept_views.library_actions(library, concept)
if concept is None:
    door.nothing_yet("The library has no concept. Press “New set” and give it some images, or bring the starters back.")
concept_views.images(library, concept, random)
if random is None:
    door.nothing_yet(
        "There is no random counterpart to tell the concept from. Make one with “New set”, or bring the starter back."
    )
concept_views.warnings(library, concept, random)
if encoder_name is None:
    door.nothing_yet("No encoder is at hand. Set ENCODERSCOPE_ENCODERS to a folder of encoders, and start again.")

st.subheader("Does the encoder know it?", anchor=False, help=concept_views.HEALTH_HELP)
entry = service.catalog.entry(encoder_name)
door.encoder_facts(facts, entry)
opening = jobs.requested("encoder", encoder_name, lambda view: service.ask(OpenEncoder(encoder_name), view))
info = jobs.result_or_stop("encoder", opening)
door.encoder_facts(facts, entry, info)

opened, random_opened = (concept_views.opened(library, image_set) for image_set in (concept, random))
checking = concept_views.checking("health", encoder_name, [opened], random_opened)
if not checking.done:
    jobs.give_up("similarity")
report = jobs.result_or_stop("health", checking)
depth = concept_views.settle_depth(report, concept)
door.link_notes(notes, photo_is_private=False)
link.write()
concept_views.health(report, concept, depth)
concept_views.depth_choice(report)
concept_views.responding(library, report, concept, random, depth)

compared = concept_views.similarity_request(library, concept)
if len(compared) < 2:
    door.nothing_yet("Choose two concepts or more to compare their CAVs.")
several = [concept_views.opened(library, image_set) for image_set in compared]
comparing = concept_views.checking("similarity", encoder_name, several, random_opened)
concept_views.similarity(jobs.result_or_stop("similarity", comparing), depth)
