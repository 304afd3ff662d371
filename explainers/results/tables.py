"""Results as rows of tables, the same for pages and the command line. Pure functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from explainers.drawing.clusters import hex_colour
from explainers.interventions.effects import Response
from explainers.maps.agreement import agreement_over_k, spread
from explainers.nave.quality import ClusterRow, cluster_table
from explainers.nave.segmentation import Segmentation
from explainers.results.comparisons import DepthGrams
from explainers.results.explanations import (
    ALL_DEPTHS,
    ClassConcept,
    ClassExplanation,
    ConceptAtDepth,
    LocalExplanation,
    ShownDepth,
)
from explainers.results.interventions import ClassIntervention, PhotoIntervention, RegionIntervention
from explainers.results.saliency import SecondOpinion
from explainers.results.segmentations import SegmentationsResult
from explainers.saliency.curves import Chance, Curve
from explainers.visual_tcav.estimates import ClassEstimate, Estimate
from explainers.visual_tcav.verdicts import Verdict

Row = dict[str, Any]
GAP_LIMIT = 0.01  # of the logit change, above which more steps are advised
NOT_TO_BE_RELIED_ON = 0.05  # of the logit change, above which an attribution is withheld
ALL_OFF_MAP = 0.999  # of the evidence on prefix tokens, from which on no concept can have any of it


def local_rows(explanation: LocalExplanation) -> list[Row]:
    """One row per class, concept and depth; where depths are several, one over all of them as well."""
    facts = {f.depth: f for f in explanation.depths}

    def rows_of_class(row: int) -> Iterator[Row]:
        def beside(c: ConceptAtDepth) -> Row:
            off_map, gap = facts[c.depth].off_map_shares[row], facts[c.depth].gap_share(row)
            return {"off_map_share": off_map, "completeness_gap": gap, "map_peak": float(c.concept_map.max()), **_health_cells(c)}

        return _rows(explanation, lambda c: _local_cells(c.estimates[row]), beside, row)

    return [
        {"class_idx": idx, "class": name, **cells}
        for row, (idx, name) in enumerate(zip(explanation.class_idx, explanation.class_names, strict=True))
        for cells in rows_of_class(row)
    ]


def class_rows(explanation: ClassExplanation) -> list[Row]:
    """One row per concept and depth; where depths are several, one over all of them as well."""
    of_class = {"class_idx": explanation.class_idx, "class": explanation.class_name}
    return [of_class | cells for cells in _rows(explanation, lambda c: _class_cells(c.estimate), _health_cells)]


def _rows(
    explanation: LocalExplanation | ClassExplanation,
    estimates_of: Callable[[Any], Row],
    beside: Callable[[Any], Row],
    row: int = 0,
) -> Iterator[Row]:
    """Per concept a row for every depth and, if they are several, one over all; ``beside`` is what only a depth has."""

    def estimates_at(depth: ShownDepth, of: Any) -> Row:
        return {**estimates_of(of), "reliable": not withheld(explanation, depth, row)}

    for together in explanation.over_depths:
        at_depths = [c for c in explanation.concepts if c.concept == together.concept]
        doubtful = {"set_warnings": " ".join(explanation.warnings_of(together.concept))}
        for c in at_depths:
            yield {"concept": c.concept, "depth": c.depth, **estimates_at(c.depth, c), **beside(c), **doubtful}
        if len(at_depths) > 1:
            nothing = dict.fromkeys(beside(at_depths[0]))
            n_good = sum(c.health.verdict in (Verdict.SOUND, Verdict.FAIR) for c in at_depths)
            in_words = f"Sound or fair at {n_good} of {len(at_depths)} depths."
            verdict = {"verdict": "all depths", "verdict_in_words": in_words}
            yield {
                "concept": together.concept,
                "depth": ALL_DEPTHS,
                **estimates_at(ALL_DEPTHS, together),
                **nothing,
                **verdict,
                **doubtful,
            }


def _local_cells(figure: Estimate) -> Row:
    return {
        "attribution": figure.value,
        "interval_low": figure.interval[0],
        "interval_high": figure.interval[1],
        "raw_p_value": figure.p_value,
        "corrected_p_value": figure.corrected_p_value,
        "significant": figure.significant,
        "evidence_against": figure.negative,
        "chance": figure.null_mean,
        "chance_low": figure.null_interval[0],
        "chance_high": figure.null_interval[1],
    }


def _class_cells(figure: ClassEstimate) -> Row:
    return {
        "n_images": len(figure.values),
        "mean": figure.mean,
        "interval_low": figure.interval[0],
        "interval_high": figure.interval[1],
        "std": figure.std,
        "raw_p_value": figure.p_value,
        "corrected_p_value": figure.corrected_p_value,
        "significant": figure.significant,
        "evidence_against": float(np.mean(figure.negatives)),
        "chance": figure.null_mean,
        "chance_low": figure.null_interval[0],
        "chance_high": figure.null_interval[1],
        "tcav_score": figure.tcav_score,
        "tcav_p_value": figure.tcav_p_value,
    }


def _health_cells(concept: ConceptAtDepth | ClassConcept) -> Row:
    verdict = concept.health.verdict
    return {"auc": concept.health.auc, "verdict": verdict.value, "verdict_in_words": verdict.sentence}


def rows_of(explanation: LocalExplanation | ClassExplanation) -> list[Row]:
    """The table of either kind."""
    return local_rows(explanation) if isinstance(explanation, LocalExplanation) else class_rows(explanation)


def depths_with_gap(explanation: LocalExplanation, limit: float = GAP_LIMIT) -> dict[int, float]:
    """Depths at which a class's completeness gap exceeds the limit (a share of its logit's change), with the largest share."""
    largest = {f.depth: max(f.gap_share(row) for row in range(len(explanation.class_idx))) for f in explanation.depths}
    return {depth: share for depth, share in largest.items() if share > limit}


def withheld(explanation: LocalExplanation | ClassExplanation, depth: ShownDepth, row: int = 0) -> str:
    """Why the attributions to a class (by its place in the explanation) are not to be shown at a depth; "" if they are."""
    gaps = {d: share for d, share in _gaps(explanation, row).items() if share > NOT_TO_BE_RELIED_ON and depth in (d, ALL_DEPTHS)}
    if not gaps:
        return ""
    where = " and ".join(f"at depth {d} by {_percent(share)}" for d, share in gaps.items())
    return f"Withheld: the attributions miss the change of the logit {where}, more than {NOT_TO_BE_RELIED_ON:.0%}."


def _gaps(explanation: LocalExplanation | ClassExplanation, row: int) -> Mapping[int, float]:
    """By depth the completeness gap as a share of the logit's change; over a class the largest of all images."""
    if isinstance(explanation, ClassExplanation):
        return explanation.largest_gaps
    return {f.depth: f.gap_share(row) for f in explanation.depths}


