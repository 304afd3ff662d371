"""The same concepts in several encoders: what the CAVs are worth, where each concept is seen, what it contributes to a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, ConceptMaps, HealthReport
from explainers.service.questions import CheckConcepts, ExplainClass, MapConcepts
from explainers.service.service import ExplainerService
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import intervals_apart
from models.photo import Photo
from pages.common import class_images as explain_images
from pages.common import concept_controls as explain_controls
from pages.common import link, theme
from pages.common.heat_look import HeatLook
from pages.common.pictures import for_screen
from pages.common.text import plain
from pages.compare import charts as compare_charts
from pages.compare import panes as compare_panes
from pages.compare.charts import Contribution
from pages.compare.classes import class_in, shared_classes
from pages.compare.controls import Pair
from pages.compare.panes import Found, Opening

_SIDE = 480  # px of the longer side of a concept map on the screen
BEST = "best"
_PLACES = (BEST, "0", "25", "50", "75", "100")
_PLACE_HELP = (
    "Maps are of this depth of every encoder: the one whose CAV is told from random images best, or a place on the way from its "
    "shallowest to its deepest depth."
)
_HEALTH_HELP = "How well the CAV tells held-out images of the concept from random ones: 1 is always, 0.5 is guessing."
_RANKING_HELP = (
    "The mean over each encoder's depths. A star: more than chance, after Holm's correction over its concepts. "
    "“Apart” names pairs of encoders whose 95 % intervals have nothing in common."
)


@dataclass(frozen=True)
class Asked:
    """The concepts, the class and its images that every encoder is asked about."""

    concepts: tuple[OpenSet, ...]
    random: OpenSet
    class_name: str  # empty where no encoder has classes
    images: tuple[Photo, ...]
    settings: ExplainSettings

    @property
    def content(self) -> tuple:
        sets = tuple((s.name, s.image_set.fingerprint) for s in (*self.concepts, self.random))
        return sets, self.class_name, tuple(image.sha256 for image in self.images), self.settings


def question(library: ConceptLibrary, openings: Sequence[Opening], pair: Pair | None) -> tuple[Asked | None, list[str]]:
    """Draws the controls; what is asked (None while no concept is chosen) and a sentence for every file that was refused."""
    opened = [o for o in openings if o.info]
    chosen = explain_controls.concepts(library.sets("concept"), pair.concepts if pair else explain_controls.STARTING_CONCEPTS)
    random = explain_controls.random_counterpart(library.sets("random"))
    classifying = [o for o in opened if o.info.has_classifier]
    class_name, images, refused = "", (), []
    if classifying:
        class_name = _class_name(classifying, pair)
        knowing = next(o for o in classifying if class_in(o.info.class_names, class_name) is not None)
        idx = class_in(knowing.info.class_names, class_name)
        images, refused = explain_images.choose(knowing.info, idx, caption=bool(pair and pair.caption))
    n_depths = max((len(o.info.default_depths) for o in opened), default=1)
    settings = ExplainSettings()
    if opened:
        settings = explain_controls.effort(opened[0].info, settings, len(chosen) * n_depths)
    if not chosen or random is None:
        return None, refused
    sets = tuple(explain_controls.opened(library, c) for c in chosen)
    return Asked(sets, explain_controls.opened(library, random), class_name, images, settings), refused


def _class_name(classifying: Sequence[Opening], pair: Pair | None) -> str:
    """Draws the choice of the class, by name: encoders may number their classes differently."""
    lists = [o.info.class_names for o in classifying]
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


def draw(service: ExplainerService, photo: Photo, openings: Sequence[Opening], asked: Asked) -> None:
    """Asks every encoder for CAVs, maps and contributions, and draws them side by side."""
    sets = (asked.concepts, asked.random)

    def ask(opening: Opening) -> list:
        name, settings = opening.name, asked.settings
        jobs = [
            compare_panes.asked(
                "health", opening, (*asked.content[:1], settings), lambda v: service.ask(CheckConcepts(name, *sets, settings), v)
            ),
            compare_panes.asked(
                "concept maps",
                opening,
                (photo, *asked.content[:1], settings),
                lambda v: service.ask(MapConcepts(name, photo, *sets, settings), v),
            ),
        ]
        of_class = _settings_of_class(opening, asked)
        if of_class is not None:
            explain = lambda v: service.ask(ExplainClass(name, asked.images, *sets, of_class), v)  # noqa: E731
            jobs.append(compare_panes.asked("contributions", opening, asked.content, explain))
        return jobs

    _missing_classes(openings, asked)
    compare_panes.watched("concepts", openings, ask, lambda found: _draw(photo, openings, asked, found))


def _settings_of_class(opening: Opening, asked: Asked) -> ExplainSettings | None:
    """None where the encoder has no class of that name, or there are no images of it."""
    idx = class_in(opening.info.class_names, asked.class_name)
    if idx is None or not asked.images:
        return None
    one = asked.settings
    return ExplainSettings((), (idx,), one.n_steps, one.n_null, one.n_bootstrap, one.input_size, one.seed)


def _missing_classes(openings: Sequence[Opening], asked: Asked) -> None:
    without = [o.title for o in openings if o.info and class_in(o.info.class_names, asked.class_name) is None]
    if without and asked.class_name:
        names = ", ".join(without)
        st.caption(plain(f"No class “{asked.class_name}” in: {names}. Its concepts are shown, but contribute to no class here."))
    if asked.class_name and not asked.images:
        st.caption("Upload images of the class in the sidebar to see what each concept contributes.")


def _draw(photo: Photo, openings: Sequence[Opening], asked: Asked, found: Found) -> None:
    ready = [(o, *found[o.place][:2]) for o in openings if o.place in found]
    if not ready:
        return
    names = [c.name for c in asked.concepts]
    link.settle("concept_shown", names[0], names.__contains__, word="concept")
    concept = st.segmented_control(
        "Concept shown",
        names,
        key="concept_shown",
        required=True,
        persist_state="session",
        help="The curves and the maps are of this concept.",
    )
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _health([(o, report) for o, report, _ in ready], concept)
    with right:
        _maps(photo, [(o, report, maps) for o, report, maps in ready if maps], concept)
    _contributions([(o, found[o.place][2]) for o, _, _ in ready if len(found[o.place]) > 2 and found[o.place][2]], names)
    link.write()


def _health(reports: Sequence[tuple[Opening, HealthReport]], concept: str) -> None:
    st.subheader("CAV by relative depth", anchor=False, help=_HEALTH_HELP)
    curves = [
        compare_charts.Health(o.title, o.colour, report.depths, [report.at(concept, d).health.auc for d in report.depths])
        for o, report in reports
    ]
    figure = compare_charts.health(curves)
    st.plotly_chart(figure, config=theme.CONFIG, key="health", alt=f"Held-out AUC of {concept} by depth")
    rows = [
        {"encoder": o.name, "concept": c.concept, "depth": c.depth, "auc": c.health.auc, "emblem_gap": c.health.emblem_gap,
         "stability": c.health.stability, "verdict": c.health.verdict.value}
        for o, report in reports for c in report.concepts
    ]  # fmt: skip
    compare_panes.keep("CAVs", rows, [figure])


def _maps(photo: Photo, ready: Sequence[tuple[Opening, HealthReport, ConceptMaps]], concept: str) -> None:
    st.subheader("Where it is seen", anchor=False)
    link.settle("place", BEST, _PLACES.__contains__, word="place of the maps", kind=str)
    place = st.select_slider(
        "Depth of the maps",
        _PLACES,
        key="place",
        persist_state="session",
        format_func=lambda place: "each one's best" if place == BEST else f"{place} %",
        help=_PLACE_HELP,
    )
    pixels = _pixels(photo.sha256, photo)
    pictures = []
    with st.grid(max(2, len(ready)), min_column_width=180):
        for opening, report, maps in ready:
            depth = depth_at(report, concept, place)
            seen = maps.maps[concept, depth]
            drawn, about = HeatLook().draw(pixels, seen), f"depth {depth} · peak {seen.max():.2f} · mean {seen.mean():.2f}"
            pictures.append((drawn, f"{concept} in {opening.title}: {about}"))
            with st.container():
                compare_panes.title(opening)
                st.image(drawn, width="stretch", alt=f"{concept} in {opening.title}")
                st.caption(about)
    rows = [
        {"encoder": o.name, "concept": c, "depth": d, "peak": float(m.max()), "mean": float(m.mean())}
        for o, _, maps in ready for (c, d), m in maps.maps.items()
    ]  # fmt: skip
    compare_panes.keep("concept maps", rows, pictures=pictures)


def depth_at(report: HealthReport, concept: str, place: str) -> int:
    """The depth with the best held-out AUC (the deepest of several), or the one nearest to a percentage of the way."""
    if place == BEST:
        return max(report.depths, key=lambda d: (round(report.at(concept, d).health.auc, 3), d))
    return report.depths[round(int(place) / 100 * (len(report.depths) - 1))]


@st.cache_data(show_spinner=False, max_entries=16)
def _pixels(photo_sha256: str, _photo: Photo) -> np.ndarray:
    return for_screen(_photo.pixels, (_SIDE, _SIDE))


def _contributions(explained: Sequence[tuple[Opening, ClassExplanation]], concepts: Sequence[str]) -> None:
    if not explained:
        return
    n_images = len(explained[0][1].photo_names)
    st.subheader(f"What each contributes to “{plain(explained[0][1].class_name)}”", anchor=False, help=_RANKING_HELP)
    by_concept = {c: [contribution(o, e, c) for o, e in explained] for c in concepts}
    figure = compare_charts.contributions(by_concept)
    st.plotly_chart(figure, config=theme.CONFIG, key="contributions", alt="Contribution by concept")
    st.caption(f"Mean over {n_images} images. Bars are pale where chance could have made as much.")
    st.markdown("**Ranks**", help=_RANKING_HELP)
    table = ranking([o for o, _ in explained], by_concept)
    st.dataframe(pd.DataFrame(table), hide_index=True, alt="Ranking of concepts in every encoder")
    compare_panes.keep("contributions", contribution_rows(explained, by_concept), [figure])


def contribution(opening: Opening, explanation: ClassExplanation, concept: str) -> Contribution:
    """One concept over all depths of the encoder."""
    figure = explanation.estimate_at(concept, ALL_DEPTHS)
    return Contribution(opening.title, opening.colour, figure.mean, figure.interval, figure.corrected_p_value)


def ranking(openings: Sequence[Opening], by_concept: dict[str, list[Contribution]]) -> list[dict]:
    """One line per concept: its rank in every encoder, and which encoders differ by more than their intervals."""
    ranks = [ranks_of([of_concept[n].mean for of_concept in by_concept.values()]) for n in range(len(openings))]
    return [
        {
            "Concept": concept,
            **{o.title: f"{ranks[n][row]}{theme.STAR if found[n].significant else ''}" for n, o in enumerate(openings)},
            "Apart": apart(found) or "–",
        }
        for row, (concept, found) in enumerate(by_concept.items())
    ]


def ranks_of(figures: Sequence[float]) -> list[int]:
    """1 for the largest; equal figures share the better rank."""
    return [1 + sum(other > figure for other in figures) for figure in figures]


def apart(found: Sequence[Contribution]) -> str:
    """The pairs of encoders whose intervals have nothing in common, the larger first."""
    pairs = [(a, b) if a.mean > b.mean else (b, a) for a, b in combinations(found, 2) if intervals_apart(a.interval, b.interval)]
    return ", ".join(f"{a.encoder} > {b.encoder}" for a, b in pairs)


def contribution_rows(
    explained: Sequence[tuple[Opening, ClassExplanation]], by_concept: dict[str, list[Contribution]]
) -> list[dict]:
    """One line per concept and encoder."""
    return [
        {"encoder": o.name, "class": e.class_name, "concept": concept, "depths": " ".join(map(str, e.settings.depths)),
         "mean": found[n].mean,
         "interval_low": found[n].interval[0], "interval_high": found[n].interval[1],
         "corrected_p_value": found[n].corrected_p_value, "significant": found[n].significant, "apart": apart(found)}
        for concept, found in by_concept.items() for n, (o, e) in enumerate(explained)
    ]  # fmt: skip
