"""Concepts in several encoders: what the CAVs are worth, where each concept is seen, what it contributes to a class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import NamedTuple

import pandas as pd
import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, ConceptMaps, HealthReport
from explainers.results.tables import withheld
from explainers.service.questions import CheckConcepts, ExplainClass, MapConcepts
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import intervals_apart
from models.catalog import EncoderInfo
from models.photo import Photo
from pages.common import class_images, concept_controls, door, jobs, link, plots
from pages.common.heat_appearance import HeatAppearance
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.common.theme import STAR
from pages.compare import charts, panes
from pages.compare.charts import Contribution, Health
from pages.compare.classes import class_in, shared_classes
from pages.compare.controls import Pair
from pages.compare.kept import keep
from pages.compare.panes import Answers, Comparison, Opening, Questions

_SIDE = 480  # px of the longer side of a concept map on the screen
BEST = "best"
_PLACES = (BEST, "0", "25", "50", "75", "100")
_PLACE_HELP = (
    "Maps are of this depth of every encoder: the one whose CAV distinguishes the concept from random images best, or a place on "
    "the way from its shallowest to its deepest depth."
)
_HEALTH_HELP = "How well the CAV tells held-out images of the concept from random ones: 1 is always, 0.5 is guessing."
_RANKING_HELP = (
    "The mean over each encoder's depths. A star: more than chance, after Holm's correction over its concepts. "
    "“Differ” lists pairs of encoders whose 95 % intervals do not overlap."
)


@dataclass(frozen=True)
class Inquiry:
    """The concepts, the class and its images that every encoder is asked about."""

    concepts: tuple[OpenSet, ...]
    random: OpenSet
    class_name: str  # empty where no encoder has classes
    images: tuple[Photo, ...]
    settings: ExplainSettings

    def questions_of(self, photo: Photo, opening: Opening) -> Questions:
        """What one encoder is asked: CAVs, maps of the photo, and contributions where it has a class of that name."""
        sets = (self.concepts, self.random)
        questions = {
            "health": CheckConcepts(opening.name, *sets, self.settings),
            "concept maps": MapConcepts(opening.name, photo, *sets, self.settings),
        }
        idx = class_in(opening.info.class_names, self.class_name) if opening.info else None
        if idx is None or not self.images:
            return questions
        of_class = replace(self.settings, depths=(), class_idx=(idx,))
        return questions | {"contributions": ExplainClass(opening.name, self.images, *sets, of_class)}


class Ready(NamedTuple):
    """An encoder with its answers, as far as they are there."""

    opening: Opening
    health: HealthReport
    maps: ConceptMaps | None
    contributions: ClassExplanation | None


# --- what is asked --------------------------------------------------------------------------------------------------------


def draw(comparison: Comparison) -> ExplainSettings:
    """Draws CAVs, maps and contributions of every encoder side by side; the settings behind them."""
    with door.refusals_shown(), st.sidebar:
        inquiry, refusals = _inquiry(jobs.service().library, comparison.openings, comparison.pair)
    door.draw_refusals(comparison.notes, refusals)
    if inquiry is None:
        door.nothing_yet("Choose at least one concept in the sidebar. The Concepts page makes new ones from your own images.")
    _draw_missing_classes(comparison.openings, inquiry)
    questions_of = partial(inquiry.questions_of, comparison.photo)
    panes.watched("concepts", comparison.openings, questions_of, partial(_draw, comparison, inquiry))
    return inquiry.settings


def _inquiry(library: ConceptLibrary, openings: Sequence[Opening], pair: Pair | None) -> tuple[Inquiry | None, list[str]]:
    """Draws the controls; what is asked (None while no concept is chosen) and a sentence for every file that was refused."""
    infos = [o.info for o in openings if o.info is not None]
    wanted = pair.concepts if pair else concept_controls.STARTING_CONCEPTS
    chosen = concept_controls.concepts(library.sets("concept"), wanted)
    random = concept_controls.random_counterpart(library.sets("random"))
    class_name, images, refused = _class_and_images([info for info in infos if info.has_classifier], pair)
    settings = ExplainSettings()
    if infos:
        n_depths = max(len(info.attributed_depths) for info in infos)
        settings = concept_controls.effort(infos[0], settings, len(chosen) * n_depths)
    if not chosen or random is None:
        return None, refused
    opened = tuple(concept_controls.opened(library, concept) for concept in chosen)
    return Inquiry(opened, concept_controls.opened(library, random), class_name, images, settings), refused


def _class_and_images(classifying: Sequence[EncoderInfo], pair: Pair | None) -> tuple[str, tuple[Photo, ...], list[str]]:
    """Draws the choice of the class and of its images; its name, empty where no encoder has classes."""
    if not classifying:
        return "", (), []
    name = _class_name(classifying, pair)
    for info in classifying:
        idx = class_in(info.class_names, name)
        if idx is not None:
            return name, *class_images.choose(info, idx, caption=bool(pair and pair.caption))
    return name, (), []


def _class_name(classifying: Sequence[EncoderInfo], pair: Pair | None) -> str:
    """Draws the choice of the class, by name: encoders may number their classes differently."""
    lists = [info.class_names for info in classifying]
    shared = shared_classes(lists)
    if not shared:
        st.caption("No class goes by the same name in two of these encoders, so what a concept contributes stands alone in each.")
    names = shared or lists[0]
    default = pair.class_name if pair and pair.class_name in names else names[0]
    link.settle("class_name", default, names.__contains__, word="class", kind=str)
    return st.selectbox(
        "Class",
        names,
        key="class_name",
        persist_state="session",
        help="The class whose evidence is followed, by its name: encoders with other lists of classes are compared where they "
        "have a class of that name. Type to search.",
    )


def _draw_missing_classes(openings: Sequence[Opening], inquiry: Inquiry) -> None:
    name = inquiry.class_name
    if not name:
        return
    without = ", ".join(o.title for o in openings if o.info and class_in(o.info.class_names, name) is None)
    if without:
        st.caption(escaped(f"No class “{name}” in: {without}. Its concepts are shown, but contribute to no class here."))
    if not inquiry.images:
        st.caption("Upload images of the class in the sidebar to see what each concept contributes.")


# --- what is shown --------------------------------------------------------------------------------------------------------


def _draw(comparison: Comparison, inquiry: Inquiry, answers: Answers) -> None:
    ready = [
        Ready(o, given["health"], given["concept maps"], given.get("contributions"))
        for o in comparison.openings
        if (given := answers.get(o.place))
    ]
    if not ready:
        return
    names = [concept.name for concept in inquiry.concepts]
    link.settle("concept_shown", names[0], names.__contains__, word="concept")
    concept = st.segmented_control(
        "Concept shown",
        names,
        key="concept_shown",
        required=True,
        persist_state="session",
        help="The curves and the maps are of this concept.",
    )
    concept = st.session_state["concept_shown"] if concept is None else concept
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _health(ready, concept)
    with right:
        _maps(comparison.photo, ready, concept)
    _contributions([(r.opening, r.contributions) for r in ready if r.contributions is not None], names)
    link.write()


def _health(ready: Sequence[Ready], concept: str) -> None:
    """Held-out AUC of the concept over relative depth, a curve per encoder."""
    st.header("CAV by relative depth", anchor=False, help=_HEALTH_HELP)
    curves = [
        Health(o.title, o.colour, report.depths, [report.at(concept, d).health.auc for d in report.depths])
        for o, report, *_ in ready
    ]
    figure = charts.health(curves)
    plots.draw(figure, key="health", alt=f"Held-out AUC of {concept} by depth")
    for sentence in dict.fromkeys(sentence for _, report, *_ in ready for sentence in report.warnings_of(concept)):
        st.warning(escaped(sentence), icon=":material/photo_library:")
    rows = [
        {"encoder": o.name, "concept": c.concept, "depth": c.depth, "auc": c.health.auc, "emblem_gap": c.health.emblem_gap,
         "stability": c.health.stability, "verdict": c.health.verdict.value}
        for o, report, *_ in ready for c in report.concepts
    ]  # fmt: skip
    keep("CAVs", rows, [figure])


def _maps(photo: Photo, ready: Sequence[Ready], concept: str) -> None:
    """Where every encoder sees the concept, at one depth of each."""
    st.header("Where it is seen", anchor=False)
    link.settle("place", BEST, _PLACES.__contains__, word="place of the maps", kind=str)
    place = st.select_slider(
        "Depth of the maps",
        _PLACES,
        key="place",
        persist_state="session",
        format_func=lambda place: "each one's best" if place == BEST else f"{place} %",
        help=_PLACE_HELP,
    )
    with_maps = [(r.opening, r.health, r.maps) for r in ready if r.maps is not None]
    pixels = on_screen(photo, _SIDE)
    pictures = []
    with st.grid(max(2, len(with_maps)), min_column_width=180):
        for opening, report, maps in with_maps:
            depth = depth_at(report, concept, place)
            seen = maps.maps[concept, depth]
            drawn, about = HeatAppearance().draw(pixels, seen), f"depth {depth} · peak {seen.max():.2f} · mean {seen.mean():.2f}"
            pictures.append((drawn, f"{concept} in {opening.title}: {about}"))
            with st.container():
                panes.draw_title(opening)
                st.image(drawn, width="stretch", alt=f"{concept} in {opening.title}")
                st.caption(about)
    rows = [
        {"encoder": o.name, "concept": c, "depth": d, "peak": float(m.max()), "mean": float(m.mean())}
        for o, _, maps in with_maps for (c, d), m in maps.maps.items()
    ]  # fmt: skip
    keep("concept maps", rows, pictures=pictures)


def depth_at(report: HealthReport, concept: str, place: str) -> int:
    """The depth with the best held-out AUC (the deepest of several), or the one nearest to a percentage of the way."""
    if place == BEST:
        return max(report.depths, key=lambda d: (round(report.at(concept, d).health.auc, 3), d))
    return report.depths[round(int(place) / 100 * (len(report.depths) - 1))]


def _contributions(explained: Sequence[tuple[Opening, ClassExplanation]], concepts: Sequence[str]) -> None:
    """What every concept contributes to the class in every encoder, and their ranks; or why an encoder's are withheld."""
    for opening, explanation in explained:
        if reason := withheld(explanation, ALL_DEPTHS):
            st.caption(f":material/block: {escaped(opening.title)}: {reason}")
    explained = [(opening, explanation) for opening, explanation in explained if not withheld(explanation, ALL_DEPTHS)]
    if not explained:
        return
    first = explained[0][1]
    st.header(f"What each contributes to “{escaped(first.class_name)}”", anchor=False, help=_RANKING_HELP)
    by_concept = {c: [contribution(opening, explanation, c) for opening, explanation in explained] for c in concepts}
    figure = charts.contributions(by_concept)
    plots.draw(figure, key="contributions", alt="Contribution by concept")
    st.caption(f"Mean over {len(first.photo_names)} images. Bars are pale where chance could have made as much.")
    st.markdown("**Ranks**", help=_RANKING_HELP)
    table = ranking([opening for opening, _ in explained], by_concept)
    st.dataframe(pd.DataFrame(table), hide_index=True, placeholder="–", alt="Ranking of concepts in every encoder")
    keep("contributions", contribution_rows(explained, by_concept), [figure])


