"""What a service holds and does at a moment: for the Encoders page, and as figures for whoever watches the server."""

from dataclasses import dataclass

from explainers.runtime.caches import CacheStatus
from explainers.runtime.scheduler import Activity
from explainers.service.observatory import LoadedEncoder


@dataclass(frozen=True)
class ServiceStatus:
    """What the service holds and does at this moment."""

    device: str
    n_threads: int
    encoders: tuple[LoadedEncoder, ...]  # least recently used first
    encoder_cache: CacheStatus
    feature_map_cache: CacheStatus
    result_cache: CacheStatus
    queue_length: int
    running: tuple[Activity, ...]


def figures_of(status: ServiceStatus) -> dict[str, float]:
    """The status as figures by their names, without any name of an encoder or a file."""
    caches = {
        "encoder_cache": status.encoder_cache,
        "feature_map_cache": status.feature_map_cache,
        "result_cache": status.result_cache,
    }
    of_caches = {
        f"{name}_{what}": float(getattr(cache, attribute))
        for name, cache in caches.items()
        for what, attribute in (("bytes", "n_bytes"), ("bound_bytes", "max_bytes"), ("hits", "hits"), ("misses", "misses"))
    }
    return {"queue_length": float(status.queue_length), "running": float(len(status.running)), **of_caches}
