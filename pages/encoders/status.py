"""What the service holds and does at this moment. It asks for facts only, never for work, so it may look every other second."""

import streamlit as st

from explainers.runtime.caches import CacheStatus
from explainers.runtime.scheduler import Activity
from explainers.service.observatory import LoadedEncoder
from explainers.service.service import ExplainerService
from explainers.service.status import ServiceStatus
from pages.common.text import escaped

REFRESH_S = 2
_KB, _MB, _GB = 2**10, 2**20, 2**30
_FINGERPRINT_HELP = "The fingerprint is a hash of weights and preprocessing: encoders that answer alike have the same one."
_CACHES_HELP = "Hits: how often a request was already in the cache, since the server started."


@st.fragment(key="status", run_every=REFRESH_S)
def draw(service: ExplainerService) -> None:
    """Device, queue, loaded encoders and caches, as they are now."""
    status = service.status()
    _at_work(status)
    st.header("In memory", anchor=False, help=_FINGERPRINT_HELP)
    if not status.encoders:
        st.caption("No encoder is loaded. The other pages load one when you choose it there.")
    with st.grid(2, min_column_width=340):
        for loaded in reversed(status.encoders):
            _encoder(service, loaded)
    _caches(service, status)


def _at_work(status: ServiceStatus) -> None:
    with st.grid(4, min_column_width=130):
        st.metric("Device", status.device, help="Where encoders compute. A GPU is used if torch sees one.")
        st.metric("Threads", status.n_threads, help="Threads of the worker that does all computing (ENCODERSCOPE_THREADS).")
        st.metric("Running", len(status.running), help="Computations in progress, over all sessions.")
        st.metric("Waiting", status.queue_length, help="Computations that have not started: the worker does one at a time.")
    if status.running:
        st.caption("Running: " + ", ".join(escaped(in_public(activity)) for activity in status.running) + ".")


def in_public(activity: Activity) -> str:
    """What is done and with which encoder, but not to which file: the file may be somebody else's."""
    return f"{activity.verb} with '{activity.encoder_name}'" if activity.encoder_name else activity.verb


def _encoder(service: ExplainerService, loaded: LoadedEncoder) -> None:
    maps = [f"{in_bytes(loaded.n_map_bytes)} of feature maps"] if loaded.n_map_bytes else []
    facts = [loaded.architecture, in_bytes(loaded.n_bytes), *maps]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{escaped(loaded.name)}**  \n:small[{escaped(' · '.join(facts))} · `{loaded.fingerprint[:8]}`]", width="stretch"
        )
        st.button(
            "Unload",
            key=f"unload {loaded.name}",
            icon=":material/eject:",
            on_click=service.unload,
            args=(loaded.name,),
            help="Frees its memory. It is loaded again when needed.",
        )


def _caches(service: ExplainerService, status: ServiceStatus) -> None:
    st.header("Caches", anchor=False, help=_CACHES_HELP)
    with st.grid(3, min_column_width=220, gap="medium"):
        _cache(
            "Encoders",
            status.encoder_cache,
            "Weights in memory. The least recently used encoder is dropped when space is needed.",
        )
        _cache(
            "Feature maps",
            status.feature_map_cache,
            "Activations of photos seen so far; other settings reuse them.",
        )
        _cache(
            "Results",
            status.result_cache,
            "Segmentations, explanations and checks. Asking the same again is instant.",
        )
    st.button(
        "Clear caches",
        key="clear caches",
        icon=":material/mop:",
        on_click=service.clear_caches,
        help="Drops feature maps and results of all sessions. Encoders stay loaded.",
    )


def _cache(title: str, cache: CacheStatus, meaning: str) -> None:
    with st.container(gap="xsmall"):
        st.markdown(f"**{title}**", help=meaning)
        st.progress(share(cache), text=f"{in_bytes(cache.n_bytes)} of {in_bytes(cache.max_bytes)}")
        st.caption(" · ".join(in_words(cache)))


def share(cache: CacheStatus) -> float:
    """How full the cache is, 0 to 1; one encoder may be larger than the whole bound."""
    return min(1.0, cache.n_bytes / cache.max_bytes) if cache.max_bytes else 0.0


def in_words(cache: CacheStatus) -> list[str]:
    """Items, hit rate and evictions; nothing is said of what nobody has asked for."""
    n_asked = cache.hits + cache.misses
    hits = [f"{100 * cache.hits / n_asked:.0f} % hits"] if n_asked else []
    evicted = [f"{cache.evictions} evicted"] if cache.evictions else []
    return [f"{cache.n_items} item{'' if cache.n_items == 1 else 's'}", *hits, *evicted]


def in_bytes(n_bytes: int) -> str:
    """In the unit that needs few digits."""
    for unit, name in ((_GB, "GB"), (_MB, "MB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.1f} {name}"
    return f"{n_bytes / _KB:.0f} kB"
