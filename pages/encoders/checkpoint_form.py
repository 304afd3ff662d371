"""Your own checkpoint: from two files, or one file and what you know of it, to an upload that the service can check.

Nothing is pressed to learn whether the weights fit: their header is matched against the architecture at every change.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.service.questions import AddEncoder
from explainers.service.service import ExplainerService, Job
from models.catalog import checkpoints, configs
from models.catalog.admission import Admission
from models.catalog.checkpoints import Checkpoint, CheckpointMatch, Upload
from models.catalog.formats import MB, PICKLE_SUFFIXES
from models.catalog.own_encoders import MAX_NAME, slugged
from models.errors import BadCheckpoint, EncoderscopeError, PickledCheckpoint
from pages.common import access, jobs, photos
from pages.common.encoder_choice import in_short
from pages.common.text import escaped
from pages.encoders import matching, own
from pages.encoders.status import in_bytes

_VIEW = "own checkpoint"
_BY_HAND = "By hand"
NORMALISATIONS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {  # mean and standard deviation per colour
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0.5": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "CLIP": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "None": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
_NORMALISATION_HELP = """How pixels between 0 and 1 were shifted and scaled in training: (value - mean) / standard deviation.

- **ImageNet**: most CNNs and torchvision's transforms
- **0.5**: from -1 to 1, as many transformers want it
- **CLIP**: OpenAI's image and text encoders
- **None**: as they are"""


def draw(service: ExplainerService) -> Job[Admission] | None:
    """The form; the check that was asked for, if there is one under way."""
    st.header("Add your own checkpoint", anchor=False, help="Any timm architecture. The weights are checked before they join.")
    if not access.may("encoders"):
        st.caption(escaped(f"{access.WHOSE['encoders']} {access.remedy()}"))
        return jobs.in_hand(_VIEW)
    try:
        upload = _filled_in(service)
    except PickledCheckpoint as refusal:
        _explain_pickle(refusal)
        upload = None
    except EncoderscopeError as refusal:
        st.error(escaped(str(refusal)), icon=":material/error:")
        upload = None
    if upload is not None:
        jobs.give_up(_VIEW)
        jobs.forget(_VIEW)
        jobs.asked(_VIEW, AddEncoder(upload, photos.sample("flower")))
    return jobs.in_hand(_VIEW)


def outcome(checking: Job[Admission]) -> Admission:
    """What the check found, with progress until then; a refusal is shown, and the page ends."""
    admission = jobs.result_or_stop(_VIEW, checking)
    jobs.forget(_VIEW)
    return admission


def _explain_pickle(refusal: PickledCheckpoint) -> None:
    st.error(escaped(str(refusal)), icon=":material/gpp_bad:")
    st.caption("This line, run where you trust the file, makes a model.safetensors of a model.pth:")
    st.code(checkpoints.CONVERT_COMMAND, language="bash", wrap_lines=True)


# --- the form -------------------------------------------------------------------------------------------------------------


def _filled_in(service: ExplainerService) -> Upload | None:
    """What the form says when its button is pressed; raises what is wrong with it."""
    weights, config_file = _files()
    if weights is None:
        st.caption("Choose a model.safetensors. With timm's config.json beside it, nothing else needs to be entered.")
        return None
    checkpoint = checkpoints.read_checkpoint(weights, weights.name)
    st.caption(_facts(checkpoint))
    if config_file is not None:
        config = configs.read_config(config_file.getvalue(), config_file.name)
        st.caption(escaped(_described(config)))
    else:
        config = _config_by_hand(checkpoint)
    if config is None:
        return None
    matched = matching.of_checkpoint(checkpoint, config)
    matching.draw(matched)
    name, replace, pressed = _name_and_button(service, matched, weights.name)
    return Upload(name, json.dumps(config), weights.getvalue(), replace) if pressed else None


def _files() -> tuple[UploadedFile | None, UploadedFile | None]:
    left, right = st.columns([3, 2], gap="medium")
    weights = left.file_uploader(
        "Weights: model.safetensors",
        [checkpoints.SUFFIX.removeprefix("."), *(suffix.removeprefix(".") for suffix in PICKLE_SUFFIXES)],
        key=_fresh("weights"),
        max_upload_size=checkpoints.MAX_BYTES // MB,
        help="Safetensors holds numbers and nothing else. Pickle files (.pt, .pth, .bin, .ckpt) can run code when they are "
        "opened: they are refused, with the way out.",
    )
    config = right.file_uploader(
        "Configuration: config.json (optional)",
        ["json"],
        key=_fresh("config"),
        max_upload_size=configs.MAX_CONFIG_BYTES // MB,
        help="As timm writes it beside its weights: architecture, classes, normalisation. Without it, you enter these below.",
    )
    return weights, config


def _fresh(key: str) -> str:
    """The key of a widget that is emptied when an encoder has joined."""
    return own.fresh(f"checkpoint {key}")


def _facts(checkpoint: Checkpoint) -> str:
    dtypes = ", ".join(sorted({tensor.dtype for tensor in checkpoint.tensors}))
    values = in_short(checkpoint.n_values)
    return f"{len(checkpoint.tensors)} tensors · {values} values · {dtypes} · {in_bytes(checkpoint.n_bytes)}"


def _described(config: dict[str, Any]) -> str:
    """A configuration in one line."""
    pretrained = config["pretrained_cfg"]
    size = pretrained.get("input_size", (3, 224, 224))[-1]
    classes = f"{config['num_classes']} classes" if config["num_classes"] else "no classifier"
    names = ["with names"] if pretrained.get("label_names") else []
    return " · ".join([config["architecture"], classes, *names, f"{size} px"])


def _config_by_hand(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """What a config.json would say; None until an architecture is chosen."""
    architecture = st.selectbox(
        "Architecture",
        configs.architectures(),
        index=None,
        key=_fresh("architecture"),
        placeholder="resnet50, vit_small_patch16_224 …",
        help="The name that timm knows it by: what you gave to timm.create_model. Type to search.",
    )
    if architecture is None:
        st.caption("Choose the architecture, or add a config.json above.")
        return None
    of = f"of {architecture} {checkpoint.header_sha256[:12]}"  # suggestions start afresh with every file and architecture
    usual = configs.usual(architecture)
    count, side = st.columns(2, gap="medium")
    n_classes = count.number_input(
        "Number of classes",
        0,
        1_000_000,
        configs.suggested_n_classes(checkpoint, architecture),
        key=_fresh(f"classes {of}"),
        help="Filled in from the classifier in the file. 0 means that there is none: maps yes, attribution no.",
    )
    input_size = side.number_input(
        "Input size",
        16,
        1024,
        usual.input_size,
        key=_fresh(f"size {of}"),
        help="The side, in pixels, of the images it was trained on.",
    )
    mean, std = _normalisation(usual, of)
    names = _class_names(n_classes, of)
    return configs.config_by_hand(architecture, n_classes, names, mean, std, input_size)


def _normalisation(usual: configs.Usual, of: str) -> tuple[Sequence[float], Sequence[float]]:
    default = next((name for name, values in NORMALISATIONS.items() if values == (usual.mean, usual.std)), _BY_HAND)
    choice = st.segmented_control(
        "Normalisation",
        [*NORMALISATIONS, _BY_HAND],
        default=default,
        required=True,
        key=_fresh(f"normalisation {of}"),
        help=_NORMALISATION_HELP,
    )
    if choice != _BY_HAND:
        return NORMALISATIONS[choice]
    left, right = st.columns(2, gap="medium")
    return _three(left, "Mean", usual.mean, of), _three(right, "Standard deviation", usual.std, of)


def _three(place: DeltaGenerator, label: str, default: Sequence[float], of: str) -> tuple[float, ...]:
    text = place.text_input(
        label, ", ".join(map(str, default)), key=_fresh(f"{label} {of}"), help="Three numbers: red, green, blue."
    )
    try:
        return tuple(float(part) for part in text.replace(",", " ").split()) or (0.0,)  # too few is refused like too many
    except ValueError as error:
        raise BadCheckpoint(f"{label} is “{text[:60]}”; three numbers are needed, such as 0.5, 0.5, 0.5.") from error


def _class_names(n_classes: int, of: str) -> list[str]:
    if not n_classes:
        return []
    text = st.text_area(
        "Class names (optional)",
        key=_fresh(f"names {of}"),
        height=120,
        placeholder="one per line, in the order of the classifier",
        help="Without names, 1000 classes are taken for ImageNet's, and others are numbered.",
    )
    return [line.strip() for line in text.splitlines() if line.strip()]


def _name_and_button(service: ExplainerService, matched: CheckpointMatch, file_name: str) -> tuple[str, bool, bool]:
    """The name, whether it may replace another one, and whether the check was asked for."""
    typed = st.text_input(
        "Name",
        suggested_name(file_name, matched.architecture),
        key=_fresh(f"name of {matched.architecture}"),
        max_chars=MAX_NAME,
        help="How it is called in the lists and on the command line: letters, digits, dots, dashes and underscores. "
        "Blanks become dashes.",
    )
    name = slugged(typed)
    if name != typed.strip():
        st.caption(escaped(f"It will be called “{name}”."))
    there = name.casefold() in (own.casefold() for own in service.catalog.own.names())
    replace = there and st.checkbox(
        escaped(f"Replace “{name}”, which is there already"),
        key=_fresh("replace"),
        help="The previous version can be restored with Undo for a day.",
    )
    pressed = st.button(
        "Check and add",
        type="primary",
        key=_fresh("add"),
        icon=":material/fact_check:",
        disabled=not matched.fits or (there and not replace),
        help="Runs a self-check on a sample photo: finite feature maps, depths for attribution, a prediction. "
        "The encoder is added only if it passes.",
    )
    return name, bool(replace), pressed


def suggested_name(file_name: str, architecture: str) -> str:
    """The file's own name where it says something, else the architecture's."""
    stem = Path(file_name).stem
    says_nothing = stem.casefold() in ("model", "pytorch_model", "checkpoint", "last", "best")
    return f"my-{architecture}" if says_nothing else slugged(stem)[:MAX_NAME]
