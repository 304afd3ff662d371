"""An audit on the screen: what stands out, the parts of a class, a wall of their regions, and where the network fails."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from explainers.datasets.findings import Audit, RankedConcepts
from explainers.datasets.index import Index
from pages.audit import causes, choice, concept_making, concepts_beside, downloads, part_map, searching, wall
from pages.audit.rows import NUMBERS, P_VALUES, SHARES, Row, evidence_rows, failure_rows, replaced_rows, sentence, standing_out
from pages.common import access
from pages.common.downloads import draw_downloads
from pages.common.text import escaped

_MEANINGS = {
    "Part": "Its number, or the name of a concept; a star where it is more than chance, over everything tested together: parts "
    "with parts, concepts with concepts.",
    "Responds to": "The concepts to which the part responds more than chance; of a concept, the parts that respond to it.",
    "Evidence": "Mean share of the evidence for the class, in photos predicted as it.",
    "Elsewhere": "Mean share of the evidence for what is predicted, in all other photos.",
    "Difference": "Evidence minus elsewhere, with its 95 % interval over photos: what parts are ranked by.",
    "Drop": "How far the logit of the class falls if the part is replaced by what surrounds it: mean over photos, with its 95 % "
    "interval over photos.",
    "Other places": "The mean drop with the same shape at other places of the same photos.",
    "Photos": "In how many it was replaced: drawn among those that are predicted as the class and have the part.",
    "Changed": "Share of the photos in which another class is the most probable one then.",
    "Superiority": "Probability that a photo of the class has more evidence on this part than another photo.",
    "In the class": "Share of the photos of the class that have the part.",
    "In others": "Share of all other photos that have it.",
    "p": "From permutations of parts over photos; of errors, Fisher's exact test; of drops, from other places of the photos.",
    "p, Holm": "Corrected for everything tested together.",
    "Other k": "Numbers of parts at which the part around its middle is significant as well.",
    "Lies": "On objects or beside them, where masks or boxes say so.",
    "Risk ratio": "Share of errors with the part over the share without it, with its 95 % interval.",
}
_ROWS = 8  # of a table at first
_WIDEST_PX = 240  # of a column of names


def draw_nothing() -> None:
    """What the page says before there is an index."""
    if not access.may("indexes"):
        st.info(f"There is no index yet. {access.WHOSE['indexes']} {access.remedy()}")
        return
    st.info(
        "There is no index yet; one of rendered scenes is made when this page is first opened. For data of your own, whoever "
        "runs this server names their folder in ENCODERSCOPE_DATA; then “Make an index” in the sidebar offers them."
    )


def draw(index: Index, audit: Audit) -> bool:
    """The whole audit; whether a photo was searched with that cannot be part of the link."""
    if not audit.tested:
        st.info("No class is predicted for enough photos; at least 5 of it and 5 of others are needed. Add photos.")
        return searching.draw(index, audit.k, ())
    with st.container(border=True, key="standing out"):
        st.markdown(f"**{escaped(sentence(audit))}**")
        st.caption(_about(index, audit))
    st.header("What carries the evidence", anchor=False)
    class_idx = choice.class_idx(audit)
    class_name = audit.class_names[class_idx]
    concepts = concepts_beside.asked(index, audit.k)
    _draw_table("evidence", evidence_rows(audit, class_idx, concepts), f"Parts for {class_name}")
    if replaced := causes.asked(index, audit, class_idx):
        _draw_table("replaced", replaced_rows(audit, replaced), f"What {class_name} loses without its first parts")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = choice.part(audit, class_idx)
        concept_making.offer(index, audit, class_idx, part)
    wall.draw(index, audit.k, class_idx, part)
    st.header("Where it fails", anchor=False)
    _draw_failures(audit, concepts)
    draw_downloads("audit files", downloads.files(downloads.Taken(index, audit, replaced, concepts)))
    is_private = searching.draw(index, audit.k, range(audit.k))
    part_map.draw(index, audit, part)
    with st.expander("How it was made"):
        st.markdown(how_it_was_made(index))
    return is_private


def _about(index: Index, audit: Audit) -> str:
    """What the sentence rests on."""
    n_classes = len({row.class_idx for row in standing_out(audit)})
    refused = index.manifest["n_files"] - audit.n_photos
    unread = f", {refused} could not be read" if refused else ""
    return (
        f"{audit.n_photos} photos{unread}; {len(audit.tested)} classes × {audit.k} parts tested together. In {n_classes} classes "
        "a part carries more than chance. That a part carries evidence says that the network uses it; whether it should is for "
        "you to say."
    )


def _draw_failures(audit: Audit, concepts: RankedConcepts | None) -> None:
    if not audit.n_labelled:
        st.caption("No label of this data set is the name of a class, so nothing is known of errors.")
        return
    st.caption(f"{audit.n_wrong} of {audit.n_labelled} photos with a label are predicted as another class.")
    if rows := failure_rows(audit, concepts):
        _draw_table("failures", rows, "Parts and errors")


def _draw_table(key: str, rows: list[Row], alt: str) -> None:
    shares = {name: st.column_config.NumberColumn(help=_MEANINGS[name], format="percent") for name in SHARES}
    numbers = {name: st.column_config.NumberColumn(help=_MEANINGS[name], format="%.2f") for name in NUMBERS}
    p_values = {name: st.column_config.NumberColumn(help=_MEANINGS[name], format="%.2g") for name in P_VALUES}
    others = {name: st.column_config.Column(help=meaning) for name, meaning in _MEANINGS.items()}
    names = {"Part": st.column_config.Column(help=_MEANINGS["Part"], width=_width(str(row["Part"]) for row in rows))}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=36 * (_ROWS + 1) if len(rows) > _ROWS else "content",
        alt=alt,
        key=f"table {key}",
        column_config=others | shares | numbers | p_values | names,
    )


def _width(texts: Iterable[str]) -> int:
    """Of a column, in pixels: its longest text is seen whole, up to a limit."""
    return min(_WIDEST_PX, 24 + 8 * max(map(len, texts)))


def how_it_was_made(index: Index) -> str:
    """Data, encoder, parts and versions, in Markdown."""
    manifest, settings = index.manifest, index.manifest["settings"]
    stability = ", ".join(f"{k}: {value:.2f}" for k, value in manifest["stability"].items())
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    return (
        f"Data: {escaped(manifest['data'])}  \n"
        f"Encoder: {escaped(index.encoder_name)} (`{manifest['encoder']['fingerprint'][:8]}`), "
        f"depth {settings['depth']} (`{manifest['module']}`), {settings['input_size']} px  \n"
        f"Index: `{index.key[:8]}`; stability of parts between seeds, by k: {stability}  \n"
        f"Encoderscope {manifest['encoderscope']}; {escaped(versions)}"
    )
