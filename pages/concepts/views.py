"""The concept library and the health of its CAVs on the screen."""

from collections.abc import Sequence

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet, Kind, OpenSet
from explainers.results.explanations import HealthReport
from explainers.service.questions import CheckConcepts
from explainers.service.service import Job
from explainers.visual_tcav.settings import ExplainSettings
from models.errors import EncoderscopeError
from pages.common import jobs, link, theme
from pages.common.text import plain
from pages.concepts import charts
from pages.concepts import choice as concept_choice
from pages.concepts import editing as concept_editing
from pages.concepts import health as cav_words
from pages.concepts.pictures import draw_tiles, tile

SETTINGS = ExplainSettings()  # every depth, and as many replicates as the Explain page takes
N_PER_PAGE = 60
_N_RESPONDING = 6
_SELECTED = "images.selected"
_BOXES = {"none": st.success, "some": st.info, "serious": st.warning}
_COLOURS = {"none": "green", "some": "blue", "serious": "orange"}
HEALTH_HELP = (
    "A concept activation vector (CAV) is what the concept's images have in common inside the encoder. Three figures say what "
    "it is worth at a depth; each is 1 at best.\n\n"
    "- **Held-out AUC**: does it tell images it was not made from? 0.5 is chance.\n"
    "- **Emblem gap**: how much less random images respond. 0 or less: the concept map stays empty.\n"
    "- **Stability**: does it stay the same when other images of the concept are drawn?"
)
_RESPONSES_HELP = (
    "How strongly each image answers to the CAV. Images that answer least may not show the concept; random images that answer "
    "most may show it after all."
)
_SIMILARITY_HELP = (
    "Cosine between CAVs: 1 means that the encoder treats two concepts as one, 0 that they have nothing to do with each other, "
    "-1 that they are opposites."
)


# --- the library ----------------------------------------------------------------------------------------------------------


def library_actions(library: ConceptLibrary, shown: ImageSet | None) -> None:
    """What can be done to the library as a whole."""
    with st.container(horizontal=True, gap="small"):
        concept_editing.new_set(library)
        concept_editing.share(library, shown)
        concept_editing.bring_back(library)


def images(library: ConceptLibrary, concept: ImageSet, random: ImageSet | None) -> None:
    """The images of the concept or of its random counterpart, and what can be done to them."""
    st.subheader("Images", anchor=False, help="Click an image to select it; click it again to let it go.")
    shown = _shown_set(concept, random)
    selected = _selected(shown)
    with st.container(horizontal=True, gap="small"):
        concept_editing.add_images(library, shown)
        concept_editing.remove_images(library, shown, selected)
        concept_editing.rename(library, shown)
        concept_editing.delete(library, shown)
    on_page = _page_of(shown)
    with st.spinner("Drawing thumbnails …", show_time=False):
        tiles = [tile(library, image) for image in on_page]
    draw_tiles("tiles", tiles, f"Images of {shown.name}", selected, lambda ids: _select(shown, {t.id for t in tiles}, ids))


def _shown_set(concept: ImageSet, random: ImageSet | None) -> ImageSet:
    sets: dict[Kind, ImageSet] = {"concept": concept} if random is None else {"concept": concept, "random": random}
    if st.session_state.get("shown_kind") not in sets:
        st.session_state["shown_kind"] = "concept"
    kind = st.segmented_control(
        "Whose images",
        list(sets),
        key="shown_kind",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
        format_func=lambda kind: f"{plain(sets[kind].name)} · {len(sets[kind].images)}",
        help="The concept's images, or those of the random counterpart.",
    )
    return sets[kind]


def _selected(image_set: ImageSet) -> list[str]:
    """The images selected of this set, as far as it still has them; another set starts with none."""
    of, ids = st.session_state.get(_SELECTED, (None, ()))
    return [i.sha256 for i in image_set.images if i.sha256 in ids] if of == _identity(image_set) else []


def _select(image_set: ImageSet, on_page: set[str], ids: Sequence[str]) -> None:
    """Those selected on this page, besides those selected on others."""
    elsewhere = [sha256 for sha256 in _selected(image_set) if sha256 not in on_page]
    st.session_state[_SELECTED] = _identity(image_set), (*elsewhere, *(i for i in ids if i in on_page))


def _identity(image_set: ImageSet) -> tuple[str, str]:
    return image_set.kind, image_set.name


