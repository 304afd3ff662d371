"""Which photo is looked at: a sample, a fresh scene, an upload or the camera.

Samples and scenes are part of the link; uploads and pictures from the camera stay in the session.
"""

import secrets

import streamlit as st
from sklearn.datasets import load_sample_image

from models.errors import UnreadableImage
from models.photo import Photo, photo_from_array, read_photo
from models.scenes.scenes import render, sample_scene
from pages.common import link

SAMPLES = {"flower": "Flower", "china": "Summer Palace"}
SCENE, CAMERA = "scene", "camera"
MAX_UPLOAD_MB, MB = 50, 2**20
UPLOAD_TYPES = ["jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "gif"]
N_SCENES = 100_000

_READ = "photos.read"  # file id -> Photo, or the sentence that refuses it; of the files in the uploader


def choose(default: str = next(iter(SAMPLES)), default_scene: int = 7) -> tuple[Photo | None, list[str]]:
    """Draws the photo controls; the photo chosen, if any, and a sentence for every upload that was refused."""
    chooser, below = st.container(), st.container()
    uploads = _uploads()
    _select_newest(uploads)
    photos = {file_id: read for file_id, read in uploads.items() if isinstance(read, Photo)}
    with chooser:
        choice = _choice(photos, default)
    with below:
        picture = photos[choice] if choice in photos else _SOURCES[choice](default_scene)
    refusals = [read for read in (*uploads.values(), picture) if isinstance(read, str)]
    return (picture if isinstance(picture, Photo) else None), refusals


def upload() -> list[str]:
    """Draws the uploader alone, for a set of photos; a sentence for every upload that was refused."""
    return [read for read in _uploads().values() if isinstance(read, str)]


def is_private() -> bool:
    """True if the chosen photo cannot be part of the link."""
    return st.session_state["photo"] not in (*SAMPLES, SCENE)


def uploaded() -> tuple[Photo, ...]:
    """Every photo in the uploader, each once."""
    read = st.session_state.get(_READ, {}).values()
    return tuple({photo.sha256: photo for photo in read if isinstance(photo, Photo)}.values())


def scene(seed: int) -> Photo:
    """A generated scene by its number."""
    return _rendered(seed)


def _choice(uploads: dict[str, Photo], default: str) -> str:
    options = [*uploads, *SAMPLES, SCENE, CAMERA]
    names = {key: photo.name for key, photo in uploads.items()} | SAMPLES | {SCENE: "A generated scene", CAMERA: "Camera"}
    choice = link.settle("photo", default, options.__contains__)
    if choice not in (*SAMPLES, SCENE):
        link.leave_out("photo")
    return st.selectbox(
        "Photo",
        options,
        format_func=names.get,
        key="photo",
        persist_state="session",
        help="A sample, a scene generated on the spot, the camera, or one of your uploads.",
    )


def _uploads() -> dict[str, Photo | str]:
    """What the uploader holds, read once: file id -> photo, or the sentence that refuses it."""
    files = st.file_uploader(
        "Upload photos",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        key="uploads",
        max_upload_size=MAX_UPLOAD_MB,
        help="One or several. They stay in this session and are never part of a link.",
    )
    before = st.session_state.get(_READ, {})
    now = {file.file_id: before[file.file_id] if file.file_id in before else _read(file.getvalue(), file.name) for file in files}
    st.session_state[_READ] = now
    return now


def _read(data: bytes, name: str) -> Photo | str:
    if len(data) > MAX_UPLOAD_MB * MB:
        return f"“{name}” has {len(data) / MB:.0f} MB; at most {MAX_UPLOAD_MB} MB are taken. Save it smaller and try again."
    try:
        return read_photo(data, name)
    except UnreadableImage as refusal:
        return str(refusal)


def _select_newest(uploads: dict[str, Photo | str]) -> None:
    """A photo that has just been uploaded is the one the user wants to see."""
    seen = st.session_state.setdefault("photos.seen", set())
    fresh = [file_id for file_id, read in uploads.items() if file_id not in seen and isinstance(read, Photo)]
    if fresh:
        st.session_state["photo"] = fresh[-1]
    seen.update(uploads)


@st.cache_resource(show_spinner=False)
def _sample(name: str) -> Photo:
    return photo_from_array(load_sample_image(f"{name}.jpg"), name)


@st.cache_resource(show_spinner=False, max_entries=64)
def _rendered(seed: int) -> Photo:
    return photo_from_array(render(sample_scene(seed)).image, f"scene-{seed}")


def _scene(default: int) -> Photo:
    link.settle("scene", default, range(N_SCENES).__contains__)
    number, button = st.columns([3, 2], vertical_alignment="bottom")
    seed = number.number_input(
        "Scene number",
        0,
        N_SCENES - 1,
        key="scene",
        persist_state="session",
        help="The same number always gives the same scene.",
    )
    button.button("New scene", key="new scene", on_click=_draw_scene_number, width="stretch", help="Generates another scene.")
    return _rendered(seed)


def _draw_scene_number() -> None:
    st.session_state["scene"] = secrets.randbelow(N_SCENES)


def _camera(_default_scene: int) -> Photo | str | None:
    picture = st.camera_input("Take a picture", key="camera_picture", help="The picture stays in this session.")
    return None if picture is None else _read(picture.getvalue(), "camera.jpg")


_SOURCES = {SCENE: _scene, CAMERA: _camera} | {name: (lambda _default_scene, name=name: _sample(name)) for name in SAMPLES}
