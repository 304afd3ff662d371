"""The named parts that this session keeps, to be found in other photos: taken from a segmentation, or from a file."""

from dataclasses import dataclass

import streamlit as st

from explainers.nave.parts import Parts
from explainers.results.named_parts import MAX_BYTES, SUFFIX, NamedParts, named, read_parts
from explainers.service.part_questions import MeasureParts
from models.errors import UnreadableParts
from models.photo import Photo
from pages.common import jobs
from pages.common.text import escaped

_KEPT, _WANTED, _READ = "parts.kept", "parts.wanted", "parts.read"
_UPLOAD_HELP = "A file that was downloaded here, or written by 'segment --name'. It is not kept, and never part of a link."


@dataclass(frozen=True)
class Wanted:
    """Clusters that were named just now; how far they reach is still to be measured."""

    encoder_name: str
    photos: tuple[Photo, ...]
    parts: Parts
    names: tuple[str, ...]


def want(wanted: Wanted) -> None:
    """These are kept as soon as they are measured."""
    st.session_state[_WANTED] = wanted


def get() -> NamedParts | None:
    """The named parts that are kept; measures those that are wanted first."""
    wanted: Wanted | None = st.session_state.get(_WANTED)
    if wanted is not None:
        question = MeasureParts(wanted.encoder_name, wanted.photos, wanted.parts)
        st.session_state[_KEPT] = named(jobs.answer_or_stop("measure parts", question), wanted.names)
        del st.session_state[_WANTED]
    return st.session_state.get(_KEPT)


def upload() -> None:
    """Draws the uploader; a file that can be read takes the place of what is kept."""
    file = st.file_uploader(
        "File of named parts", "safetensors", key="parts file", max_upload_size=MAX_BYTES // 2**20, help=_UPLOAD_HELP
    )
    if file is None or file.file_id == st.session_state.get(_READ):
        return
    try:
        st.session_state[_KEPT] = read_parts(file.getvalue(), file.name)
    except UnreadableParts as refusal:
        st.error(escaped(str(refusal)), icon=":material/error:")
    else:
        st.session_state[_READ] = file.file_id
        st.rerun()


def file_name(kept: NamedParts) -> str:
    """What their file is called."""
    return "-".join("".join(c if c.isalnum() else "-" for c in name) for name in kept.names)[:60] + SUFFIX
