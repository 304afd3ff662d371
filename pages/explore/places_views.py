"""Similar places and activations as colours on the screen: one photo, or several together.

The fragment reruns when the threshold changes or a place is pinned; nothing is computed again.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from explainers.results.components import ComponentsResult
from models.photo import Photo
from pages.common import link, places
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.live_view.live_places import Look, Pin, PlacesControls, PlacesMode, PlacesPane, PlacesRole, live_places
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.explore import collection_views, concept_making, part_taken, place_downloads, similar
from pages.explore.concept_making import Selection

_MASK_SIDE = 448  # px of the longer side of the grid on which a pinned region is kept
_NOTHING_PINNED = "No place is pinned. Click a place on the picture; then all that is similar to it can be taken away."
_FIDELITY = (
    "The browser works it out from {n} principal components. Rank correlation with the similarity over all channels: "
    "{fidelity:.3f}."
)


@st.fragment(key="places")
def draw(photo: Photo, result: ComponentsResult, mode: PlacesMode, beside: Callable[[], None]) -> None:
    """One photo; ``beside`` draws what stands beside it, above the downloads."""
    left, right = st.columns([8, 5], gap="medium")
    with left:
        if mode == similar.SIMILAR:
            places.draw_threshold()
        _live([photo], result, mode, range(1), together=False)
        _below(result, mode)
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            _offer_concept([photo], result, mode)
            if mode == similar.SIMILAR:
                part_taken.switch(result.encoder)
    with right:
        beside()
        _downloads([photo], result, mode)
    if mode == similar.SIMILAR:
        part_taken.draw(photo, result.encoder, partial(_pinned_region, photo, result), _NOTHING_PINNED)
    link.write()


@st.fragment(key="places")
def draw_set(photos: Sequence[Photo], result: ComponentsResult, mode: PlacesMode) -> None:
    """Several photos together: one place is compared with those of all of them, and a colour means one thing in all of them."""
    with st.container(key="stays"):
        if mode == similar.SIMILAR:
            places.draw_threshold()
    place = st.container()
    on_page = collection_views.page(len(photos))
    with place:
        _live(photos, result, mode, on_page, together=True)
    _below(result, mode)
    _offer_concept(photos, result, mode)
    _downloads(photos, result, mode)
    link.write()


def _live(photos: Sequence[Photo], result: ComponentsResult, mode: PlacesMode, on_page: range, *, together: bool) -> None:
    opacity_key = f"opacity_{mode}"
    panes = [
        PlacesPane(
            id=str(n),
            photo=photos[n],
            components=result.components.images[n],
            alt=f"{photos[n].name}, seen by {result.encoder.name}",
            title=escaped(photos[n].name) if together else "",
        )
        for n in on_page
    ]
    look = Look(mode, st.session_state[opacity_key] / 100, places.threshold(), _pin(result))
    follow: dict[PlacesRole, str] = {"opacity": opacity_key, "threshold": "alike", "blink": "blink"}
    live_places("places", panes, look, PlacesControls(follow, similar.keep, together))


def _pin(result: ComponentsResult) -> Pin | None:
    pinned = similar.pinned()
    if pinned is None:
        return None
    codes = result.components.images[pinned.photo_idx].at(pinned.place)
    return Pin(str(pinned.photo_idx), pinned.place, tuple(codes.tolist()))


def _below(result: ComponentsResult, mode: PlacesMode) -> None:
    """Draws the scale or the recipe of the colours, and how strongly they cover."""
    components = result.components
    if mode == similar.SIMILAR:
        places.draw_scale(_FIDELITY.format(n=components.images[0].codes.shape[2], fidelity=components.rank_correlation))
        st.caption("Point at a place. A click or Enter pins it, Escape takes the pin away, arrow keys move the place.")
    else:
        st.caption(recipe(result))
    opacity, blink = st.columns([1, 2], gap="medium", vertical_alignment="bottom")
    opacity.slider(
        "Opacity",
        0,
        100,
        key=f"opacity_{mode}",
        format="%d %%",
        persist_state="session",
        help="How strongly the colours cover the photo.",
    )
    blink.toggle("Blink", key="blink", persist_state="session", help="Shows the photo and its colours in turn.")


def _offer_concept(photos: Sequence[Photo], result: ComponentsResult, mode: PlacesMode) -> None:
    """Draws the button that makes the pinned region a concept."""
    if mode == similar.SIMILAR:
        concept_making.offer(partial(_selection, photos, result), concept_making.NOTHING_PINNED)


def _selection(photos: Sequence[Photo], result: ComponentsResult) -> Selection | None:
    """The pinned region in every photo; None while no place is pinned."""
    pinned = similar.pinned()
    if pinned is None:
        return None
    shapes = [on_screen(photo, _MASK_SIDE).shape[:2] for photo in photos]
    masks = [similar.pinned_mask(result.components, pinned, n, shape) for n, shape in enumerate(shapes)]
    return Selection.of_masks(photos, masks, "like a place")


def _pinned_region(photo: Photo, result: ComponentsResult) -> np.ndarray:
    """The pinned region as a boolean mask (H, W); nothing while no place is pinned."""
    pinned, shape = similar.pinned(), on_screen(photo, _MASK_SIDE).shape[:2]
    return np.zeros(shape, bool) if pinned is None else similar.pinned_mask(result.components, pinned, 0, shape)


def recipe(result: ComponentsResult) -> str:
    """How the colours are made, in one sentence or two."""
    settings, explained = result.settings, result.components.explained
    depths = f"depth {settings.depths[0]}" if len(settings.depths) == 1 else f"depths {', '.join(map(str, settings.depths))}"
    whose = "this photo" if len(result.photo_names) == 1 else "all these photos together"
    shares = ", ".join(f"{share:.0%}" for share in explained).replace("%", " %")
    return (
        f"Red, green and blue are the first three principal components of the composite activations of {depths} "
        f"(scaling: {settings.scaling}; input size: {settings.input_size} px), after the mean over all places of {whose} has "
        f"been taken away. They hold {shares} of the variance. Each is stretched from its 1st percentile, dark, to its 99th, "
        "bright; which of its two ends is bright has no meaning."
    )


def _downloads(photos: Sequence[Photo], result: ComponentsResult, mode: PlacesMode) -> None:
    st.markdown("**Download**")
    pinned = similar.pinned()
    if mode == similar.SIMILAR and pinned is None:
        st.caption("Pin a place with a click: then its picture and its map can be downloaded.")
        return
    named = "set" if len(photos) > 1 else photos[0].name.rsplit(".", 1)[0]
    stem = file_stem(named, result.encoder.name, mode)
    opacity = st.session_state[f"opacity_{mode}"] / 100
    files = [
        Download(
            "Picture",
            f"{stem}.png",
            "image/png",
            partial(place_downloads.picture_png, photos, result, pinned, opacity),
            "This picture as a PNG file, above a line that says what it shows.",
        ),
    ]
    if pinned is not None:
        files.append(
            Download(
                "Similarity",
                f"{stem}.zip" if len(photos) > 1 else f"{stem}.npz",
                "application/octet-stream",
                partial(place_downloads.maps_file, result, pinned),
                "The similarity of every pixel to the pinned place as an NPZ file, one per photo; several come in a ZIP.",
            )
        )
    files.append(
        Download(
            "Settings",
            f"{stem}.json",
            "application/json",
            partial(place_downloads.settings_json, result, pinned),
            "Settings, encoder, photos and versions as a JSON file: what is needed to get this picture again.",
        )
    )
    draw_downloads("download places", files)
