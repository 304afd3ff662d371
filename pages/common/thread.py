"""The thread through the pages: photos and choices of this browser, as they lie on its shelf (shelf.py).

A new session, such as that after a reload, takes up the choices of the one before if its address asks for nothing, or is the very
address that was seen last. Any other address is a link, and shows what it asks for.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.runtime.caches import LruCache, n_bytes
from models.photo import Photo, photo_from_array
from pages.common import holdings, link, uploads
from pages.common.shelf import KEPT_SECONDS, MB, Item, Shelf, Shelves

COOKIE = "encoderscope"
COLLECTED_PX = 1024 * 1024  # as many as the largest input size shows an encoder
_TOKEN, _SHELF, _RESUMED = "thread.token", "thread.shelf", "thread.resumed"
_FOLLOWING = ("encoder", "encoders", "photo", "scene", "photos", "set", "n_scenes")  # choices that mean the same on every page

_cookie = st.components.v2.component(
    "encoderscope_cookie",
    js="""export default function ({ data }) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${data.name}=${data.token}; path=/; SameSite=Strict${secure}`;
}""",
)


@st.cache_resource(show_spinner=False)
def shelves() -> Shelves:
    """The shelves of this process."""
    return Shelves()


@st.cache_resource(show_spinner=False)
def decoded() -> LruCache[Any]:
    """What is in files of the shelves, within one bound for all of them.

    Photos are kept by the hash of their file, their name, and what is seen of them; the contents of files with images of a class
    by the word "class", hash and name.
    """
    return LruCache(int(os.environ.get("ENCODERSCOPE_PHOTO_MB", "1024")) * MB, n_bytes)


def shelf() -> Shelf:
    """The shelf of this browser."""
    state = st.session_state
    if _SHELF not in state:
        state[_TOKEN], state[_SHELF] = shelves().open(st.context.cookies.get(COOKIE))
        _left_behind()["token"] = state[_TOKEN]
        holdings.brings(link.session_id(), state[_SHELF])
    return state[_SHELF]


def owner() -> str:
    """Who has this browser, for work that outlives a page: the same after a reload, and of no use to anybody who learns it."""
    shelf()
    return hashlib.sha256(st.session_state[_TOKEN].encode()).hexdigest()


def _close(left_behind: dict[str, str]) -> None:
    if "token" in left_behind:
        shelves().close(left_behind["token"])
        timer = threading.Timer(KEPT_SECONDS + 1, shelves().sweep)
        timer.daemon = True
        timer.start()


@st.cache_resource(scope="session", show_spinner=False, on_release=_close)
def _left_behind() -> dict[str, str]:
    """What is let go when the browser tab is closed."""
    return {}


def resume(page: str, address: Mapping[str, str]) -> None:
    """At the beginning of a session: takes up what was chosen before, and has the browser keep the token."""
    state = st.session_state
    if _RESUMED not in state:
        state[_RESUMED] = True
        kept = shelf()
        if not address or kept.address == (page, dict(address)):
            for key, value in kept.choices.items():
                state.setdefault(key, value)
    if st.context.cookies.get(COOKIE) != state[_TOKEN]:
        _cookie(key="cookie", data={"name": COOKIE, "token": state[_TOKEN]})


def remember(page: str, address: Mapping[str, str]) -> None:
    """Keeps what somebody has chosen, and the address at which it is seen; what a page begins with is for this page alone."""
    kept = shelf()
    kept.address = page, dict(address)
    kept.choices = {key: st.session_state[key] for key in _FOLLOWING if link.is_chosen(key)}


def photo(item: Item, max_px: int | None = None) -> Photo | str:
    """The photo in a file of the shelf, with the bands that are chosen, or the sentence that refuses it.

    With ``max_px``, a photo of more pixels is shrunk to so many: then hundreds can be held at once.
    """
    key = item.sha256, item.name, item.bands, max_px  # by name as well: that of another person is not to be seen
    known = decoded().get(key)
    if known is not None:
        return known
    read = uploads.read_upload(item.data, item.name, item.bands)
    if isinstance(read, Photo):
        read = _shrunk(read, max_px) if max_px else read
        decoded().put(key, read)
    return read


def _shrunk(photo: Photo, max_px: int) -> Photo:
    height, width = photo.shape
    scale = (max_px / (height * width)) ** 0.5
    if scale >= 1:
        return photo
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = photo_from_array(np.asarray(Image.fromarray(photo.pixels).resize(size, Image.Resampling.LANCZOS)), photo.name)
    return replace(photo, pixels=small.pixels, sha256=small.sha256)


def put(name: str, data: bytes) -> Item | str:
    """Takes a file onto the shelf if there is a photo in it; or the sentence that refuses it."""
    read = uploads.read_upload(data, name)
    if isinstance(read, str):
        return read
    item = shelf().put(name, read.sha256, data)
    decoded().put((item.sha256, item.name, item.bands, None), read)
    return item


def put_for_class(name: str, data: bytes) -> Item | str:
    """Takes an image of a class, or an archive of such images, onto the shelf as it is; or the sentence that refuses it."""
    refusal = uploads.refusal_of_size(name, len(data))
    return refusal or shelf().put(name, hashlib.sha256(data).hexdigest(), data, of_class=True)


def take_up(
    uploader: str, files: Sequence[UploadedFile], put: Callable[[str, bytes], Item | str], items: dict[str, Item]
) -> tuple[list[Item], list[str]]:
    """Takes what is new in an uploader onto the shelf; the fresh files, and a sentence for every file in it that was refused.

    What is taken out of the uploader leaves the shelf's ``items``; what the uploader forgets because the page was turned stays.
    """
    state, key = st.session_state, f"{uploader}.taken"
    page, before = state.get(key, (None, {}))
    before = before if page == link.current_page() else {}
    taken = {file.file_id: before.get(file.file_id) or put(file.name, file.getvalue()) for file in files}
    state[key] = link.current_page(), taken
    kept = {item.id for item in taken.values() if isinstance(item, Item)}
    for file_id, item in before.items():
        if file_id not in taken and isinstance(item, Item) and item.id not in kept:
            items.pop(item.id, None)
    fresh = [item for file_id, item in taken.items() if file_id not in before and isinstance(item, Item)]
    return fresh, [refusal for refusal in taken.values() if isinstance(refusal, str)]