def _page_of(image_set: ImageSet) -> tuple:
    """The images of the page in view; a set of more than one page gets a choice of pages."""
    n_pages = -(-len(image_set.images) // N_PER_PAGE)
    if n_pages == 1:
        return image_set.images
    page = st.pagination(n_pages, key=f"page of {image_set.kind} {image_set.name} among {n_pages}")
    return image_set.images[(page - 1) * N_PER_PAGE : page * N_PER_PAGE]


def warnings(library: ConceptLibrary, concept: ImageSet, random: ImageSet) -> None:
    """What is wrong with the images, before any encoder has seen them."""
    try:
        with st.spinner("Looking for repeated images …"):
            found = library.warnings(concept, random)
    except EncoderscopeError as error:
        found = (str(error),)
    for sentence in found:
        st.warning(plain(sentence), icon=":material/photo_library:")


def opened(library: ConceptLibrary, image_set: ImageSet) -> OpenSet:
    """The set, ready for the service."""
    return OpenSet(image_set, library.photos(image_set))


# --- health ---------------------------------------------------------------------------------------------------------------


def settle_depth(report: HealthReport, concept: ImageSet) -> int:
    """The depth in view: from the link, as chosen before, or the best for this concept."""
    return link.settle("depth", cav_words.best_depth(report, concept.name), report.depths.__contains__)


def health(report: HealthReport, concept: ImageSet, depth: int) -> None:
    """What the concept's CAV is worth: in words and over depth."""
    best = cav_words.best_depth(report, concept.name)
    found = report.at(concept.name, best).health
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = charts.health_over_depth(report, concept.name, depth)
        st.plotly_chart(figure, config=theme.CONFIG, key="health", alt="Held-out AUC, emblem gap and stability over depth")
    with right:
        box = _BOXES[found.verdict.doubt]
        box(f"**{plain(cav_words.overall(report, concept.name))}**  \n{cav_words.in_numbers(found)}")
        with st.container(gap="xsmall"):
            for depths, verdict in cav_words.verdicts(report, concept.name):
                st.markdown(f"{depths} :{_COLOURS[verdict.doubt]}-badge[{verdict.value.capitalize()}] {plain(verdict.sentence)}")


def depth_choice(report: HealthReport) -> int:
    """The depth whose responses and similarities are shown."""
    modules = {depth.idx: depth for depth in report.encoder.depths}
    return st.pills(
        "Depth",
        report.depths,
        key="depth",
        required=True,
        persist_state="session",
        help="Where in the encoder, shallow to deep.\n\n"
        + "\n".join(
            f"- **{d}**: {modules[d].n_channels} channels, one position every {modules[d].reduction} px" for d in report.depths
        ),
    )


def responding(library: ConceptLibrary, report: HealthReport, concept: ImageSet, random: ImageSet, depth: int) -> None:
    """The images of the concept that respond most and least, the random ones that respond most, and all of them at once."""
    st.subheader("Responses", anchor=False, help=_RESPONSES_HELP)
    found = report.at(concept.name, depth)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _row(library, concept, cav_words.strongest(found.responses, _N_RESPONDING), "Respond most")
        _row(library, concept, cav_words.faintest(found.responses, _N_RESPONDING), "Respond least")
        _row(library, random, cav_words.strongest(found.random_responses, _N_RESPONDING), "Random images that respond most")
    with right:
        names, random_names = ([image.name for image in s.images] for s in (concept, random))
        figure = charts.responses(found, names, random.name, random_names)
        st.plotly_chart(figure, config=theme.CONFIG, key="responses", alt="Responses of all images")


def _row(library: ConceptLibrary, image_set: ImageSet, ranked: cav_words.Ranked, title: str) -> None:
    st.markdown(f"**{title}**")
    pairs = zip(ranked.idx, ranked.responses, strict=True)
    tiles = [tile(library, image_set.images[i], f"{response:.3g}") for i, response in pairs]
    draw_tiles(f"row {title}", tiles, title, columns=_N_RESPONDING)


def similarity_request(library: ConceptLibrary, concept: ImageSet) -> list[ImageSet]:
    """Draws the choice of concepts to compare."""
    st.subheader("Similarity of concepts", anchor=False, help=_SIMILARITY_HELP)
    return concept_choice.compared(library, concept)


def similarity(report: HealthReport, depth: int) -> None:
    """Cosine between the CAVs of several concepts at one depth."""
    figure = charts.similarity(report.concept_names, report.similarity(depth))
    st.plotly_chart(figure, config=theme.CONFIG, key="similarity", alt=f"Similarity of CAVs at depth {depth}")


def checking(view: str, encoder_name: str, concepts: Sequence[OpenSet], random: OpenSet) -> Job[HealthReport]:
    """The job that checks these concepts; the same images under the same names are asked about once."""
    request = encoder_name, tuple(c.image_set for c in concepts), random.image_set, SETTINGS
    return jobs.requested(
        view, request, lambda scope: jobs.service().ask(CheckConcepts(encoder_name, tuple(concepts), random, SETTINGS), scope)
    )