def _percent(share: float) -> str:
    return f"{share:.0%}" if share < 10 else "more than ten times it"


def depths_off_map(explanation: LocalExplanation) -> list[int]:
    """Depths at which all evidence for every class lies on prefix tokens, so that every attribution is 0."""
    return [f.depth for f in explanation.depths if min(f.off_map_shares) >= ALL_OFF_MAP]


# --- interventions ------------------------------------------------------------------------------------------------------


def intervention_rows(intervention: PhotoIntervention) -> list[Row]:
    """One row per class, concept, depth and strength; where depths are several, those over all of them as well."""
    together = intervention.over_depths if len(intervention.settings.depths) > 1 else ()
    return [
        {
            "class_idx": class_idx,
            "class": name,
            "concept": c.concept,
            "depth": c.depth,
            "strength": strength,
            **_response_cells("logit", c.effects[row].logit, n),
            **_response_cells("probability", c.effects[row].probability, n),
        }
        for row, (class_idx, name) in enumerate(zip(intervention.class_idx, intervention.class_names, strict=True))
        for c in (*intervention.concepts, *together)
        for n, strength in enumerate(intervention.strengths)
    ]


def region_rows(intervention: RegionIntervention) -> list[Row]:
    """One row per class, depth and strength of a region that is replaced."""
    return [
        {
            "class_idx": class_idx,
            "class": name,
            "depth": region.depth,
            "strength": strength,
            **_response_cells("logit", region.effects[row].logit, n),
            **_response_cells("probability", region.effects[row].probability, n),
        }
        for row, (class_idx, name) in enumerate(zip(intervention.class_idx, intervention.class_names, strict=True))
        for region in intervention.regions
        for n, strength in enumerate(intervention.strengths)
    ]


def class_intervention_rows(intervention: ClassIntervention) -> list[Row]:
    """One row per concept and depth; where depths are several, one over all of them as well."""
    together = intervention.over_depths if len(intervention.settings.depths) > 1 else ()
    return [
        {
            "class_idx": intervention.class_idx,
            "class": intervention.class_name,
            "concept": c.concept,
            "depth": c.depth,
            "n_images": len(c.effect.drops),
            "mean_drop": c.effect.change.drop,
            "interval_low": c.effect.interval[0],
            "interval_high": c.effect.interval[1],
            "chance_low": c.effect.change.null_interval[0],
            "chance_high": c.effect.change.null_interval[1],
            "raw_p_value": c.effect.change.p_value,
            "corrected_p_value": c.effect.change.corrected_p_value,
            "significant": c.effect.significant,
            "mean_probability_drop": c.effect.probability_drop,
        }
        for c in (*intervention.concepts, *together)
    ]


def _response_cells(name: str, response: Response, place: int) -> Row:
    """A class's logit or probability at one strength (by its place), with its band, and what its drop is worth."""
    at_place = response.curve[place], response.low[place], response.high[place]
    return _beside_chance(name, at_place, {"drop": response.drop}, response)


