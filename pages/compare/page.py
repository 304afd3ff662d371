"""Compare: two to four encoders on the same photos and the same concepts. What does this one see that the other does not?"""

import streamlit as st

from pages.common import frame

top = frame.begin(
    "Compare", "What does one encoder see that another does not? The same photos and the same concepts, side by side."
)
notes = top.notes
with st.spinner("Loading torch. This takes a moment after every start of the server."):
    from explainers.nave.settings import NaveSettings
    from pages.common import door, jobs, link, photos
    from pages.compare import controls, panes, report, sections
    from pages.compare.kept import kept

link.begin()
catalog = jobs.service().catalog
pair = controls.pair(catalog)
if pair is not None:
    st.caption(pair.look_for)
section = sections.choose()
with st.sidebar:
    names = controls.encoders(catalog)
    learnt_from = catalog.entry(names[0]).learnt_from if names else ""
    photo, refusals = photos.choose(learnt_from)
    settings = controls.common_settings() if section.clusters else NaveSettings()
door.draw_refusals(notes, refusals)
if len(names) < controls.N_ENCODERS[0]:
    door.nothing_yet("Choose at least two encoders in the sidebar, or one of the pairs above.")
if photo is None:
    door.nothing_yet("Take a picture with the camera in the sidebar, or choose another photo there.")

openings = panes.open_all(catalog, names)
top.name(photo.name, " · ".join(opening.title for opening in openings))
settings_of = {}
if section.clusters:
    with st.sidebar, st.expander("Depths", key="depths of each"):
        settings_of = {o.place: controls.with_depths(settings, o.place, o.info) for o in openings if o.info is not None}
panes.give_up(sections.left_behind(section))
shown = kept((names, photo.sha256))
comparison = panes.Comparison(photo, learnt_from, openings, settings, settings_of, pair, notes)
decisive = section.draw(comparison)
report.draw(comparison, decisive, section, shown)
door.draw_link_notes(notes, photo_is_private=photos.is_private())
link.write()