def contribution(opening: Opening, explanation: ClassExplanation, concept: str) -> Contribution:
    """One concept over all depths of the encoder."""
    estimate = explanation.estimate_at(concept, ALL_DEPTHS)
    return Contribution(opening.title, opening.colour, estimate.mean, estimate.interval, estimate.corrected_p_value)


def ranking(openings: Sequence[Opening], by_concept: Mapping[str, Sequence[Contribution]]) -> list[dict]:
    """One line per concept: its rank in every encoder, and which encoders differ by more than their intervals."""
    ranks = [ranks_of([of_concept[n].mean for of_concept in by_concept.values()]) for n in range(len(openings))]
    return [
        {
            "Concept": concept,
            **{o.title: f"{ranks[n][row]}{STAR if contributions[n].significant else ''}" for n, o in enumerate(openings)},
            "Differ": apart(contributions) or "–",
        }
        for row, (concept, contributions) in enumerate(by_concept.items())
    ]


def ranks_of(means: Sequence[float]) -> list[int]:
    """1 for the largest; equal means share the better rank."""
    return [1 + sum(other > mean for other in means) for mean in means]


def apart(contributions: Sequence[Contribution]) -> str:
    """The pairs of encoders whose intervals have nothing in common, the larger first."""
    pairs = [
        (a, b) if a.mean > b.mean else (b, a)
        for a, b in combinations(contributions, 2)
        if intervals_apart(a.interval, b.interval)
    ]
    return ", ".join(f"{a.encoder} > {b.encoder}" for a, b in pairs)


def contribution_rows(
    explained: Sequence[tuple[Opening, ClassExplanation]], by_concept: Mapping[str, Sequence[Contribution]]
) -> list[dict]:
    """One line per concept and encoder."""
    return [
        {"encoder": o.name, "class": e.class_name, "concept": concept, "depths": " ".join(map(str, e.settings.depths)),
         "mean": contributions[n].mean,
         "interval_low": contributions[n].interval[0], "interval_high": contributions[n].interval[1],
         "corrected_p_value": contributions[n].corrected_p_value, "significant": contributions[n].significant,
         "apart": apart(contributions)}
        for concept, contributions in by_concept.items() for n, (o, e) in enumerate(explained)
    ]  # fmt: skip
