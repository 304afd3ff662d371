"""The encoder of an index beside another one, on the same photos: what either rests on, and which photos change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explainers.datasets import kept
from explainers.datasets.changes import read_comparison
from explainers.datasets.index import Index
from explainers.datasets.runs import ComparisonRuns
from explainers.datasets.thumbnails import read_thumbnail, with_region
from models.errors import EncoderscopeError
from pages.audit import wall
from pages.common import access, door, jobs, thread, trail
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.runs import draw as draw_all
from pages.common.text import escaped

N_ROWS = 8  # of either end of the table
N_CHANGED = 12  # pictures of photos that change
_OTHER, _PAIR, _REFUSED = "other encoder", "pair of comparison", "audit.comparison refused"
_CARRIED = {"both": "both", "only first": "only this one", "only second": "only the other", "neither": "neither"}
_MEANINGS = {
    "Class": "What both encoders predict for these photos.",
    "Part": "A joint part: positions that both encoders together treat alike. A star where chance rarely gives as much.",
    "This one": "Mean share of the evidence for the class on the part, with the encoder of the index.",
    "The other": "The share with the other encoder, on the same photos.",
    "Difference": "The other less this one, with its 95 % interval over photos.",
    "p, Holm": "From exchanging the encoders in photos at random; corrected for all parts and classes.",
    "Carried by": "Which encoder puts more evidence there for this class than for others, by more than chance.",
    "Lies": "On objects or beside them, where masks or boxes say so.",
}

Record = dict[str, Any]


@st.cache_resource(show_spinner=False)
def runs() -> ComparisonRuns:
    """The comparisons that this process makes."""
    return ComparisonRuns(jobs.service())


def draw(index: Index) -> None:
    """The choice of the other encoder, what is in the making, and the newest comparison, or the one that is chosen."""
    st.header("Beside another encoder", anchor=False)
    _draw_form(index)
    if refused := st.session_state.pop(_REFUSED, None):
        st.error(escaped(refused), icon=":material/error:")
    draw_all(runs(), runs().all, _forget_choice, "Nothing of it is kept.", key="comparison runs")
    records = _records(tuple((path, path.stat().st_mtime_ns) for path in kept.comparison_files(index)))
    if not records:
        return
    names = {record["encoders"][1]["name"]: record for record in reversed(records)}
    chosen = st.selectbox("Compared with", [*reversed(names)], key="compared with") if len(names) > 1 else next(iter(names))
    _draw_comparison(index, names[chosen])


def _draw_form(index: Index) -> None:
    if not access.may("indexes"):
        st.caption(f"{access.WHOSE['indexes']} {access.remedy()}")
        return
    catalog = jobs.service().catalog
    learnt_from = door.learnt_from(catalog, index.encoder_name)
    others = (entry for entry in catalog.entries() if entry.name != index.encoder_name)
    entries = sorted(others, key=lambda entry: entry.learnt_from != learnt_from)  # those that may have its classes first
    titles = {entry.name: f"{entry.title} ↓" if entry.state == "needs download" else entry.title for entry in entries}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        help_text = "Both look at all photos of this index; it needs the same classes."
        st.selectbox("The other encoder", list(titles), format_func=titles.__getitem__, key=_OTHER, help=help_text)
        st.button("Compare", key="compare", on_click=_compare, args=(index,), help="It goes on when you leave this page.")


def _compare(index: Index) -> None:
    try:
        access.require("indexes")
        runs().start(index, st.session_state[_OTHER], thread.owner())
        trail.record(access.person().name, "audit", f"A comparison of '{index.name}' with another encoder was begun.")
    except EncoderscopeError as refusal:
        st.session_state[_REFUSED] = str(refusal)


def _forget_choice(run: object) -> None:
    """A comparison that was made just now is the newest, and shown."""
    st.session_state.pop("compared with", None)


@st.cache_data(show_spinner=False, max_entries=8)
def _records(files: tuple[tuple[Path, int], ...]) -> list[Record]:
    """The comparisons in files, as they were written at those times; a file that holds none is passed over."""
    records = (read_comparison(path.read_bytes()) for path, _ in files)
    return [record for record in records if record is not None]


def _draw_comparison(index: Index, record: Record) -> None:
    st.markdown("  \n".join(escaped(text) for text in record["sentences"]))
    rows = shown_rows(record)
    columns = {name: st.column_config.Column(help=meaning) for name, meaning in _MEANINGS.items()}
    shares = {name: st.column_config.NumberColumn(help=_MEANINGS[name], format="percent") for name in ("This one", "The other")}
    p_values = {"p, Holm": st.column_config.NumberColumn(help=_MEANINGS["p, Holm"], format="%.2g")}
    table = pd.DataFrame([table_row(row) for row in rows])
    st.dataframe(
        table, hide_index=True, alt="Parts and classes", key="table comparison", column_config=columns | shares | p_values
    )
    pairs = [place for place, row in enumerate(rows) if row["regions"]]
    if pairs:
        named = {place: f"Part {rows[place]['part']} for {rows[place]['class']}" for place in pairs}
        chosen = st.selectbox("Pictures of", pairs, format_func=named.__getitem__, key=_PAIR, help="A row of the table above.")
        _draw_regions(index, rows[chosen])
    _draw_changes(index, record)
    name = f"{file_stem(index.name, record['encoders'][1]['name'])}.json"
    files = [Download("Comparison", name, "application/json", json.dumps(record, indent=1).encode, "All of it as JSON.")]
    draw_downloads("comparison files", files)


def shown_rows(record: Record) -> list[Record]:
    """The rows of a comparison that are shown: where the other encoder gains most, and where it loses most."""
    rows = record["differences"]
    return rows if len(rows) <= 2 * N_ROWS else [*rows[:N_ROWS], *rows[-N_ROWS:]]


def table_row(row: Record) -> dict[str, str | float]:
    """One part for one class, as people read it."""
    low, high = row["interval"]
    star = " ★" if row["corrected_p_value"] <= 0.05 else ""
    return {
        "Class": row["class"],
        "Part": f"{row['part']}{star}",
        "This one": row["first"],
        "The other": row["second"],
        "Difference": f"{row['difference']:+.2f} [{low:+.2f}, {high:+.2f}]",
        "p, Holm": row["corrected_p_value"],
        "Carried by": _CARRIED[row["carried"]],
        "Lies": row["place"],
    }


def _draw_regions(index: Index, row: Record) -> None:
    shown = pictures(index, row)
    alts = [f"Part {row['part']} in {region['photo']}" for region in row["regions"] if region["photo"] in index.labels]
    st.image([picture for picture, _ in shown], caption=[caption for _, caption in shown], width=wall.WIDTH_PX, alt=alts)
    st.caption("Below each: the photo's label, and the share of its evidence with this encoder and the other.")


def pictures(index: Index, row: Record) -> list[tuple[np.ndarray, str]]:
    """A small picture (h, w, 3) and its caption for every region of a row whose photo the index has."""
    thumbnails = index.thumbnails({region["photo"] for region in row["regions"]})
    regions = [region for region in row["regions"] if region["photo"] in thumbnails]
    masks = [np.array([[cell == "1" for cell in line] for line in region["mask"]]) for region in regions]
    return [
        (
            with_region(read_thumbnail(thumbnails[region["photo"]]), mask),
            "{} · {:.0%} → {:.0%}".format(escaped(index.label_of(region["photo"])), *region["shares"]),
        )
        for region, mask in zip(regions, masks, strict=True)
    ]


def changed(index: Index, record: Record) -> list[tuple[np.ndarray, str, str]]:
    """A small picture (h, w, 3), its caption and its name for the first photos that are predicted otherwise."""
    first = record["changes"][:N_CHANGED]
    thumbnails = index.thumbnails({change["name"] for change in first})
    return [
        (read_thumbnail(thumbnails[change["name"]]), "{} → {}".format(*map(escaped, change["predicted"])), change["name"])
        for change in first
        if change["name"] in thumbnails
    ]


def _draw_changes(index: Index, record: Record) -> None:
    changes = record["changes"]
    if not changes:
        return
    with st.expander(f"Photos that are predicted otherwise ({len(changes)})", key="changes"):
        shown = changed(index, record)
        captions, names = [caption for _, caption, _ in shown], [name for _, _, name in shown]
        st.image([picture for picture, _, _ in shown], caption=captions, width=wall.WIDTH_PX, alt=names)
        rows = [
            {
                "Photo": change["name"],
                "Label": change["label"],
                "This one": change["predicted"][0],
                "The other": change["predicted"][1],
            }
            for change in changes
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Photos that change", key="table changes")
