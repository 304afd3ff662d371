"""Words as concepts: what an encoder makes of a word, by way of a text tower and photos that both have seen."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet
from explainers.results.comparisons import MAX_PHOTOS
from explainers.results.words import WordsResult
from explainers.service.photo_questions import MapWords
from explainers.visual_tcav.text import MIN_PHOTOS, TextSettings
from models.catalog import EncoderInfo
from models.photo import Photo
from pages.common import jobs, photos, towers
from pages.common.pictures import address_of, on_screen
from pages.common.text import escaped
from pages.concepts import health
from pages.concepts.tiles import SIDE_PX, Tile, draw_tiles

VIEW = "words"
_OWN = "own"
_N_RESPONDING = 6
_WHAT_IT_IS_NOT = (
    "What this is not: the map is linear, fitted on {n} photos and no others, and knows of a word what the text tower knows. "
    "The quarter of the photos that the tower finds nearest to the word stand for its examples; nobody has looked whether they "
    "show it. All photos are judged by maps that have not seen them."
)


@st.fragment(key="words section")
def draw(library: ConceptLibrary, info: EncoderInfo, random: ImageSet) -> None:
    """The section: a switch, the form, and what came out."""
    st.header("Words", anchor=False, help=towers.WORDS_HELP)
    st.toggle("Ask in words", key="ask_words", persist_state="session", help="Needs an optional package and a text tower.")
    if not st.session_state["ask_words"]:
        return
    if not towers.are_possible():
        st.info(towers.MISSING, icon=":material/extension:")
        return
    wanted = _form(library, random)
    if wanted is not None:
        words, tower, source = wanted
        seen = _photos(library, source)
        result = jobs.answer_or_stop(VIEW, MapWords(info.name, seen, words, TextSettings(tower)))
        _table(result)
        for word in result.words:
            _responses(result, word, seen)
        st.caption(_WHAT_IT_IS_NOT.format(n=len(seen)))


def _form(library: ConceptLibrary, random: ImageSet) -> tuple[tuple[str, ...], str, str] | None:
    """Draws the form; the words, the tower and the photos that were asked about last, None before that."""
    n_own = photos.n_own()
    own = {_OWN: f"My uploads ({n_own})"} if n_own else {}
    sets = {f"{s.kind} {s.name}": f"{s.name} · {s.counted}" for s in (random, *library.sets()) if not s.n_regions}
    sources = own | sets if n_own >= MIN_PHOTOS else sets | own
    with st.form("words form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Words", key="words typed", placeholder="striped, blue sky, water", help="One or several, separated by commas."
        )
        tower = towers.choose()
        source = st.selectbox(
            "Photos",
            list(sources),
            format_func=lambda key: escaped(sources[key]),
            help=f"On which the map is fitted: at least {MIN_PHOTOS}, 100 or more are better, and as various as can be. "
            "Uploads of Explore and Explain count as your own.",
        )
        pressed = st.form_submit_button("Look for them", type="primary")
    if pressed and words.strip():
        st.session_state["words.asked"] = tuple(word.strip() for word in words.split(",") if word.strip()), tower, source
    latest = st.session_state.get("words.asked")
    if latest is None or latest[2] not in sources:
        st.caption("Type a word that the photos may or may not show.")
        return None
    return latest


def _photos(library: ConceptLibrary, source: str) -> tuple[Photo, ...]:
    """The photos of a source: one's own, or those of a set."""
    if source == _OWN:
        return photos.uploaded(MAX_PHOTOS)
    kind, name = source.split(" ", 1)
    return tuple(library.photos(library.get(name, "random" if kind == "random" else "concept")))


def _table(result: WordsResult) -> None:
    """Every word at every depth, and what the map is worth there."""
    rows = [
        {
            "Word": at_depth.word,
            "Depth": at_depth.depth,
            "★": "★" if at_depth.significant else "",
            "Held-out AUC": at_depth.health.auc,
            "Corrected p": at_depth.corrected_p_value,
            "Emblem gap": at_depth.health.emblem_gap,
            "Stability": at_depth.health.stability,
            "Map R²": result.maps[at_depth.depth].r2,
            "Map chance": result.maps[at_depth.depth].chance,
            "Map p": result.maps[at_depth.depth].p_value,
            "CAV": at_depth.health.verdict.value.capitalize(),
        }
        for at_depth in result.judged
    ]
    st.dataframe(
        pd.DataFrame(rows).style.format(precision=2, subset=_FIGURES).format(precision=3, subset=_P_VALUES), hide_index=True
    )
    st.caption(
        "★: photos near to the word are set apart more than photos drawn at random (AUC of chance: 0.50). Map R²: share of the "
        "variance of activations of left-out photos that the map tells; chance: the 95 % quantile for photos paired at random."
    )


_FIGURES = ["Held-out AUC", "Emblem gap", "Stability", "Map R²", "Map chance"]
_P_VALUES = ["Corrected p", "Map p"]


def _responses(result: WordsResult, word: str, seen: Sequence[Photo]) -> None:
    """The photos that respond most at the best depth, in a row."""
    depth = result.best_depth(word)
    at_depth = result.at(word, depth)
    doubt = "" if at_depth.significant else ", not more than chance"
    st.markdown(f"**{escaped(word)}** · strongest responses at depth {depth}{doubt}")
    ranked = health.strongest(at_depth.responses, _N_RESPONDING)
    tiles = [
        Tile(f"{n}", address_of(on_screen(seen[idx], SIDE_PX)), seen[idx].name, f"{response:.3g}")
        for n, (idx, response) in enumerate(zip(ranked.idx, ranked.responses, strict=True))
    ]
    draw_tiles(f"responding to {word}", tiles, f"Photos that respond to {word}", columns=_N_RESPONDING)
