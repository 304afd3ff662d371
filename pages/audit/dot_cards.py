"""A card beside a dot of the map: its region in the photo, and what is known of it.

The browser has all of it before: the pictures as one sheet, which it is sent once, and the facts. Nothing is asked of the server
while the pointer moves, or while keys step from dot to dot.
"""

from pathlib import Path

import streamlit as st

from explainers.datasets.findings import Audit, RegionMap
from explainers.datasets.index import Index
from explainers.datasets.thumbnails import REGION_SIDE
from explainers.drawing.sheets import n_across
from pages.common.live_view.live_view import stored

_HERE = Path(__file__).parent
_KEY = "cards of the map"
_HTML = """<button class="keys" type="button">Step through the dots: arrow keys; Enter chooses the part</button>
<div class="over" popover="manual"><i class="ring"></i><div class="card" role="status">
<div class="picture" aria-hidden="true"></div>
<div class="facts"><b class="name"></b><span class="label"></span><span class="part"></span><span class="evidence"></span></div>
</div></div>"""

_component = st.components.v2.component(
    "dot_cards",
    html=_HTML,
    css=(_HERE / "dot_cards.css").read_text(),
    js=(_HERE / "dot_cards.js").read_text(),
)


def draw(chart_key: str, index: Index, audit: Audit, region_map: RegionMap) -> None:
    """Cards for the chart of a key, whose dots carry their place in the map as their second ``customdata``."""

    def choose() -> None:
        part = st.session_state[_KEY].part
        if type(part) is int and part in region_map.parts:
            st.session_state["part"] = part

    chart = f"st-key-{chart_key.replace(' ', '-')}"
    _component(
        key=_KEY,
        data={"chart": chart, "sheet": stored("sheet of the map", region_map.sheet), **facts(index, audit, region_map)},
        on_part_change=choose,
    )


def facts(index: Index, audit: Audit, region_map: RegionMap) -> dict:
    """What the cards say: of every photo its name, label and prediction, and of every dot its photo, part, area and evidence."""
    rows = dict.fromkeys(region_map.photo_idx.tolist())  # each photo once, in the order of the dots
    place = {row: n for n, row in enumerate(rows)}
    names, predicted = index.photos["name"].to_pylist(), index.photos["predicted"].to_pylist()
    described = zip(region_map.photo_idx.tolist(), region_map.parts.tolist(), region_map.areas, region_map.evidence, strict=True)
    return {
        "side": REGION_SIDE,
        "across": n_across(len(region_map.parts)),
        "photos": [[names[row], index.labels[names[row]] or "", audit.class_names[predicted[row]]] for row in rows],
        "dots": [[place[row], part, f"{area:.0%}", f"{evidence:.0%}"] for row, part, area, evidence in described],
    }
