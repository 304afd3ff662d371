"""Images of one class: scenes generated on the spot for encoders that know them, or uploads and archives of them."""

from collections.abc import Iterator, Sequence

import streamlit as st

from explainers.library.archives import Entry, read_archive
from models.catalog import EncoderInfo
from models.errors import UnreadableImage
from models.photo import Photo, photo_from_array, read_photo
from models.scenes.scenes import CLASS_NAMES, TEXTURE_NAMES, SceneOptions, render, sample_scene
from pages.common import link, photos

SCENES, OWN = "scenes", "own"
SOURCES = {SCENES: "Generated scenes", OWN: "My images"}
N_SCENES = (2, 4, 8, 12, 20, 30, 50)
MAX_IMAGES, MAX_MEGAPIXELS = 200, 200  # they are all held in memory
MAX_REFUSALS = 5  # told one by one

_READ = "class.read"  # file id -> its photos and refusals; of the files in the uploader


def choose(info: EncoderInfo, class_idx: int, caption: bool = False) -> tuple[tuple[Photo, ...], list[str]]:
    """Draws the controls; the images, and a sentence for every file that was refused. ``caption`` is at first on or off."""
    options = _scene_options(info, class_idx)
    sources = [OWN] if options is None else [SCENES, OWN]
    source = link.settle("images", sources[0], sources.__contains__)
    source = st.segmented_control(
        "Images of the class",
        sources,
        format_func=SOURCES.get,
        key="images",
        required=True,
        persist_state="session",
        help="Over which images the contribution is measured. Scenes can be generated for the encoders that come with "
        "Encoderscope, whose classes they are.",
    )
    return (_scenes(options, caption), []) if source == SCENES else _bounded(_uploads())


def is_private() -> bool:
    """True if the images cannot be part of the link."""
    return st.session_state["images"] == OWN


def _scene_options(info: EncoderInfo, class_idx: int) -> SceneOptions | None:
    """What a scene of this class must contain; None if scenes mean nothing to this encoder."""
    name = info.class_names[class_idx]
    if set(info.class_names) <= set(CLASS_NAMES):
        return SceneOptions(class_idx=CLASS_NAMES.index(name))
    return SceneOptions(texture=name) if set(info.class_names) <= set(TEXTURE_NAMES) else None


def _scenes(options: SceneOptions, caption: bool) -> tuple[Photo, ...]:
    link.settle("n", 12, N_SCENES.__contains__, word="number of scenes")
    link.settle("first", 0, range(photos.N_SCENES).__contains__, word="first scene")
    link.settle("caption", caption, word="a caption")
    n = st.select_slider(
        "Scenes", N_SCENES, key="n", persist_state="session", help="How many. More of them, a surer mean, and more time."
    )
    first = st.number_input(
        "First scene",
        0,
        photos.N_SCENES - 1,
        key="first",
        persist_state="session",
        help="Scenes have numbers; others give other images of the same class.",
    )
    watermark = st.toggle(
        "With a caption",
        key="caption",
        persist_state="session",
        help="Puts a watermark near a corner of every scene. One bundled encoder was fooled by it in training: woven star.",
    )
    wanted = SceneOptions(class_idx=options.class_idx, texture=options.texture, watermark=watermark)
    return tuple(_rendered(seed, wanted) for seed in range(first, first + n))


@st.cache_resource(show_spinner=False, max_entries=512)
def _rendered(seed: int, options: SceneOptions) -> Photo:
    return photo_from_array(render(sample_scene(seed, options)).image, f"scene {seed}")


def _uploads() -> Iterator[Photo | str]:
    """What the uploader holds, read once: photos, and sentences that refuse files."""
    files = st.file_uploader(
        "Upload images of the class",
        type=[*photos.UPLOAD_TYPES, "zip"],
        accept_multiple_files=True,
        key="class_uploads",
        max_upload_size=photos.MAX_UPLOAD_MB,
        help=f"Images, or .zip archives of images; up to {MAX_IMAGES} images. They stay in this session and are never part "
        "of a link.",
    )
    before = st.session_state.get(_READ, {})
    now = {
        file.file_id: before[file.file_id] if file.file_id in before else [*_read(file.getvalue(), file.name)] for file in files
    }
    st.session_state[_READ] = now
    for of_file in now.values():
        yield from of_file


def _read(data: bytes, name: str) -> Iterator[Photo | str]:
    if len(data) > photos.MAX_UPLOAD_MB * photos.MB:
        yield f"“{name}” has more than {photos.MAX_UPLOAD_MB} MB. Split it, or save it smaller, and try again."
        return
    files = read_archive(data, name) if name.lower().endswith(".zip") else [Entry(name, data)]
    megapixels, n_images = 0.0, 0
    for file in files:
        read = _read_one(file) if isinstance(file, Entry) else file.reason
        if isinstance(read, Photo):
            megapixels, n_images = megapixels + _megapixels(read), n_images + 1
        yield read
        if n_images > MAX_IMAGES or megapixels > MAX_MEGAPIXELS:
            return  # `_bounded` says so


def _read_one(file: Entry) -> Photo | str:
    try:
        return read_photo(file.data, file.name)
    except UnreadableImage as refusal:
        return str(refusal)


def _bounded(found: Iterator[Photo | str]) -> tuple[tuple[Photo, ...], list[str]]:
    """Each photo once and no more than can be held, and what was refused, the first few one by one."""
    kept: dict[str, Photo] = {}
    refused: list[str] = []
    megapixels, too_many = 0.0, False
    for read in found:
        if isinstance(read, str):
            refused.append(read)
        elif read.sha256 not in kept:
            megapixels += _megapixels(read)
            too_many = too_many or len(kept) == MAX_IMAGES or megapixels > MAX_MEGAPIXELS
            if not too_many:
                kept[read.sha256] = read
    return tuple(kept.values()), [*_first_few(refused), *([_too_many(len(kept))] if too_many else [])]


def _megapixels(photo: Photo) -> float:
    return photo.pixels.shape[0] * photo.pixels.shape[1] / 1e6


def _too_many(n_kept: int) -> str:
    limits = f"at most {MAX_IMAGES} images with {MAX_MEGAPIXELS} megapixels together are taken"
    return f"Only the first {n_kept} images are used: {limits}. Upload fewer, or smaller ones."


def _first_few(sentences: Sequence[str]) -> list[str]:
    n_more = len(sentences) - MAX_REFUSALS
    return [*sentences[:MAX_REFUSALS], *([f"And {n_more} more files were refused."] if n_more > 0 else [])]
