"""The map of parts: a sample of regions on a plane. A click on a dot chooses its part above; filters say which photos count, and
how to ask the files of the index the same.

    map      whether it is shown
    filters  the conditions as JSON, by column: {"label": ["cat"], "probability": {"from": 0, "to": 0.5}}

Both are part of the link.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st

from explainers.datasets.filters import Between, Condition, OneOf, as_sql, as_text, holding, read_conditions
from explainers.datasets.findings import Audit, RegionMap
from explainers.datasets.index import Index
from explainers.datasets.questions import MapRegions
from pages.audit import dot_cards
from pages.common import jobs, link, plots, theme
from pages.common.text import escaped

_HELP = (
    "Some regions of all photos, those that the encoder treats alike near each other (t-SNE). Neighbours mean something; how far "
    "groups lie apart, and how large they are, does not. Rest on a dot to see its region, click it to choose its part."
)
_FILTER_HELP = "Only photos for which all of it holds count; the regions of others are faint."
_COLUMNS = ("label", "split", "predicted", "probability", "height", "width")
_MOST_VALUES = 200  # of a column from which some are chosen; more numbers are a range
_CHART = "map of parts"
_COLUMNS_KEY = "filter by"


def draw(index: Index, audit: Audit, part: int) -> None:
    """The section, while it is switched on."""
    st.header("Map of parts", anchor=False, help=_HELP)
    link.settle("map", default=False, word="map of parts")
    if not st.toggle("Show the map", key="map", persist_state="session", help="It takes some seconds the first time."):
        return
    region_map = jobs.answer_or_stop("audit map", MapRegions(index.folder, index.key, audit.k))
    conditions = _conditions(index, audit)
    counts = holding(conditions, index.photos)[region_map.photo_idx]
    figure = chart(region_map, counts, part)
    plots.draw_selectable(figure, _CHART, f"{len(counts)} regions on a plane, part {part} marked", _choose)
    dot_cards.draw(_CHART, index, audit, region_map)
    st.caption(
        f"{len(counts)} of all regions; orange: part {part}, {(counts & (region_map.parts == part)).sum()} of them."
        + (f" {counts.sum()} lie in the {holding(conditions, index.photos).sum()} photos that are chosen." if conditions else "")
    )
    with st.expander("The same as SQL", icon=":material/database:", key="sql"):
        st.caption(f"DuckDB reads it in the folder of the index, `{escaped(index.name)}`.")
        st.code(as_sql(conditions, audit.k), language="sql")


def _choose() -> None:
    """The part of the dot that was clicked is the one that is shown."""
    points = st.session_state[_CHART].selection.points
    if points:
        st.session_state["part"] = int(points[0]["customdata"][0])


def chart(region_map: RegionMap, counts: np.ndarray, part: int) -> go.Figure:
    """One dot per region (n,): faint where its photo does not count, ``counts`` (n,), orange where it is of the part."""
    marked = counts & (region_map.parts == part)
    groups = [
        ("not chosen", ~counts, theme.faint(theme.GREY, 0.2), 5),
        ("other parts", counts & ~marked, theme.faint(theme.BLUE, 0.6), 6),
        (f"part {part}", marked, theme.ORANGE, 9),
    ]
    traces = []
    for name, chosen, colour, size in groups:
        traces.append(
            go.Scattergl(
                x=region_map.places[chosen, 0],
                y=region_map.places[chosen, 1],
                mode="markers",
                name=name,
                marker={"color": colour, "size": size},
                customdata=np.stack([region_map.parts[chosen], np.flatnonzero(chosen)], 1).tolist(),  # the part, and which dot
                hoverinfo="none",  # dot_cards.py shows more
            )
        )
    hidden = {"visible": False, "fixedrange": False}
    layout = {"height": 480, "margin": theme.BELOW_LEGEND, "legend": theme.LEGEND_ABOVE, "xaxis": hidden, "yaxis": hidden}
    return go.Figure([trace for trace in traces if len(trace.x)], layout | {"dragmode": "pan", "clickmode": "event+select"})


# --- filters --------------------------------------------------------------------------------------------------------------


def _conditions(index: Index, audit: Audit) -> list[Condition]:
    """Draws the choice of columns, and of values of each; the link keeps what they leave out as `filters`."""
    photos, state = index.photos, st.session_state
    columns = columns_of(index)
    is_new = link.wish("filters") is not None or _COLUMNS_KEY not in state
    text = link.settle("filters", "", lambda text: _are_possible(text, photos, columns), word="filters")
    if is_new:
        _choosevalues_of(read_conditions(text))
    chosen = st.multiselect("Filter by", columns, key=_COLUMNS_KEY, placeholder="Choose columns", help=_FILTER_HELP)
    conditions = [condition for column in chosen if (condition := _condition(photos, column, audit)) is not None]
    state["filters"] = as_text(conditions)
    return conditions


def _are_possible(text: str, photos: pa.Table, columns: Sequence[str]) -> bool:
    """Whether a text holds conditions that the controls of these columns can show."""
    try:
        return all(condition.column in columns and _is_possible(condition, photos) for condition in read_conditions(text))
    except ValueError:
        return False


def _is_possible(condition: Condition, photos: pa.Table) -> bool:
    values = values_of(photos, condition.column)
    if isinstance(condition, Between):
        return _is_range(condition.column, values) and min(values) <= condition.low <= condition.high <= max(values)
    return not _is_range(condition.column, values) and set(condition.values) <= set(values[:_MOST_VALUES])


def _choosevalues_of(conditions: Sequence[Condition]) -> None:
    """The controls show these conditions."""
    st.session_state[_COLUMNS_KEY] = [condition.column for condition in conditions]
    for condition in conditions:
        value = list(condition.values) if isinstance(condition, OneOf) else (condition.low, condition.high)
        st.session_state[f"filter {condition.column}"] = value


def _condition(photos: pa.Table, column: str, audit: Audit) -> Condition | None:
    """Draws the choice of values of one column; None while it leaves out nothing."""
    values, key = values_of(photos, column), f"filter {column}"
    if _is_range(column, values):
        low, high = float(min(values)), float(max(values))
        first, last = st.session_state.get(key, (low, high))
        chosen = st.session_state[key] = (float(np.clip(first, low, high)), float(np.clip(last, low, high)))  # of another index
        st.slider(column, low, high, key=key, help="Both ends count.")
        return None if chosen == (low, high) else Between(column, *chosen)
    wanted = st.multiselect(
        column,
        values[:_MOST_VALUES],
        format_func=lambda value: audit.class_names[value] if column == "predicted" else str(value) or "(none)",
        key=key,
        placeholder="Choose values",
        help="Photos with any of these count.",
    )
    return OneOf(column, tuple(wanted)) if wanted else None


def _is_range(column: str, values: Sequence) -> bool:
    """Whether the values of a column are chosen as a range: more than two, all of them numbers."""
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return column != "predicted" and are_numbers and len(values) > 2


def columns_of(index: Index) -> list[str]:
    """By which columns photos can be chosen: those that are not the same everywhere."""
    there = set(index.photos.column_names)
    return [column for column in (*_COLUMNS, *index.columns) if column in there and values_of(index.photos, column)]


def values_of(photos: pa.Table, column: str) -> list:
    """The values of a column that occur, in order; nothing where all are the same."""
    values = sorted({value for value in photos[column].to_pylist() if value is not None and value == value})
    return values if len(values) > 1 else []
