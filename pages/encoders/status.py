"""What the service holds and does at this moment. It asks for figures only, never for work, so it may look every other second."""

import streamlit as st

from explainers.runtime.caches import CacheStatus
from explainers.service.service import ExplainerService, LoadedEncoder, ServiceStatus
from pages.common.text import plain

REFRESH_S = 2
_KB, _MB, _GB = 2**10, 2**20, 2**30
_CACHES = (  # title, which field of the status, what it keeps
    ("Encoders", "encoder_cache", "Weights in memory. The least recently used encoder goes when another one needs the room."),
    ("Feature maps", "feature_map_cache", "What the encoders answered to photos: other settings need no second look."),
    ("Results", "result_cache", "Segmentations, explanations and checks: the same question is answered at once."),
)
_FINGERPRINT_HELP = "The fingerprint is a hash of weights and preprocessing: encoders that answer alike have the same one."


@st.fragment(key="status", run_every=REFRESH_S)
def status(service: ExplainerService) -> None:
    """Device, queue, loaded encoders and caches, as they are now."""
    found = service.status()
    _at_work(found)
    st.subheader("In memory", anchor=False, help=_FINGERPRINT_HELP)
    if not found.encoders:
        st.caption("No encoder is loaded. The other pages load one when you choose it there.")
    with st.grid(2, min_column_width=340):
        for loaded in reversed(found.encoders):
            _encoder(service, loaded)
    _caches(service, found)


def _at_work(found: ServiceStatus) -> None:
    with st.grid(4, min_column_width=130):
        st.metric("Device", found.device, help="Where encoders compute. A GPU is used if torch sees one.")
        st.metric("Threads", found.n_threads, help="Of the one worker that does all computing (ENCODERSCOPE_THREADS).")
        st.metric("Running", len(found.running), help="What is being computed now, of all sessions.")
        st.metric("Waiting", found.queue_length, help="Computations that have not begun: the worker does one thing at a time.")
    if found.running:
        st.caption("Now: " + ", ".join(plain(in_public(doing)) for doing in found.running) + ".")


def in_public(doing: str) -> str:
    """What is done and with which encoder, but not to which file: the file may be somebody else's."""
    verb = doing.split(" ", 1)[0]
    _, told, encoder = doing.rpartition(" with the encoder ")
    return f"{verb} with {encoder}" if told else verb


def _encoder(service: ExplainerService, loaded: LoadedEncoder) -> None:
    maps = [f"{in_bytes(loaded.n_map_bytes)} of feature maps"] if loaded.n_map_bytes else []
    facts = [loaded.architecture, in_bytes(loaded.n_bytes), *maps]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{plain(loaded.name)}**  \n:small[{plain(' · '.join(facts))} · `{loaded.fingerprint[:8]}`]", width="stretch"
        )
        st.button(
            "Unload",
            key=f"unload {loaded.name}",
            icon=":material/eject:",
            on_click=service.unload,
            args=(loaded.name,),
            help="Frees its memory. It is loaded again when it is asked for.",
        )


def _caches(service: ExplainerService, found: ServiceStatus) -> None:
    st.subheader(
        "Caches", anchor=False, help="Hits: how often what was asked for was there already, since the start of the server."
    )
    with st.grid(3, min_column_width=220, gap="medium"):
        for title, field, meaning in _CACHES:
            _cache(title, getattr(found, field), meaning)
    st.button(
        "Clear caches",
        key="clear caches",
        icon=":material/mop:",
        on_click=service.clear_caches,
        help="Forgets feature maps and results, of all sessions. Encoders stay loaded.",
    )


def _cache(title: str, found: CacheStatus, meaning: str) -> None:
    with st.container(gap="xsmall"):
        st.markdown(f"**{title}**", help=meaning)
        st.progress(share(found), text=f"{in_bytes(found.n_bytes)} of {in_bytes(found.max_bytes)}")
        st.caption(" · ".join(in_words(found)))


def share(found: CacheStatus) -> float:
    """How full the cache is, 0 to 1; one encoder may be larger than the whole bound."""
    return min(1.0, found.n_bytes / found.max_bytes) if found.max_bytes else 0.0


def in_words(found: CacheStatus) -> list[str]:
    """Items, hit rate and evictions; nothing is said of what nobody has asked for."""
    asked = found.hits + found.misses
    hits = [f"{100 * found.hits / asked:.0f} % hits"] if asked else []
    evicted = [f"{found.evictions} evicted"] if found.evictions else []
    return [f"{found.n_items} item{'' if found.n_items == 1 else 's'}", *hits, *evicted]


def in_bytes(n_bytes: int) -> str:
    """In the unit that needs few digits."""
    for unit, name in ((_GB, "GB"), (_MB, "MB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.1f} {name}"
    return f"{n_bytes / _KB:.0f} kB"
