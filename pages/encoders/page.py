"""Encoders: what is loaded and what it costs, and the way in for a checkpoint of one's own."""

import streamlit as st

from pages.common import frame

top = frame.begin("Encoders", "What this server has loaded and is doing, and where to add your own checkpoint.")
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from pages.common import door, jobs, link
    from pages.encoders import checkpoint_form, own, status, supplied

link.begin()
service = jobs.service()
with notes:
    own.bar(service)
status.draw(service)
supplied.draw(service.catalog)
own.draw(service)
door.draw_link_notes(notes, photo_is_private=False)
link.write()

checking = checkpoint_form.draw(service)
if checking is not None:
    own.show_added(checkpoint_form.outcome(checking))
