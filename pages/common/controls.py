"""The sidebar's controls: from widgets to frozen settings. Nothing is computed here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from explainers.nave.settings import FITS, NaveSettings
from models.catalog import EncoderInfo
from models.catalog.catalog import Catalog, CatalogEntry
from models.errors import EncoderscopeError
from pages.common import link
from pages.common.text import plain

INPUT_SIZES = [224, 320, 448, 576, 768, 1024]
MAX_SEED = 9999
PREFERRED_ENCODER = "scenes-cnn"
SEARCH = "Every timm model"  # the group behind the search; the others are the catalog's

SCALINGS = {
    "balanced": "Every depth counts alike, whatever the size of its activations.",
    "raw": "Activations as they are: depths with large activations dominate.",
    "unit": "Only the direction of the activations counts, not their size.",
}
STATES = {"bundled": "comes with Encoderscope", "on disk": "on this machine", "needs download": "downloaded on first use"}


def encoder(catalog: Catalog) -> str | None:
    """Which encoder is looked into, by its catalog name; None if there is none at all."""
    entries = catalog.entries()
    name = link.settle("encoder", _default_encoder(entries), lambda name: known(catalog, name), kind=str)
    if name is None:
        return None
    groups = _groups(entries)
    _keep_group_in_step(groups, catalog.entry(name))
    group = st.selectbox(
        "How it was trained",
        [*groups, SEARCH],
        key="training",
        persist_state="session",
        help="Encoders learn to see in different ways. Choosing another group starts nothing yet.",
    )
    _pick(name, _found(catalog) if group == SEARCH else _titles(groups[group]))
    return name


def _default_encoder(entries: Sequence[CatalogEntry]) -> str | None:
    """One that opens without a network, if there is any."""
    names = [entry.name for entry in sorted(entries, key=lambda entry: entry.state == "needs download")]
    return PREFERRED_ENCODER if PREFERRED_ENCODER in names else next(iter(names), None)


def known(catalog: Catalog, name: str | None) -> bool:
    """Whether a page may open it: a link must not reach into the folders of the machine that runs the dashboard."""
    if not name or (name != Path(name).name and not name.startswith("hf-hub:")):
        return False
    try:
        catalog.entry(name)
    except EncoderscopeError:
        return False
    return True


def _groups(entries: Sequence[CatalogEntry]) -> dict[str, list[CatalogEntry]]:
    """The catalog by training, in its own order."""
    groups: dict[str, list[CatalogEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.training, []).append(entry)
    return groups


def _keep_group_in_step(groups: dict[str, list[CatalogEntry]], chosen: CatalogEntry) -> None:
    """Shows the chosen encoder's group whenever another encoder was chosen, by hand or by a link."""
    if st.session_state.get("training.of") != chosen.name:
        listed = chosen.name in (entry.name for entry in groups.get(chosen.training, ()))
        st.session_state["training"] = chosen.training if listed else SEARCH
        st.session_state["training.of"] = chosen.name


def _titles(group: Sequence[CatalogEntry]) -> dict[str, str]:
    """What the picker says of each encoder: its title, how large it is, an arrow if its weights are not here yet."""
    return {entry.name: " · ".join(_short_facts(entry)) for entry in group}


def _short_facts(entry: CatalogEntry) -> list[str]:
    size = [] if entry.n_parameters is None else [in_short(entry.n_parameters)]
    return [entry.title, *size, *(["↓"] if entry.state == "needs download" else [])]


def in_short(count: int) -> str:
    """A number of parameters in three digits or so."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def _pick(chosen: str, titles: dict[str, str]) -> None:
    st.session_state["pick"] = chosen if chosen in titles else None
    st.selectbox(
        "Encoder",
        list(titles),
        index=None,
        format_func=titles.get,
        key="pick",
        on_change=_choose_picked,
        placeholder="Choose one …",
        help="The frozen network to look into. An arrow ↓ means that its weights are fetched on first use.",
    )


def _choose_picked() -> None:
    if st.session_state["pick"] is not None:
        st.session_state["encoder"] = st.session_state["pick"]


def _found(catalog: Catalog) -> dict[str, str]:
    """A search field over every timm name; what it finds."""
    query = st.text_input(
        "Search",
        key="search",
        placeholder="resnet, dinov2, swin …",
        persist_state="session",
        help="Part of a model's name in timm; several words narrow the search.",
    )
    found = catalog.search(query or "")
    if not found:
        st.caption(plain(f"No timm model goes by “{query}”."))
    return {name: name for name in found}


def nave_settings(info: EncoderInfo) -> NaveSettings:
    """Depths, scaling, input size, fit and seed, within what this encoder allows."""
    return NaveSettings(depths=_depths(info), scaling=scaling(), input_size=_input_size(info), fit=fit(), seed=seed())


def _depths(info: EncoderInfo) -> tuple[int, ...]:
    available = [depth.idx for depth in info.depths]
    link.settle("depths", list(info.default_depths), lambda depths: bool(depths) and set(depths) <= set(available))
    chosen = st.pills(
        "Depths",
        available,
        selection_mode="multi",
        key="depths",
        persist_state="session",
        help="Which layers of the encoder are looked at together, from shallow to deep. Shallow depths follow colour and "
        "texture, deep ones objects.\n\n" + "\n".join(depth_lines(info)),
    )
    return tuple(sorted(chosen)) or info.default_depths


def depth_lines(info: EncoderInfo) -> list[str]:
    """What each depth is, as a Markdown list."""
    return [f"- **{d.idx}**: {d.n_channels} channels, one position every {d.reduction} px" for d in info.depths]


def scaling() -> str:
    """Draws the choice of how depths are made comparable."""
    return _one_of("Scaling", "scaling", SCALINGS, "How activations of different depths are made comparable.")


def fit() -> str:
    """Draws the choice of the positions on which clusters are found."""
    return _one_of("Fit", "fit", FITS, "On which positions clusters are found; every pixel gets its cluster in any case.")


def _one_of(label: str, key: str, meanings: Mapping[str, str], question: str) -> str:
    """Draws a choice between a few named ways, the first of which is the default, each explained on hover."""
    link.settle(key, next(iter(meanings)), meanings.__contains__)
    explained = "\n".join(f"- **{name}**: {meaning}" for name, meaning in meanings.items())
    return st.segmented_control(
        label, list(meanings), key=key, required=True, persist_state="session", help=f"{question}\n\n{explained}"
    )


def _input_size(info: EncoderInfo) -> int:
    if info.fixed_input:
        st.caption(f"This encoder takes {_own_size(info)} squares only, so the photo is squeezed into one.")
        return NaveSettings.input_size
    return input_size()


def input_size() -> int:
    """Draws the choice of how large encoders see the photo."""
    link.settle("size", NaveSettings.input_size, INPUT_SIZES.__contains__, word="input size")
    return st.select_slider(
        "Input size",
        INPUT_SIZES,
        key="size",
        persist_state="session",
        format_func="{} px".format,
        help="The photo is shown to the encoder with as many pixels as a square of this side. "
        "Larger finds smaller parts, and takes longer.",
    )


def _own_size(info: EncoderInfo) -> str:
    return f"{info.preprocessing.input_size} × {info.preprocessing.input_size} px"


def seed() -> int:
    """Draws the choice of the seed of clustering."""
    link.settle("seed", 0, range(MAX_SEED + 1).__contains__)
    return st.number_input(
        "Seed",
        0,
        MAX_SEED,
        key="seed",
        persist_state="session",
        help="Clustering starts from random positions. The same seed gives the same picture; "
        "another one shows how much is chance.",
    )
