"""Explore: which parts of one photo does one encoder treat alike? NAVE, with a live slider for the granularity."""

from functools import partial

import streamlit as st

from pages.common import frame

top = frame.begin(
    "Encoderscope", "Which parts of a photo does a frozen vision encoder treat alike? Drag the granularity and see."
)
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from explainers.service.questions import Classify, Segment, SegmentTogether
    from pages.common import collection, door, jobs, link, photos
    from pages.explore import (
        appearance,
        cluster_names,
        collection_views,
        concept_making,
        controls,
        part_taken,
        parts_views,
        places_views,
        similar,
        views,
    )

link.begin()
photos.heed_older_links()
catalog = jobs.service().catalog
photo, together, refusals = None, (), []
with st.sidebar:
    several = controls.are_several_wanted()
    above = st.container()
    choice = door.choose_encoder(catalog)
with above:
    if several:
        together, refusals = controls.several_photos(choice.learnt_from)
    else:
        photo, refusals = photos.choose(choice.learnt_from)
door.draw_refusals(notes, refusals)
if photo is None and not several:
    door.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")
info = door.opened_encoder(catalog, choice)
with notes:
    concept_making.bar(info, photo)
mode = similar.choose_mode()
with st.sidebar:
    settings = controls.nave_settings(info, mode)
shown = "" if mode == similar.CLUSTERS else similar.MODES[mode].lower()
top.name(f"{len(together)} photos" if photo is None else photo.name, catalog.entry(info.name).title, shown)

jobs.give_up("depth" if several or mode != similar.CLUSTERS else "together")
looked_at = together if photo is None else (photo,)
if mode == similar.PARTS:
    named_parts = parts_views.found_or_stop(info, looked_at)
    door.draw_link_notes(notes, photo_is_private=collection.is_private() if photo is None else photos.is_private())
    beside = None
    if photo is not None:
        predictions = jobs.answer_or_stop("classes", Classify(info.name, photo))
        beside = partial(views.original, photo, predictions, photos.outside_what_was_learnt(catalog.entry(info.name)))
    parts_views.draw(looked_at, named_parts, beside)
    st.stop()

if mode != similar.CLUSTERS:
    components = jobs.answer_or_stop("components", similar.question(info.name, looked_at, settings))
    similar.settle(mode, len(looked_at))
    if mode == similar.SIMILAR and photo is not None:
        part_taken.settle(photo, info)
    door.draw_link_notes(notes, photo_is_private=collection.is_private() if photo is None else photos.is_private())
    if photo is None:
        places_views.draw_set(together, components, mode)
    else:
        predictions = jobs.answer_or_stop("classes", Classify(info.name, photo))
        remark = photos.outside_what_was_learnt(catalog.entry(info.name))
        places_views.draw(photo, components, mode, partial(views.original, photo, predictions, remark))
    st.stop()

if photo is None:
    maps = jobs.answer_or_stop("together", SegmentTogether(info.name, together, settings))
    appearance.settle(maps.segmentations[0])
    cluster_names.settle(maps)
    collection_views.draw(together, maps)
    door.draw_link_notes(notes, photo_is_private=collection.is_private())
    st.stop()

segmenting = jobs.asked("picture", Segment(info.name, photo, settings))
classifying = jobs.asked("classes", Classify(info.name, photo))
if not segmenting.done:
    jobs.give_up("depth")
result = jobs.result_or_stop("picture", segmenting)
predictions = jobs.result_or_stop("classes", classifying)

appearance.settle(result.segmentation)
cluster_names.settle(result)
part_taken.settle(photo, info)
door.draw_link_notes(notes, photo_is_private=photos.is_private())
views.picture(photo, result, predictions, photos.outside_what_was_learnt(catalog.entry(info.name)))
views.depth_strip(photo, result)
views.details(photo, result)
