"""Named parts of other photos, found in these: the distance beyond which a place is unknown follows the slider in the browser.

The fragment reruns when the limit changes; nothing is computed again.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from explainers.drawing.clusters import UNKNOWN_IDX, hex_colour, overlay
from explainers.drawing.sheets import captioned, contact_sheet
from explainers.results.files import as_csv, as_json, bundled, png
from explainers.results.found_parts import LIMITS, USUAL_LIMIT, FoundPartsResult, export_of_parts, parts_npz
from explainers.results.named_parts import NamedParts, parts_file
from explainers.results.records import photo_record, provenance_record
from explainers.service.part_questions import FindParts
from models.catalog import EncoderInfo
from models.errors import UnreadableParts
from models.photo import Photo
from pages.common import jobs, link
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.live_view.live_view import Controls, Cover, Pane, live_view
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.explore import appearance, collection_views, exports, kept_parts

_SHEET_SIDE = 480  # px of the longer side of a photo on a sheet
_LIMIT_HELP = (
    "How far a place may be from the nearest named cluster. 1 is the cluster's reach: within it lie 95 % of the places that the "
    "cluster had in the photos it was named in. What is farther, or nearest to a cluster without a name, is unknown."
)
_TABLE_HELP = "Distance: the middle one of the places under this name, in reaches of their cluster."


def found_or_stop(info: EncoderInfo, photos: tuple[Photo, ...]) -> FoundPartsResult:
    """Where the kept parts are in some photos; without any, says what to do, and the page ends there."""
    kept = kept_parts.get()
    if kept is None:
        st.info(
            "No named parts are kept yet. Choose “Clusters” above, give some a name with “Name clusters”, and press “Use these "
            "names on new photos”. Or upload a file of named parts.",
            icon=":material/label:",
        )
        kept_parts.upload()
        st.stop()
    try:
        kept.require_encoder(info)
    except UnreadableParts as refusal:
        st.warning(escaped(str(refusal)), icon=":material/label:")
        kept_parts.upload()
        st.stop()
    link.settle("limit", USUAL_LIMIT, LIMITS.__contains__, word="distance limit")
    link.settle("opacity", 55, range(101).__contains__)
    link.settle("outlines", default=True)
    return jobs.answer_or_stop("found parts", FindParts(info.name, photos, kept))


@st.fragment(key="parts")
def draw(photos: Sequence[Photo], result: FoundPartsResult, beside: Callable[[], None] | None) -> None:
    """One photo with what ``beside`` draws at its side, or several."""
    if beside is None:
        with st.container(key="stays"):
            _limit()
            _legend(result)
        place = st.container()
        on_page = collection_views.page(len(photos))
        with place:
            _live(photos, result, on_page, step=2)
        _below(photos, result)
    else:
        left, right = st.columns([8, 5], gap="medium")
        with left:
            _limit()
            _legend(result)
            _live(photos, result, range(1), step=1)
            _below(photos, result)
        with right:
            beside()
    link.write()


def _limit() -> None:
    st.select_slider(
        "Distance limit",
        LIMITS,
        key="limit",
        persist_state="session",
        format_func=lambda limit: "none" if limit == LIMITS[-1] else f"{limit:.1f}",
        help=_LIMIT_HELP,
    )


def _legend(result: FoundPartsResult) -> None:
    """The names with their colours."""
    colours = [*map(hex_colour, range(len(result.named.names))), hex_colour(UNKNOWN_IDX)]
    pairs = zip(colours, result.categories, strict=True)
    st.markdown("\u2003".join(f':color[\u2003]{{background="{colour}"}} {escaped(name)}' for colour, name in pairs))


def _live(photos: Sequence[Photo], result: FoundPartsResult, on_page: range, step: int) -> None:
    names = [*result.named.names, *[""] * (UNKNOWN_IDX - len(result.named.names)), "unknown"]
    panes = [
        Pane(
            id=str(n),
            photo=photos[n],
            maps=np.stack([result.picture(n, limit)[::step, ::step] for limit in LIMITS]),
            at=tuple(range(len(LIMITS))),
            alt=f"{photos[n].name}, seen by {result.encoder.name}",
            title=escaped(photos[n].name) if len(photos) > 1 else "",
            names=(tuple(names),),
        )
        for n in on_page
    ]
    state = st.session_state
    controls = Controls({"frame": "limit", "opacity": "opacity", "outlines": "outlines"}, together=True)
    live_view("found parts", panes, LIMITS, state["limit"], Cover(state["opacity"] / 100, state["outlines"]), controls)


def _below(photos: Sequence[Photo], result: FoundPartsResult) -> None:
    """How it is drawn, the table, where the names come from, and the downloads."""
    opacity, outlines = st.columns([1, 2], gap="medium", vertical_alignment="bottom")
    opacity.slider("Opacity", 0, 100, key="opacity", format="%d %%", persist_state="session", help="Of the colours on the photo.")
    outlines.toggle("Outlines", key="outlines", persist_state="session", help="Lines between parts.")
    _table(result)
    st.caption(escaped(origin(result.named)))
    with st.expander("Other names"):
        kept_parts.upload()
    draw_downloads("download parts", _files(photos, result), exports.of(export_of_parts(result, st.session_state["limit"])))


def origin(named: NamedParts) -> str:
    """Where names come from, in a sentence."""
    first, n = named.photos[0].name if named.photos else "no photo", len(named.photos)
    whose = f"“{first}”" if n == 1 else f"{n} photos (“{first}” and others)"
    n_named, n_all = sum(map(bool, named.given)), len(named.given)
    without = "" if n_named == n_all else " The others take part without a name: what is nearest to them is unknown."
    return f"Named in {whose}: {n_named} of {n_all} clusters.{without}"


def _table(result: FoundPartsResult) -> None:
    rows = pd.DataFrame(result.part_rows(st.session_state["limit"]))
    shown = rows.groupby("name", sort=False).agg(
        colour=("colour", "first"), area=("area", "mean"), distance=("distance", "median")
    )
    in_photos = rows[rows["area"] > 0].groupby("name").size()
    table = pd.DataFrame(
        {
            "Colour": [appearance.swatch(colour) for colour in shown["colour"]],
            "Name": shown.index,
            "Area": 100 * shown["area"].to_numpy(),
            "Photos": [int(in_photos.get(name, 0)) for name in shown.index],
            "Distance": shown["distance"].to_numpy(),
        }
    )
    st.dataframe(
        table if len(result.in_photos) > 1 else table.drop(columns="Photos"),
        hide_index=True,
        placeholder="–",
        height="content",
        alt="Named parts",
        column_config={
            "Colour": st.column_config.ImageColumn(width=55),
            "Area": st.column_config.ProgressColumn(format="%.1f %%", max_value=100, width=130),
            "Photos": st.column_config.NumberColumn(help="In how many photos this name occurs.", width=70),
            "Distance": st.column_config.NumberColumn(format="%.2f", help=_TABLE_HELP, width=80),
        },
    )


def _files(photos: Sequence[Photo], result: FoundPartsResult) -> list[Download]:
    limit, n = st.session_state["limit"], len(photos)
    stem = file_stem("set" if n > 1 else photos[0].name.rsplit(".", 1)[0], result.encoder.name, "parts")
    maps = f"{stem}.zip" if n > 1 else f"{stem}.npz"
    rows = partial(result.part_rows, limit)
    named = result.named
    return [
        Download(
            "Picture", f"{stem}.png", "image/png", partial(picture_png, photos, result, limit), "This picture as a PNG file."
        ),
        Download("Maps", maps, "application/octet-stream", partial(_maps, result, limit), "Names and distances as an NPZ file."),
        Download("Parts", f"{stem}.csv", "text/csv", lambda: as_csv(rows()), "Shares and distances as a CSV file."),
        Download(
            "Settings", f"{stem}.json", "application/json", partial(_settings, result, limit), "What it takes to get it again."
        ),
        Download(
            "Named parts",
            kept_parts.file_name(named),
            "application/octet-stream",
            partial(parts_file, named),
            "The names with their clusters: upload the file here another day, or give it to 'segment --names'.",
        ),
    ]


def picture_png(photos: Sequence[Photo], result: FoundPartsResult, limit: float) -> bytes:
    """One photo at its full size, or several on one sheet, with a line that says what is shown."""
    what = f"seen by {result.encoder.name} · {', '.join(result.named.names)} · limit {limit:g}"
    if len(photos) == 1:
        return png(captioned(overlay(photos[0].pixels, result.picture(0, limit)), f"{photos[0].name} · {what}"))
    pictures = [overlay(on_screen(photo, _SHEET_SIDE), result.picture(n, limit)) for n, photo in enumerate(photos)]
    return png(contact_sheet(pictures, [photo.name for photo in photos], f"{len(photos)} photos · {what}"))


def _maps(result: FoundPartsResult, limit: float) -> bytes:
    files = [parts_npz(result, n, limit) for n in range(len(result.in_photos))]
    return files[0] if len(files) == 1 else bundled(result.photo_names, files)


def _settings(result: FoundPartsResult, limit: float) -> bytes:
    photos = [photo_record(photo) for photo in result.provenance.photos]
    return as_json({"photos": photos, "named_parts": result.named.record, "limit": limit} | provenance_record(result.provenance))