def _beside_chance(name: str, at_place: Sequence[float], worth: Mapping[str, float], tested: Response | Curve) -> Row:
    """A value with the ends of its band, what the whole curve is worth, and its p-values."""
    cells = zip((name, f"{name}_chance_low", f"{name}_chance_high"), map(float, at_place), strict=True)
    p_values = {f"{name}_raw_p_value": tested.p_value, f"{name}_corrected_p_value": tested.corrected_p_value}
    return {**dict(cells), **{f"{name}_{what}": value for what, value in worth.items()}, **p_values}


# --- second opinions ----------------------------------------------------------------------------------------------------


def saliency_rows(opinion: SecondOpinion) -> list[Row]:
    """One row per depth, map and share of the photo."""
    return [
        {
            "class_idx": opinion.class_idx,
            "class": opinion.class_name,
            "depth": of_depth.depth,
            "map": m.name,
            "share": share,
            **_curve_cells("deletion", m.deletion, of_depth.deletion_chance, n),
            **_curve_cells("insertion", m.insertion, of_depth.insertion_chance, n),
        }
        for of_depth in opinion.depths
        for m in (*of_depth.maps, of_depth.middle_first)
        for n, share in enumerate(opinion.shares)
    ]


def _curve_cells(name: str, curve: Curve, chance: Chance, place: int) -> Row:
    """A curve at one share (by its place), with the band of random orders, and what the whole of it is worth."""
    at_place = curve.probabilities[place], chance.low[place], chance.high[place]
    return _beside_chance(name, at_place, {"area": curve.area}, curve)


# --- clusters -----------------------------------------------------------------------------------------------------------


def cluster_rows(segmentation: Segmentation, k: int, given_names: Sequence[str] = ()) -> list[Row]:
    """One row per cluster of the map with k clusters: name if any has one, colour, area, regions, and every depth's share."""
    shares = segmentation.depth_shares[segmentation.ks.index(k)]
    names = [f"share_of_depth_{depth}" for depth in segmentation.settings.depths]
    return [
        {**_cluster_cells(cluster, given_names), **dict(zip(names, map(float, of_depths), strict=True))}
        for cluster, of_depths in zip(cluster_table(segmentation.at(k), k), shares, strict=True)
    ]


def photos_cluster_rows(result: SegmentationsResult, k: int, given_names: Sequence[str] = ()) -> list[Row]:
    """One row per photo and cluster of the maps with k clusters: name where any has one, colour, area, regions."""
    return [
        {"photo": name, **_cluster_cells(cluster, given_names)}
        for name, segmentation in zip(result.photo_names, result.segmentations, strict=True)
        for cluster in cluster_table(segmentation.at(k), k)
    ]


def _cluster_cells(cluster: ClusterRow, given_names: Sequence[str]) -> Row:
    return {
        "cluster_idx": cluster.cluster_idx,
        **({"name": given_names[cluster.cluster_idx]} if given_names else {}),
        "colour": hex_colour(cluster.cluster_idx),
        "area": cluster.area,
        "n_regions": cluster.n_regions,
    }


# --- encoders beside each other -----------------------------------------------------------------------------------------

AGREEMENT_COLUMNS = ("image", "encoder", "other", "k", "adjusted_rand", "adjusted_mutual_information")
DEPTH_COLUMNS = ("encoder", "depth", "other", "other_depth", "linear_cka")


def agreement_rows(image: str, names: Sequence[str], maps: Sequence[np.ndarray], ks: Sequence[int]) -> list[Row]:
    """One row per pair of encoders and k, from maps (n_k, h, w) of one image per encoder."""
    return [
        {"image": image, "encoder": a, "other": b, "k": k, **asdict(agreement)}
        for (a, map_a), (b, map_b) in combinations(zip(names, maps, strict=True), 2)
        for k, agreement in zip(ks, agreement_over_k(map_a, map_b), strict=True)
    ]


def agreement_over_images(rows: Sequence[Row]) -> list[Row]:
    """Mean and standard deviation over images of every pair of encoders and k."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["encoder"], row["other"], row["k"]), []).append(row)
    measures = ("adjusted_rand", "adjusted_mutual_information")
    return [
        {"encoder": a, "other": b, "k": k, "n_images": len(group)}
        | {measure: asdict(spread([row[measure] for row in group])) for measure in measures}
        for (a, b, k), group in groups.items()
    ]


def depth_rows(a: DepthGrams, b: DepthGrams, similarity: np.ndarray) -> list[Row]:
    """One row per pair of depths of two encoders, from their linear CKA (n_a, n_b) at n_a and n_b depths."""
    return [
        {"encoder": a.encoder.name, "depth": i, "other": b.encoder.name, "other_depth": j, "linear_cka": float(similarity[n, m])}
        for n, i in enumerate(a.depths)
        for m, j in enumerate(b.depths)
    ]
