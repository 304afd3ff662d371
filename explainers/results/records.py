"""Explanations as plain records, complete enough to draw every plot again; for JSON files and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from explainers.results.explanations import ClassConcept, ClassExplanation, ConceptAtDepth, LocalExplanation
from explainers.visual_tcav.estimates import Estimate
from models.encoder.encoder import EncoderInfo

Record = dict[str, Any]


def attribution_record(
    locals_: Sequence[tuple[str, LocalExplanation]], of_class: ClassExplanation | None, failed: Mapping[str, str]
) -> Record:
    """Everything that a run of the command line found: per image, class and concept; per concept; over the class."""
    images = [{"file": file, **local_record(explanation)} for file, explanation in locals_]
    record: Record = {"images": images, "failed": dict(failed)}
    if locals_:
        record |= _provenance(locals_[0][1])
    if of_class is not None:
        record["global"] = class_record(of_class)
    return record


def local_record(explanation: LocalExplanation) -> Record:
    """One photo: classes, what holds whatever the concept, and the concepts with their maps."""
    return {
        "photo": explanation.photo_name,
        "sha256": explanation.photo_sha256,
        "classes": [
            {"class_idx": idx, "class_name": name, "probability": probability}
            for idx, name, probability in zip(
                explanation.class_idx, explanation.class_names, explanation.probabilities, strict=True
            )
        ],
        "depths": [asdict(facts) for facts in explanation.depths],
        "concepts": [_concept_record(concept, explanation.class_idx) for concept in explanation.concepts],
        "over_depths": [
            {"concept": c.concept, "attributions": _estimate_records(c.estimates, explanation.class_idx)}
            for c in explanation.over_depths
        ],
        "refused_depths": {str(depth): why for depth, why in explanation.refused_depths.items()},
        "seconds": dict(explanation.seconds),
    }


def _concept_record(found: ConceptAtDepth, class_idx: Sequence[int]) -> Record:
    return {
        "concept": found.concept,
        "depth": found.depth,
        "cav": _health_record(found),
        "attributions": _estimate_records(found.estimates, class_idx),
        "concept_map": np.round(found.concept_map.astype(float), 4).tolist(),
    }


def _estimate_records(figures: Sequence[Estimate], class_idx: Sequence[int]) -> list[Record]:
    return [{"class_idx": idx, **estimate_record(f)} for idx, f in zip(class_idx, figures, strict=True)]


def estimate_record(figure: Any) -> Record:
    """A Estimate or ClassEstimate; arrays become lists, and the attribution goes by that name."""
    record = {field.name: _plain(getattr(figure, field.name)) for field in fields(figure)}
    record["attribution"] = record.pop("value", None) if "value" in record else record["mean"]
    return record | {"significant": bool(figure.significant)}


def class_record(explanation: ClassExplanation) -> Record:
    """Many photos and one class."""
    return {
        "class_idx": explanation.class_idx,
        "class_name": explanation.class_name,
        "photos": [
            {"photo": name, "sha256": sha} for name, sha in zip(explanation.photo_names, explanation.photo_sha256s, strict=True)
        ],
        "concepts": [_class_concept_record(concept) for concept in explanation.concepts],
        "over_depths": [{"concept": c.concept, **estimate_record(c.estimate)} for c in explanation.over_depths],
        "seconds": dict(explanation.seconds),
    }


def _class_concept_record(found: ClassConcept) -> Record:
    return {"concept": found.concept, "depth": found.depth, "cav": _health_record(found), **estimate_record(found.estimate)}


def _health_record(found: ConceptAtDepth | ClassConcept) -> Record:
    """What the CAV is worth: emblems, its length, held-out AUC, and the verdict in words."""
    cav = {"norm": found.cav_norm, "concept_emblem": found.emblems[0], "random_emblem": found.emblems[1]}
    return {
        **cav,
        **asdict(found.health),
        "verdict": found.health.verdict.value,
        "verdict_in_words": found.health.verdict.sentence,
    }


def _provenance(explanation: LocalExplanation | ClassExplanation) -> Record:
    """Which encoder, which images, which settings, which versions."""
    return {
        "encoder": encoder_record(explanation.encoder),
        "concept_sets": [asdict(used) for used in explanation.sets],
        "random_set": asdict(explanation.random),
        "settings": asdict(explanation.settings),
        "versions": dict(explanation.versions),
    }


def encoder_record(info: EncoderInfo) -> Record:
    return {"name": info.name, "architecture": info.architecture, "fingerprint": info.fingerprint, "licence": info.licence}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
