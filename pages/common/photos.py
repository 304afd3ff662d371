"""Which photo is looked at: a sample, a fresh scene, an upload or the camera.

Samples and scenes are part of the link; uploads and pictures from the camera stay in the session. What an encoder has learnt from
decides what is offered first, and what is outside of that is named.
"""

import secrets

import streamlit as st

from models.catalog.catalog import CatalogEntry
from models.catalog.entries import LearntFrom
from models.photo import Photo, photo_from_array, samples
from models.scenes.scenes import render, sample_scene
from pages.common import bands, link, uploads

SAMPLES = {name: sample.title for name, sample in samples.SAMPLES.items()}
SCENE, CAMERA = "scene", "camera"
N_SCENES = 100_000  # by their number
_FIRST_ENCODER_OF_SCENES = "scenes-cnn"  # what a link with a scene and without an encoder meant when scenes came first
_OUTSIDE = {
    "scenes": "{} has learnt from rendered scenes. A photograph lies outside of what it learnt, so its answer means little.",
    "photographs": "{} has learnt from photographs. A rendered scene lies outside of what it learnt, so its answer means little.",
}

_UPLOADER = "uploads"


def choose(learnt_from: LearntFrom, default: str = next(iter(SAMPLES)), default_scene: int = 7) -> tuple[Photo | None, list[str]]:
    """Draws the photo controls; the photo chosen, if any, and a sentence for every upload that was refused.

    What the encoder has learnt from comes first: scenes, with a scene as default, or else photographs, with a sample as default.
    """
    chooser, below = st.container(), st.container()
    by_id = _read_uploads()
    _select_newest(by_id)
    own = {file_id: photo for file_id, photo in by_id.items() if isinstance(photo, Photo)}
    with chooser:
        choice = _choice(own, learnt_from, default)
    with below:
        picture = _with_bands(choice, own[choice]) if choice in own else _from_source(choice, default_scene)
        if isinstance(picture, Photo):
            bands.draw_notes([picture])
    refusals = [refusal for refusal in (*by_id.values(), picture) if isinstance(refusal, str)]
    return (picture if isinstance(picture, Photo) else None), refusals


def heed_older_links() -> None:
    """A link with a scene and without an encoder was made when scenes came first; to be called before either is chosen."""
    names_a_scene = link.wish("photo") == SCENE or (link.wish("photo") is None and link.wish("scene") is not None)
    if names_a_scene and link.wish("encoder") is None:
        link.imply("photo", SCENE)
        link.imply("encoder", _FIRST_ENCODER_OF_SCENES)


def outside_what_was_learnt(entry: CatalogEntry) -> str:
    """One sentence if the chosen photo is not of the kind that this encoder has learnt from; empty if it is, or nobody knows."""
    shown = "scenes" if st.session_state["photo"] == SCENE else "photographs"
    return "" if entry.learnt_from in ("", shown) else _OUTSIDE[entry.learnt_from].format(entry.title)


def upload() -> list[str]:
    """Draws the uploader alone, for a collection; a sentence for every upload that was refused."""
    by_id = _read_uploads()
    bands.draw_notes([photo for photo in by_id.values() if isinstance(photo, Photo)])
    return [refusal for refusal in by_id.values() if isinstance(refusal, str)]


def is_private() -> bool:
    """True if the chosen photo cannot be part of the link."""
    return st.session_state["photo"] not in (*SAMPLES, SCENE)


def uploaded() -> tuple[Photo, ...]:
    """Every photo in the uploader, each once."""
    own = uploads.already_read(_UPLOADER).values()
    return tuple({photo.sha256: photo for photo in own if isinstance(photo, Photo)}.values())


@st.cache_resource(show_spinner=False)
def sample(name: str) -> Photo:
    """One of the sample photos."""
    return samples.read_sample(name)


@st.cache_resource(show_spinner=False, max_entries=64)
def scene(seed: int) -> Photo:
    """A generated scene by its number."""
    return photo_from_array(render(sample_scene(seed)).image, f"scene-{seed}")


def _read_uploads() -> dict[str, Photo | str]:
    """Draws the uploader; by file id the photo in it, or the sentence that refuses it."""
    files = st.file_uploader(
        "Upload photos",
        type=uploads.UPLOAD_TYPES,
        accept_multiple_files=True,
        key=_UPLOADER,
        max_upload_size=uploads.MAX_MB,
        help="One or several. They stay in this session and are never part of a link.",
    )
    return uploads.read_once(_UPLOADER, files, uploads.read_upload)


def _select_newest(by_id: dict[str, Photo | str]) -> None:
    """A photo that has just been uploaded is the one the user wants to see."""
    seen = st.session_state.setdefault("photos.seen", set())
    fresh = [file_id for file_id, photo in by_id.items() if file_id not in seen and isinstance(photo, Photo)]
    if fresh:
        st.session_state["photo"] = fresh[-1]
    seen.update(by_id)


def _choice(own: dict[str, Photo], learnt_from: LearntFrom, default: str) -> str:
    """Draws the choice among uploads, samples, a scene and the camera."""
    a_scene, scenes_first = {SCENE: "A generated scene"}, learnt_from == "scenes"
    offered = a_scene | SAMPLES if scenes_first else SAMPLES | a_scene
    names = {key: photo.name for key, photo in own.items()} | offered | {CAMERA: "Camera"}
    choice = link.settle("photo", SCENE if scenes_first else default, names.__contains__)
    if choice not in (*SAMPLES, SCENE):
        link.leave_out("photo")
    return st.selectbox(
        "Photo",
        list(names),
        format_func=names.__getitem__,
        key="photo",
        persist_state="session",
        help="A sample, a scene generated on the spot, the camera, or one of your uploads.",
    )


def _with_bands(file_id: str, photo: Photo) -> Photo | str:
    """An upload with the bands that are chosen, kept so that it is read once."""
    files = st.session_state.get(_UPLOADER) or ()
    data = next((file.getvalue() for file in files if file.file_id == file_id), None)
    if len(photo.bands) != 3 or data is None:
        return photo
    shown = bands.choose(photo, data, file_id)
    uploads.already_read(_UPLOADER)[file_id] = shown if isinstance(shown, Photo) else photo
    return shown


def _from_source(choice: str, default_scene: int) -> Photo | str | None:
    """The photo of a choice that is not an upload, with what else must be chosen; None while the camera has taken none."""
    if choice == SCENE:
        return _numbered_scene(default_scene)
    if choice == CAMERA:
        return _from_camera()
    return sample(choice)


def _numbered_scene(default: int) -> Photo:
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
    return scene(seed)


def _draw_scene_number() -> None:
    st.session_state["scene"] = secrets.randbelow(N_SCENES)


def _from_camera() -> Photo | str | None:
    picture = st.camera_input("Take a picture", key="camera_picture", help="The picture stays in this session.")
    return None if picture is None else uploads.read_upload(picture.getvalue(), "camera.jpg")
