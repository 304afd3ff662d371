"""Images of one class: scenes generated on the spot for encoders that know them, or uploads and archives of them."""

from collections.abc import Iterable, Iterator

import streamlit as st

from explainers.library.archives import Entry, read_archive
from models.catalog import EncoderInfo
from models.photo import Photo, photo_from_array
from models.scenes.scenes import CLASS_NAMES, TEXTURE_NAMES, SceneOptions, render, sample_scene
from pages.common import choices, link, photos, thread, uploads

SCENES, OWN = "scenes", "own"
SOURCES = {SCENES: "Generated scenes", OWN: "My images"}
SCENE_COUNTS = (2, 4, 8, 12, 20, 30, 50)
MAX_IMAGES, MAX_MEGAPIXELS = 200, 200  # they are all held in memory
MAX_REFUSALS = 5  # shown one by one

_SOURCES_HELP = (
    "Over which images the contribution is measured. Scenes can be generated for the encoders that come with Encoderscope, "
    "whose classes they are."
)
_UPLOADER = "class_uploads"


def choose(info: EncoderInfo, class_idx: int, *, caption: bool = False) -> tuple[tuple[Photo, ...], list[str]]:
    """Draws the controls; the images, and a sentence for every file that was refused.

    ``caption`` is whether scenes carry a caption at first.
    """
    options = _scene_options(info, class_idx)
    names = {OWN: SOURCES[OWN]} if options is None else SOURCES
    source = choices.choose("Images of the class", "images", names, _SOURCES_HELP)
    if options is not None and source == SCENES:
        return _scenes(options, caption=caption), []
    refusals = _take_uploads()
    _draw_removal()
    images, unread = _bounded(image for of_file in _read_items() for image in of_file)
    return images, refusals + unread


def is_private() -> bool:
    """True if the images cannot be part of the link."""
    return st.session_state["images"] == OWN


def _scene_options(info: EncoderInfo, class_idx: int) -> SceneOptions | None:
    """What a scene of this class must contain; None if scenes mean nothing to this encoder."""
    name = info.class_names[class_idx]
    if set(info.class_names) <= set(CLASS_NAMES):
        return SceneOptions(class_idx=CLASS_NAMES.index(name))
    return SceneOptions(texture=name) if set(info.class_names) <= set(TEXTURE_NAMES) else None


def _scenes(options: SceneOptions, *, caption: bool) -> tuple[Photo, ...]:
    """Draws which scenes; the images."""
    link.settle("n", 12, SCENE_COUNTS.__contains__, word="number of scenes")
    link.settle("first", 0, range(photos.N_SCENES).__contains__, word="first scene")
    link.settle("caption", default=caption, word="a caption")
    n = st.select_slider(
        "Scenes",
        SCENE_COUNTS,
        key="n",
        persist_state="session",
        help="How many. More scenes give a more precise mean and take longer.",
    )
    first = st.number_input(
        "First scene",
        0,
        photos.N_SCENES - 1,
        key="first",
        persist_state="session",
        help="Every scene has a number; another start gives other images of the same class.",
    )
    watermark = st.toggle(
        "With a caption",
        key="caption",
        persist_state="session",
        help="Adds a watermark near a corner of every scene. One bundled encoder learned to rely on it for the class woven star.",
    )
    wanted = SceneOptions(class_idx=options.class_idx, texture=options.texture, watermark=watermark)
    return tuple(_rendered(seed, wanted) for seed in range(first, first + n))


@st.cache_resource(show_spinner=False, max_entries=512)
def _rendered(seed: int, options: SceneOptions) -> Photo:
    return photo_from_array(render(sample_scene(seed, options)).image, f"scene {seed}")


def _take_uploads() -> list[str]:
    """Draws the uploader and takes new files onto the shelf; a sentence for every file that is refused as a whole."""
    files = st.file_uploader(
        "Upload images of the class",
        type=uploads.WITH_ARCHIVES,
        accept_multiple_files=True,
        key=_UPLOADER,
        max_upload_size=uploads.MAX_MB,
        help=f"Images, or .zip archives of images; up to {MAX_IMAGES} images. They follow you from page to page, stay on this "
        "server until you leave, and are never part of a link.",
    )
    return thread.take_up(_UPLOADER, files, thread.put_for_class, thread.shelf().class_items)[1]


def _draw_removal() -> None:
    """Draws the button that takes all images of the class off the server, if there are any."""
    items = thread.shelf().class_items
    if items:
        st.button(
            "Remove these images" if len(items) > 1 else f"Remove {next(iter(items.values())).name}",
            key="remove class images",
            type="tertiary",
            icon=":material/delete:",
            on_click=items.clear,
            help="Deletes what you uploaded for a class from the server. Files that still stand in the field for uploads stay "
            "there unused.",
        )


def _read_items() -> Iterator[tuple[Photo | str, ...]]:
    """What is in each file on the shelf: read once, while there is room for it."""
    for item in thread.shelf().class_items.values():
        key = "class", item.sha256, item.name  # by name as well: that of another person is not to be seen
        images = thread.decoded().get(key)
        if images is None:
            images = tuple(_read_file(item.data, item.name))
            thread.decoded().put(key, images)
        yield images


def _read_file(data: bytes, name: str) -> Iterator[Photo | str]:
    """The images in a file or an archive, with a sentence for each that is refused; it ends beyond what can be held."""
    files = read_archive(data, name) if name.lower().endswith(".zip") else [Entry(name, data)]
    megapixels, n_images = 0.0, 0
    for file in files:
        image = uploads.read_upload(file.data, file.name) if isinstance(file, Entry) else file.reason
        if isinstance(image, Photo):
            megapixels, n_images = megapixels + _megapixels(image), n_images + 1
        yield image
        if n_images > MAX_IMAGES or megapixels > MAX_MEGAPIXELS:
            return  # `_bounded` says so


def _bounded(images: Iterable[Photo | str]) -> tuple[tuple[Photo, ...], list[str]]:
    """Each photo once and no more than can be held, and what was refused, the first few one by one."""
    kept: dict[str, Photo] = {}
    refused: list[str] = []
    megapixels, too_many = 0.0, False
    for image in images:
        if isinstance(image, str):
            refused.append(image)
        elif image.sha256 not in kept:
            megapixels += _megapixels(image)
            too_many = too_many or len(kept) == MAX_IMAGES or megapixels > MAX_MEGAPIXELS
            if not too_many:
                kept[image.sha256] = image
    return tuple(kept.values()), _sentences(refused, len(kept), too_many=too_many)


def _megapixels(photo: Photo) -> float:
    return photo.pixels.shape[0] * photo.pixels.shape[1] / 1e6


def _sentences(refused: list[str], n_kept: int, *, too_many: bool) -> list[str]:
    """What the page says of files that were not taken."""
    sentences, n_more = refused[:MAX_REFUSALS], len(refused) - MAX_REFUSALS
    if n_more > 0:
        sentences.append(f"And {n_more} more files were refused.")
    if too_many:
        limits = f"at most {MAX_IMAGES} images with {MAX_MEGAPIXELS} megapixels together are taken"
        sentences.append(f"Only the first {n_kept} images are used: {limits}. Upload fewer, or smaller ones.")
    return sentences
