"""What stands around an explanation of a photo and of a class alike: refusals, what an attribution is, downloads."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from explainers.results.explanations import ClassExplanation, LocalExplanation
from explainers.results.files import as_csv, as_json
from explainers.results.records import explanation_record
from explainers.results.tables import rows_of
from explainers.visual_tcav.verdicts import Verdict
from models.catalog import EncoderInfo
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.text import escaped

ATTRIBUTION = (
    "**Attribution** is the share of the evidence for a class that lies where the concept is seen, in channels that point "
    "along it."
)


def require_classifier(info: EncoderInfo) -> None:
    """Ends the page with a sentence where there is no class to attribute to."""
    if not info.has_classifier:
        st.info(
            f"{escaped(info.name)} was trained without classes, so there is no class to attribute to. Choose an encoder with "
            "a classifier in the sidebar; the Explore page works with this one.",
            icon=":material/arrow_back:",
        )
        st.stop()


def refused_depths(reasons: Mapping[int, str]) -> None:
    """One line for every depth that nothing can be attributed to."""
    for depth, reason in reasons.items():
        st.caption(f":material/block: Depth {depth} is left out. {escaped(reason)}")


def domain_doubts(explanation: LocalExplanation | ClassExplanation) -> None:
    """One line on the concepts whose images are, or may be, of another kind than the random ones."""
    domains = {c.concept: c.health.domain for c in explanation.concepts if c.health.domain is not None}
    for doubt, verdict in (("apart", Verdict.MISMATCHED), ("unproven", Verdict.UNPROVEN)):
        names = [name for name, domain in domains.items() if domain.doubt == doubt]
        if names:
            listed = ", ".join(f"“{name}”" for name in names)
            badge = f":orange-badge[{verdict.value.capitalize()}]"
            st.markdown(f"{badge} {escaped(listed)}: {verdict.sentence} The Concepts page makes one.")


def verdicts_explained(words: Sequence[str]) -> None:
    """One line that says what the verdicts of a table mean, each once."""
    used = [verdict for verdict in Verdict if verdict.value in words]
    if used:
        st.caption(" ".join(f"**{verdict.value.capitalize()}**: {verdict.sentence}" for verdict in used))


def set_warnings(sentences: Sequence[str]) -> None:
    """What is doubtful about the images behind the verdicts: repeats, and what the random counterpart has, too."""
    for sentence in sentences:
        st.warning(escaped(sentence), icon=":material/photo_library:")


def three_digits(meaning: str, width: int | None = None) -> ColumnConfig:
    """A column of numbers in a table."""
    return st.column_config.NumberColumn(format="%.3f", help=meaning, width=width)


def downloads(explanation: LocalExplanation | ClassExplanation, make_report: Callable[[], bytes]) -> None:
    """Draws the downloads: the table, the record and the report."""
    if isinstance(explanation, LocalExplanation):
        kind, about = "photo", explanation.photo_name.rsplit(".", 1)[0]
        record = partial(explanation_record, [(explanation.photo_name, explanation)])
    else:
        kind, about = "class", explanation.class_name
        record = partial(explanation_record, [], explanation)
    stem = file_stem(about, explanation.encoder.name)
    st.markdown("**Download**")
    draw_downloads(
        f"download {kind}",
        [
            Download(
                "Table",
                f"{stem}.csv",
                "text/csv",
                lambda: as_csv(rows_of(explanation)),
                "The table as a CSV file: every class, concept and depth.",
            ),
            Download(
                "Data",
                f"{stem}.json",
                "application/json",
                lambda: as_json(record()),
                "The whole result as a JSON file, with settings, fingerprints and versions.",
            ),
            Download(
                "Report",
                f"{stem}.html",
                "text/html",
                make_report,
                "A page with pictures, charts, table and settings in one HTML file. It opens without a network.",
            ),
        ],
    )
