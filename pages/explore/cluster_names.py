"""Names of clusters: given in a table, kept in this session for the photos, settings and granularity they were given at.

named     those of the granularity that is shown, in the link: per named cluster its number and its name, line by line
"""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explainers.nave.quality import cluster_table
from explainers.results.named_parts import MAX_NAME
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.photo import Photo
from pages.common import link
from pages.explore import appearance, kept_parts, similar

_NAMES, _BEFORE, _CHANGES = "names", "names.before", "names.changes"
_MOST_KEPT = 64  # of namings
_MOST_LINKED = 600  # characters: browsers and mail programs cut off very long addresses
_MEANING = "Gives clusters names: for the legend, the picture, tables and exports, and to find them in other photos."
_HELP = "Kept in this session for this granularity. Clusters with the same name count as one where they are looked for."

_TOO_LONG = "These names are too long for the link, which leaves them out."

Named = SegmentationResult | SegmentationsResult


def settle(result: Named) -> None:
    """Takes names from the link over, once the granularity is settled."""
    k, is_asked = st.session_state["k"], link.wish("named") is not None
    wanted = link.settle("named", "", lambda text: _read(text, k) is not None, word="names of clusters")
    names = _read(wanted, k)
    if is_asked and names:
        _keep(_key(result, k), names)
    tell(result, k)


def tell(result: Named, k: int) -> None:
    """The link names the clusters of the granularity that is shown, as far as it can hold them."""
    text = _shown(of(result, k))
    st.session_state["named"] = text if len(text) <= _MOST_LINKED else ""


def _shown(names: Sequence[str]) -> str:
    return "\n".join(f"{idx} {name}" for idx, name in enumerate(names) if name)


def _read(text: str, k: int) -> tuple[str, ...] | None:
    """One name per cluster from what `_shown` wrote; None if it is not that."""
    names = [""] * k
    for line in text[: _MOST_LINKED + 1].split("\n") if text else ():
        number, _, name = line.partition(" ")
        if not number.isdecimal() or int(number) >= k or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            return None
        names[int(number)] = " ".join(name.split())
    return tuple(names) if len(text) <= _MOST_LINKED else None


def of(result: Named, k: int) -> tuple[str, ...]:
    """One name per cluster, empty where it has none; () where none has one."""
    return st.session_state.get(_NAMES, {}).get(_key(result, k), ())


def in_words(result: Named, k: int) -> tuple[str, ...]:
    """What every cluster is called: its number, and its name if it has one."""
    names = of(result, k) or ("",) * k
    return tuple(f"{idx} {name}" if name else str(idx) for idx, name in enumerate(names))


def in_table(table: pd.DataFrame, result: Named, k: int) -> pd.DataFrame:
    """A table with one row per cluster, with a column of names behind that of the clusters where any has one."""
    names = of(result, k)
    if names:
        table = table.copy()
        table.insert(2, "Name", list(names))
    return table


def on_maps(result: Named, k: int) -> tuple[tuple[str, ...], ...]:
    """The names of the present granularity, for a view that has the maps of all of them."""
    segmentation = result.segmentation if isinstance(result, SegmentationResult) else result.segmentations[0]
    names = of(result, k)
    return tuple(names if own == k else () for own in segmentation.ks) if names else ()


def offer(photos: Sequence[Photo], result: Named, k: int, colours: Sequence[str]) -> None:
    """Draws the button with the table of names, and the way to other photos."""
    n_changes = st.session_state.get(_CHANGES, 0)
    with st.popover("Name clusters", icon=":material/label:", help=_MEANING, key=f"name clusters {n_changes}", width="content"):
        st.caption("Type a name for what a cluster shows, as many as you like, then keep them.")
        table = st.data_editor(
            _table(result, k, colours),
            hide_index=True,
            height="content" if k <= 9 else 360,
            width=420,
            key=f"names of {k} {n_changes}",
            disabled=["Colour", "Cluster", "Area"],
            column_config={
                "Colour": st.column_config.ImageColumn("", width=40),
                "Cluster": st.column_config.NumberColumn(width=60),
                "Area": st.column_config.NumberColumn(format="%.1f %%", width=70),
                "Name": st.column_config.TextColumn(max_chars=MAX_NAME, help=_HELP, width=170),
            },
        )
        written = tuple(" ".join(str(name or "").split()) for name in table["Name"])
        if len(_shown(written)) > _MOST_LINKED:
            st.caption(_TOO_LONG)
        with st.container(horizontal=True):
            st.button("Keep names", type="primary", key="keep names", on_click=_keep, args=(_key(result, k), written))
            if _BEFORE in st.session_state:
                st.button("Undo", icon=":material/undo:", key="undo names", help="Takes back the last change.", on_click=_undo)
        if st.session_state.get("keep names") or st.session_state.get("undo names"):
            link.rerun()  # the legend, the picture and the tables outside of this fragment show the names
        _offer_elsewhere(photos, result, k, written)


def _offer_elsewhere(photos: Sequence[Photo], result: Named, k: int, written: tuple[str, ...]) -> None:
    """Draws the button that takes the names to other photos."""
    keep = partial(_take_along, tuple(photos), result, k, written)
    meaning = "Finds these parts in other photos: every position goes to its nearest cluster, or is unknown."
    if st.button(
        "Use these names on new photos",
        icon=":material/arrow_forward:",
        key="use names",
        disabled=not any(written),
        help=meaning if any(written) else "Name a cluster first.",
        on_click=keep,
    ):
        link.rerun()


def _table(result: Named, k: int, colours: Sequence[str]) -> pd.DataFrame:
    segmentations = [result.segmentation] if isinstance(result, SegmentationResult) else result.segmentations
    areas = pd.DataFrame([[row.area for row in cluster_table(s.at(k), k)] for s in segmentations])
    return pd.DataFrame(
        {
            "Colour": [appearance.swatch(colour) for colour in colours],
            "Cluster": range(k),
            "Area": 100 * areas.mean().to_numpy(),
            "Name": list(of(result, k) or ("",) * k),
        }
    )


def _key(result: Named, k: int) -> tuple:
    return result.encoder.fingerprint, result.settings, result.photo_sha256s, k


def _keep(key: tuple, names: tuple[str, ...]) -> None:
    kept = st.session_state.setdefault(_NAMES, {})
    st.session_state[_BEFORE] = key, kept.pop(key, ())
    if any(names):
        kept[key] = names
    while len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
    st.session_state[_CHANGES] = st.session_state.get(_CHANGES, 0) + 1


def _undo() -> None:
    _keep(*st.session_state[_BEFORE])


def _take_along(photos: tuple[Photo, ...], result: Named, k: int, names: tuple[str, ...]) -> None:
    _keep(_key(result, k), names)
    segmentation = result.segmentation if isinstance(result, SegmentationResult) else result.segmentations[0]
    kept_parts.want(kept_parts.Wanted(result.encoder.name, photos, segmentation.parts(k), names))
    st.session_state["show"] = similar.PARTS
