"""Which photo is looked at: a sample, a fresh scene, an upload or the camera.

Samples and scenes are part of the link. Uploads and pictures from the camera lie on the shelf of their browser (thread.py);
of them the link has a mark, so that whoever else opens it is not shown another photo without a word. What an encoder has learnt
from decides what is offered first, and what is outside of that is named.
"""

import secrets

import streamlit as st

from models.catalog.catalog import CatalogEntry
from models.catalog.entries import LearntFrom
from models.photo import Photo, photo_from_array, samples
from models.scenes.scenes import render, sample_scene
from pages.common import bands, link, thread, uploads
from pages.common.shelf import Item

SAMPLES = {name: sample.title for name, sample in samples.SAMPLES.items()}
SCENE, CAMERA = "scene", "camera"
N_SCENES = 100_000  # by their number
_FIRST_ENCODER_OF_SCENES = "scenes-cnn"  # what a link with a scene and without an encoder meant when scenes came first
_OUTSIDE = {
    "scenes": "{} has learnt from rendered scenes. A photograph lies outside of what it learnt, so its answer means little.",
    "photographs": "{} has learnt from photographs. A rendered scene lies outside of what it learnt, so its answer means little.",
}

_UPLOADER = "uploads"
_CAMERA_INPUT, _CAMERA_REFUSAL = "camera_picture", "photos.camera refusal"
PRIVATE = (
    "This link was made with a private photo, which is not part of it and stays with whoever made the link; "
    "another photo is shown instead."
)


def choose(learnt_from: LearntFrom, default: str = next(iter(SAMPLES)), default_scene: int = 7) -> tuple[Photo | None, list[str]]:
    """Draws the photo controls; the photo chosen, if any, and a sentence for every upload that was refused.

    What the encoder has learnt from comes first: scenes, with a scene as default, or else photographs, with a sample as default.
    """
    chooser, below = st.container(), st.container()
    refusals = _take_uploads()
    with chooser:
        choice = _choice(learnt_from, default)
        _draw_removal()
    with below:
        item = thread.shelf().items.get(choice)
        picture = _with_bands(item) if item else _from_source(choice, default_scene)
        if isinstance(picture, Photo):
            bands.draw_notes([picture])
    refusals += [picture] if isinstance(picture, str) else []
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
    refusals = _take_uploads()
    _draw_removal()
    return refusals


def is_private() -> bool:
    """True if the chosen photo cannot be part of the link."""
    return st.session_state["photo"] not in (*SAMPLES, SCENE)


def uploaded(at_most: int) -> tuple[Photo, ...]:
    """The first photos of one's own, at the size that collections are looked at."""
    own = (thread.photo(item, thread.COLLECTED_PX) for item in [*thread.shelf().items.values()][:at_most])
    return tuple(photo for photo in own if isinstance(photo, Photo))


def n_own() -> int:
    """How many photos of one's own there are."""
    return len(thread.shelf().items)


@st.cache_resource(show_spinner=False)
def sample(name: str) -> Photo:
    """One of the sample photos."""
    return samples.read_sample(name)


@st.cache_resource(show_spinner=False, max_entries=64)
def scene(seed: int) -> Photo:
    """A generated scene by its number."""
    return photo_from_array(render(sample_scene(seed)).image, f"scene-{seed}")


def is_scene(photo: Photo) -> bool:
    """Whether a photo is a generated scene: named as one, and with its very pixels."""
    number = photo.name.removeprefix("scene-")
    return number != photo.name and number.isdecimal() and int(number) < 10 * N_SCENES and photo == scene(int(number))


def _take_uploads() -> list[str]:
    """Draws the uploader and takes new files onto the shelf; a sentence for every file in it that was refused."""
    files = st.file_uploader(
        "Upload photos",
        type=uploads.UPLOAD_TYPES,
        accept_multiple_files=True,
        key=_UPLOADER,
        max_upload_size=uploads.MAX_MB,
        help="One or several. They follow you from page to page, stay on this server until you leave, and are never part of a "
        "link.",
    )
    fresh, refusals = thread.take_up(_UPLOADER, files, thread.put, thread.shelf().items)
    if fresh:  # a photo that has just been uploaded is the one the user wants to see
        st.session_state["photo"] = fresh[-1].id
    return refusals


def _draw_removal() -> None:
    """Draws the button that takes all photos of one's own off the server, if there are any."""
    n = n_own()
    if n:
        st.button(
            "Remove my photo" if n == 1 else f"Remove my {n} photos",
            key="remove photos",
            type="tertiary",
            icon=":material/delete:",
            on_click=thread.shelf().items.clear,
            help="Deletes what you uploaded from the server. Files that still stand in the field for uploads stay there unused.",
        )


def _choice(learnt_from: LearntFrom, default: str) -> str:
    """Draws the choice among photos of one's own, samples, a scene and the camera."""
    a_scene, scenes_first = {SCENE: "A generated scene"}, learnt_from == "scenes"
    offered = a_scene | SAMPLES if scenes_first else SAMPLES | a_scene
    own = {item.id: item.name for item in reversed(thread.shelf().items.values())}
    names = own | offered | {CAMERA: "Camera"}
    wish = link.wish("photo") or ""
    if wish.startswith("own-") and wish not in own:
        link.decline("photo", PRIVATE)
    if link.settle("photo", SCENE if scenes_first else default, names.__contains__) == CAMERA:
        link.leave_out("photo")
    return st.selectbox(
        "Photo",
        list(names),
        format_func=names.__getitem__,
        key="photo",
        persist_state="session",
        help="A sample, a scene generated on the spot, the camera, or one of your uploads.",
    )


def _with_bands(item: Item) -> Photo | str:
    """A photo of one's own, with the bands that are chosen where its file has more than three."""
    photo = thread.photo(item)
    if isinstance(photo, str) or len(photo.bands) != 3:
        return photo
    shown = bands.choose(photo, item.data, item.id)
    if isinstance(shown, Photo):
        item.bands = shown.bands
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


def _from_camera() -> str | None:
    """Draws the camera; what refuses its picture, else nothing: the picture joins the photos of one's own and is chosen."""
    st.camera_input(
        "Take a picture", key=_CAMERA_INPUT, on_change=_take_picture, help="The picture joins your photos, like an upload."
    )
    return st.session_state.pop(_CAMERA_REFUSAL, None)


def _take_picture() -> None:
    picture = st.session_state[_CAMERA_INPUT]
    taken = None if picture is None else thread.put("camera.jpg", picture.getvalue())
    if isinstance(taken, Item):
        st.session_state["photo"] = taken.id
    elif taken is not None:
        st.session_state[_CAMERA_REFUSAL] = taken
