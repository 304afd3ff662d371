"""The sections of the Compare page: one row each."""

from collections.abc import Callable
from dataclasses import dataclass

from explainers.nave.settings import NaveSettings
from explainers.visual_tcav.settings import ExplainSettings
from pages.common import choices
from pages.compare import agreement, concepts, cost, depths, maps
from pages.compare.panes import Comparison


@dataclass(frozen=True)
class Section:
    """One way to compare encoders."""

    key: str  # in the link
    title: str
    help: str
    views: tuple[str, ...]  # what it asks the encoders for
    kept: tuple[str, ...]  # the names of its tables, the one to download first; the others where that one is missing
    draw: Callable[[Comparison], NaveSettings | ExplainSettings]  # returns the settings that decide what it shows
    clusters: bool = True  # whether the controls of clustering decide what it shows


SECTIONS = {
    section.key: section
    for section in (
        Section(
            "maps",
            "Segmentations",
            "what each encoder groups together in this photo, side by side.",
            views=("maps", "classes"),
            kept=("segmentations",),
            draw=maps.draw,
        ),
        Section(
            "agreement",
            "Agreement",
            "how alike the encoders divide this photo, and a collection of photos.",
            views=("photo maps", "photo seed", "collection maps", "collection seed"),
            kept=("agreement",),
            draw=agreement.draw,
        ),
        Section(
            "depths",
            "Depths",
            "which depth of one encoder represents photos like which depth of another.",
            views=("depths",),
            kept=("depths",),
            draw=depths.draw,
        ),
        Section(
            "concepts",
            "Concepts",
            "where each encoder sees the same concepts, and what they contribute to the same class.",
            views=("health", "concept maps", "contributions"),
            kept=("contributions", "CAVs"),
            draw=concepts.draw,
            clusters=False,
        ),
        Section(
            "cost",
            "Cost",
            "size, time and memory, measured on this machine.",
            views=("cost", "maps"),
            kept=("cost",),
            draw=cost.draw,
        ),
    )
}


def choose() -> Section:
    """Draws the choice of what is compared."""
    titles = {key: section.title for key, section in SECTIONS.items()}
    meanings = "\n".join(f"- **{section.title}**: {section.help}" for section in SECTIONS.values())
    return SECTIONS[choices.choose("What is compared", "view", titles, f"\n{meanings}\n")]


def left_behind(section: Section) -> set[str]:
    """The views that only other sections ask for."""
    return {view for other in SECTIONS.values() for view in other.views} - set(section.views)
