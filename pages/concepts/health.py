"""What a health report says in words, and which images respond most and least. Pure functions.

measures   of a CAV at one depth: held-out AUC, emblem gap, stability; each is 1 at best
response   how strongly an image answers to the CAV
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from explainers.results.explanations import ConceptHealth, HealthReport
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.verdicts import Verdict


@dataclass(frozen=True)
class Ranked:
    """Images by their response: places in the set, strongest first, and the responses themselves."""

    idx: tuple[int, ...]
    responses: tuple[float, ...]


# --- words ----------------------------------------------------------------------------------------------------------------


def best_depth(report: HealthReport, concept: str) -> int:
    """The depth with the least to doubt; among equals, the one whose weakest measure is strongest."""
    checks = [report.at(concept, depth) for depth in report.depths]
    return max(checks, key=lambda c: (c.health.verdict.rank, weakest(c.health))).depth


def weakest(health: CavHealth) -> float:
    """The smallest of the three measures, the AUC brought to the same scale: 0 is chance, 1 is best."""
    auc = -1.0 if np.isnan(health.auc) else 2 * health.auc - 1
    return min(auc, health.emblem_gap, health.stability)


def verdicts(report: HealthReport, concept: str) -> list[tuple[str, Verdict]]:
    """For every run of depths with one verdict: which depths, and the verdict."""
    checks = [report.at(concept, depth) for depth in report.depths]
    runs = [[*run] for _, run in groupby(checks, key=lambda c: c.health.verdict)]
    return [(_depths_named(run), run[0].health.verdict) for run in runs]


def _depths_named(run: Sequence[ConceptHealth]) -> str:
    first, last = run[0].depth, run[-1].depth
    return f"Depth {first}" if first == last else f"Depths {first} to {last}"


def overall(report: HealthReport, concept: str) -> str:
    """One sentence on the concept as a whole: where this encoder sees it best, or that it does not."""
    best, last = best_depth(report, concept), report.depths[-1]
    where = f"depth {best}" if len(report.depths) == 1 else f"depth {best} (of {report.depths[0]} to {last})"
    if report.at(concept, best).health.verdict in (Verdict.NOT_SEEN, Verdict.WEAK):
        return f"{report.encoder.name} does not really see “{concept}” at any depth. The best is {where}."
    return f"{report.encoder.name} sees “{concept}” best at {where}."


def in_numbers(health: CavHealth) -> str:
    """The three measures on one line."""
    auc = "unknown" if np.isnan(health.auc) else f"{health.auc:.2f}"
    return f"AUC {auc} · emblem gap {health.emblem_gap:.2f} · stability {health.stability:.2f}"


# --- responses ------------------------------------------------------------------------------------------------------------


def strongest(responses: np.ndarray, n_images: int) -> Ranked:
    """The images that respond most; ``responses`` is (n_images,)."""
    return _ranked(responses, np.argsort(-responses, kind="stable")[:n_images])


def faintest(responses: np.ndarray, n_images: int) -> Ranked:
    """The images that respond least, the least of all first; ``responses`` is (n_images,)."""
    return _ranked(responses, np.argsort(responses, kind="stable")[:n_images])


def _ranked(responses: np.ndarray, idx: np.ndarray) -> Ranked:
    return Ranked(tuple(idx.tolist()), tuple(responses[idx].tolist()))
