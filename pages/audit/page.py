"""Audit: which parts of a whole data set carry the evidence for a class, and where the network fails. Nobody names a concept."""

import streamlit as st

from pages.common import frame

top = frame.begin("Audit", "Which parts of a whole data set carry the evidence for a class, and should they?")
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from explainers.datasets.questions import AskAudit
    from pages.audit import choice, comparison, concept_making, making, views
    from pages.common import door, jobs, link

link.begin()
making.begin_first()
with st.sidebar:
    index = choice.index()
    k = choice.n_parts(index) if index else 0
    making.draw_form()
making.draw_runs()
is_private = False
if index is None:
    views.draw_nothing()
else:
    audit = jobs.answer_or_stop("audit", AskAudit(index.folder, index.key, k))
    with notes:
        concept_making.bar(index)
    top.name(index.manifest["data"], index.encoder_name)
    with door.refusals_shown():
        is_private = views.draw(index, audit)
        comparison.draw(index)
door.draw_link_notes(notes, photo_is_private=is_private)
link.write()
