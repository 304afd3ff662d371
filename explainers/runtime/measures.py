"""What a service measures of its own work, for Prometheus.

    requests   pieces of work that ended, by what was done and how it ended
    wait       seconds from being asked for until being begun
    work       seconds from being begun until the end, with what was given to others meanwhile

Labels are verbs ("segmenting"), never names of files, concepts or encoders.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)  # where the histograms' buckets end


class Outcome(StrEnum):
    """How a piece of work ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # with a sentence for whoever asked
    FAILED = "failed"  # by a defect of ours
    CANCELLED = "cancelled"  # nobody waited for it any more


@dataclass(frozen=True)
class Ended:
    """A piece of work that ended."""

    request_id: str
    verb: str
    outcome: Outcome
    waited: float  # seconds
    worked: float  # seconds


class Measures:
    """Counts what ended; reads at the moment of asking what is held now."""

    def __init__(self, now: Callable[[], dict[str, float]]):
        """``now`` gives figures of this moment by their names."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "encoderscope_requests", "Pieces of work that ended.", ("verb", "outcome"), registry=self._registry
        )
        self._wait = self._histogram("encoderscope_wait_seconds", "From being asked for until being begun.")
        self._work = self._histogram("encoderscope_work_seconds", "From being begun until the end.")
        self._registry.register(_Now(now))
        ProcessCollector(registry=self._registry)

    def ended(self, work: Ended) -> None:
        """Counts a piece of work, and logs it."""
        self._requests.labels(work.verb, work.outcome).inc()
        self._wait.labels(work.verb).observe(work.waited)
        if work.worked > 0:
            self._work.labels(work.verb).observe(work.worked)
        facts = {"request": work.request_id, "verb": work.verb, "outcome": str(work.outcome)}
        seconds = {"waited": round(work.waited, 3), "worked": round(work.worked, 3)}
        log.info("Ended", extra={"facts": facts | seconds})

    def text(self) -> str:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry).decode()

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, ("verb",), buckets=SECONDS, registry=self._registry)


class _Now(Collector):
    """Figures of the moment they are asked for."""

    def __init__(self, figures: Callable[[], dict[str, float]]):
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        for name, figure in self._figures().items():
            yield GaugeMetricFamily(f"encoderscope_{name}", name.replace("_", " ").capitalize() + ".", value=figure)
