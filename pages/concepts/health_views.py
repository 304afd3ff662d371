"""What an encoder makes of a concept, on the screen: its CAV at every depth, the responses of images, similar concepts."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet, OpenSet
from explainers.results.explanations import HealthReport
from explainers.service.questions import CheckConcepts
from explainers.service.service import Job
from explainers.visual_tcav.settings import ExplainSettings
from models.catalog import EncoderInfo
from models.errors import EncoderscopeError
from pages.common import depths, jobs, link, plots
from pages.common.text import escaped
from pages.concepts import charts, health
from pages.concepts.tiles import draw_tiles, tile

SETTINGS = ExplainSettings()  # every depth, and as many replicates as the Explain page takes
_N_RESPONDING = 6
_PATIENCE_SECONDS, _POLL_SECONDS = 0.4, 0.5
_WAITING = "similarity.waiting"
_BOXES = {"none": st.success, "some": st.info, "serious": st.warning}
_COLOURS = {"none": "green", "some": "blue", "serious": "orange"}
HEALTH_HELP = (
    "A concept activation vector (CAV) is what the concept's images have in common inside the encoder. Three measures say what "
    "it is worth at a depth; each is 1 at best.\n\n"
    "- **Held-out AUC**: does it tell images it was not made from? 0.5 is chance.\n"
    "- **Emblem gap**: how much less random images respond. 0 or less: the concept map stays empty.\n"
    "- **Stability**: does it stay the same when other images of the concept are drawn?"
)
_RESPONSES_HELP = (
    "How strongly each image responds to the CAV. Images with the weakest response may not show the "
    "concept; random images with the strongest may show it after all."
)
SIMILARITY_HELP = (
    "Cosine between CAVs: 1 means that the encoder treats two concepts as one, 0 that they have nothing to do with each other, "
    "-1 that they are opposites."
)

_CHANCE = "the middle 95 % of cosines with CAVs of pseudo-concepts, over the concepts compared."


def question(info: EncoderInfo, concepts: Sequence[OpenSet], random: OpenSet) -> CheckConcepts:
    """What is asked about some concepts."""
    return CheckConcepts(info.name, tuple(concepts), random, SETTINGS)


def settle_depth(report: HealthReport, concept: ImageSet) -> int:
    """The depth in view: from the link, as chosen before, or the best for this concept."""
    return link.settle("depth", health.best_depth(report, concept.name), report.depths.__contains__)


def draw(report: HealthReport, concept: ImageSet, depth: int) -> None:
    """What the concept's CAV is worth: in words and over depth."""
    best = report.at(concept.name, health.best_depth(report, concept.name)).health
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = charts.health_over_depth(report, concept.name, depth)
        plots.draw(figure, key="health", alt="Held-out AUC, emblem gap and stability over depth")
    with right:
        box = _BOXES[best.verdict.doubt]
        box(f"**{escaped(health.overall(report, concept.name))}**  \n{health.in_numbers(best)}")
        with st.container(gap="xsmall"):
            for run, verdict in health.verdicts(report, concept.name):
                st.markdown(f"{run} :{_COLOURS[verdict.doubt]}-badge[{verdict.value.capitalize()}] {escaped(verdict.sentence)}")


def depth_choice(report: HealthReport) -> None:
    """Draws the choice of the depth whose responses and similarities are shown."""
    st.pills(
        "Depth",
        report.depths,
        key="depth",
        required=True,
        persist_state="session",
        help=f"Where in the encoder, shallow to deep.\n\n{depths.in_words(report.encoder, report.depths)}",
    )


def responses(library: ConceptLibrary, report: HealthReport, sets: tuple[ImageSet, ImageSet], depth: int) -> None:
    """The images of the concept that respond most and least, the random ones that respond most, and all of them at once.

    ``sets`` are the concept and its random counterpart.
    """
    st.header("Responses", anchor=False, help=_RESPONSES_HELP)
    concept, random = sets
    check = report.at(concept.name, depth)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _row(library, concept, health.strongest(check.responses, _N_RESPONDING), "Strongest responses")
        _row(library, concept, health.faintest(check.responses, _N_RESPONDING), "Weakest responses")
        _row(library, random, health.strongest(check.random_responses, _N_RESPONDING), "Strongest responses of random images")
    with right:
        names, random_names = ([image.name for image in s.images] for s in sets)
        figure = charts.responses(check, names, random.name, random_names)
        plots.draw(figure, key="responses", alt="Responses of all images")


def _row(library: ConceptLibrary, image_set: ImageSet, ranked: health.Ranked, title: str) -> None:
    st.markdown(f"**{title}**")
    pairs = zip(ranked.idx, ranked.responses, strict=True)
    tiles = [tile(library, image_set.images[i], f"{response:.3g}") for i, response in pairs]
    draw_tiles(f"row {title}", tiles, title, columns=_N_RESPONDING)


def similarity_when_ready(job: Job[HealthReport], depth: int) -> None:
    """Cosine between the CAVs of several concepts at one depth.

    A fragment asks again until all are fitted, and nothing else on the page waits for that: while the whole page is being run,
    the browser's other fragments have no turn.
    """
    with suppress(TimeoutError, EncoderscopeError):
        job.result(_PATIENCE_SECONDS)  # CAVs that only have to be read are drawn at once
    st.fragment(partial(_similarity, job, depth), key="similarities", run_every=None if job.done else _POLL_SECONDS)()


def _similarity(job: Job[HealthReport], depth: int) -> None:
    was_waiting, st.session_state[_WAITING] = st.session_state.get(_WAITING, False), not job.done
    if not job.done:
        _similarity_so_far(job, depth)
    elif was_waiting:
        link.rerun()  # the one full run that stops this fragment from asking again and again
    else:
        _similarity_beside_chance(jobs.result_or_stop("similarity", job), depth)


def _similarity_so_far(job: Job[HealthReport], depth: int) -> None:
    """How far the fits are, and the cosine between the CAVs that are at hand."""
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(job.fraction or 0.0, text=escaped(job.message))
    button.button("Stop", key="stop similarity", on_click=job.cancel, help="Cancels this computation.", width="stretch")
    report = job.so_far
    if report is None:
        return
    waiting = ", ".join(name for name in report.concept_names if name not in report.at_hand)
    st.caption(escaped(f"Not fitted yet: {waiting}."))
    if depth in report.depths and len(report.at_hand) > 1:
        figure = charts.similarity(report.at_hand, report.similarity(depth))
        plots.draw(figure, key="similarity so far", alt=f"Similarity of the CAVs at hand at depth {depth}")


def _similarity_beside_chance(report: HealthReport, depth: int) -> None:
    figure = charts.similarity(report.at_hand, report.similarity(depth))
    plots.draw(figure, key="similarity", alt=f"Similarity of CAVs at depth {depth}")
    bands = [report.at(name, depth).chance for name in report.at_hand]
    st.caption(f"Chance: {min(low for low, _ in bands):.2f} to {max(high for _, high in bands):.2f}, {_CHANCE}")
