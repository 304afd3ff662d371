"""Results as plain records, complete enough to draw every plot again. One schema (assets/docs/explanation.schema.json)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from explainers.interventions.effects import Effect, Response
from explainers.nave.segmentation import Segmentation
from explainers.results.explanations import ClassConcept, ClassExplanation, ConceptAtDepth, LocalExplanation
from explainers.results.interventions import ClassIntervention, PhotoIntervention, RegionIntervention
from explainers.results.provenance import PhotoUsed, Provenance
from explainers.results.saliency import SaliencyAtDepth, SecondOpinion
from explainers.results.words import WordsResult
from explainers.visual_tcav.estimates import ClassEstimate, Estimate
from models.encoder import EncoderInfo

Record = dict[str, Any]

EXPLANATION_SCHEMA = "encoderscope/explanation/1"  # raised when a reader of the old one would misread the new one
INTERVENTION_SCHEMA = "encoderscope/intervention/1"
REGION_SCHEMA = "encoderscope/region/1"
SALIENCY_SCHEMA = "encoderscope/saliency/1"
WORDS_SCHEMA = "encoderscope/words/1"


# --- explanations -------------------------------------------------------------------------------------------------------


def explanation_record(
    images: Sequence[tuple[str, LocalExplanation]],
    of_class: ClassExplanation | None = None,
    failed: Mapping[str, str] | None = None,
) -> Record:
    """Explanations of images, each with the file it came from, and of a class over many images; at least one of both.

    ``failed`` says of every file that could not be explained why.
    """
    record = _framed(EXPLANATION_SCHEMA, images[0][1] if images else of_class)
    record["images"] = [{"file": file, **_photo_record(explanation)} for file, explanation in images]
    if of_class is not None:
        record["global"] = _class_record(of_class)
    return record | {"failed": dict(failed or {})}


def _framed(schema: str, result: LocalExplanation | ClassExplanation | PhotoIntervention | ClassIntervention | None) -> Record:
    """What a file about concepts begins with: its schema, and the provenance and the sets of one of its results."""
    record: Record = {"schema": schema}
    if result is not None:
        record |= provenance_record(result.provenance)
        record |= {"concept_sets": [asdict(used) for used in result.sets], "random_set": asdict(result.random)}
    return record


def _photo_record(explanation: LocalExplanation) -> Record:
    """One photo: classes, what holds whatever the concept, and the concepts with their maps."""
    classes = zip(explanation.class_idx, explanation.class_names, explanation.probabilities, strict=True)
    return {
        "photo": explanation.photo_name,
        "sha256": explanation.photo_sha256,
        "classes": [{"class_idx": idx, "class_name": name, "probability": share} for idx, name, share in classes],
        "depths": [asdict(facts) for facts in explanation.depths],
        "concepts": [_concept_record(explanation, concept) for concept in explanation.concepts],
        "over_depths": [
            {"concept": c.concept, "attributions": _estimate_records(c.estimates, explanation.class_idx)}
            for c in explanation.over_depths
        ],
        "refused_depths": {str(depth): why for depth, why in explanation.refused_depths.items()},
        "seconds": dict(explanation.seconds),
    }


def _concept_record(explanation: LocalExplanation, concept: ConceptAtDepth) -> Record:
    return {
        "concept": concept.concept,
        "depth": concept.depth,
        "cav": _health_record(explanation, concept),
        "attributions": _estimate_records(concept.estimates, explanation.class_idx),
        "concept_map": np.round(concept.concept_map.astype(float), 4).tolist(),
    }


def _estimate_records(estimates: Sequence[Estimate], class_idx: Sequence[int]) -> list[Record]:
    return [{"class_idx": idx, **estimate_record(estimate)} for idx, estimate in zip(class_idx, estimates, strict=True)]


def estimate_record(estimate: Estimate | ClassEstimate) -> Record:
    """An estimate with its test; the attribution goes by that name, and arrays (n_images,) become lists."""
    record = jsonable(estimate)
    record["attribution"] = record.pop("value") if isinstance(estimate, Estimate) else record["mean"]
    return record | {"significant": bool(estimate.significant)}


def _class_record(explanation: ClassExplanation) -> Record:
    """Many photos and one class."""
    return {
        "class_idx": explanation.class_idx,
        "class_name": explanation.class_name,
        "photos": [{"photo": photo.name, "sha256": photo.sha256} for photo in explanation.provenance.photos],
        "concepts": [
            {"concept": c.concept, "depth": c.depth, "cav": _health_record(explanation, c), **estimate_record(c.estimate)}
            for c in explanation.concepts
        ],
        "over_depths": [{"concept": c.concept, **estimate_record(c.estimate)} for c in explanation.over_depths],
        "largest_gaps": {str(depth): jsonable(share) for depth, share in explanation.largest_gaps.items()},
        "refused_depths": {str(depth): why for depth, why in explanation.refused_depths.items()},
        "seconds": dict(explanation.seconds),
    }


def _health_record(explanation: LocalExplanation | ClassExplanation, concept: ConceptAtDepth | ClassConcept) -> Record:
    """What the CAV is worth: emblems, its length, held-out AUC, the domain check, the verdict, and doubts about the images."""
    cav = {"norm": concept.cav_norm, "concept_emblem": concept.emblems[0], "random_emblem": concept.emblems[1]}
    verdict, domain = concept.health.verdict, concept.health.domain
    checked = None if domain is None else {**jsonable(domain), "ratio": domain.ratio}
    verdicts = {"domain": checked, "verdict": verdict.value, "verdict_in_words": verdict.sentence}
    return {**cav, **asdict(concept.health), **verdicts, "set_warnings": list(explanation.warnings_of(concept.concept))}


# --- interventions ------------------------------------------------------------------------------------------------------


def intervention_record(
    images: Sequence[tuple[str, PhotoIntervention]],
    of_class: ClassIntervention | None = None,
    failed: Mapping[str, str] | None = None,
) -> Record:
    """Interventions on images, each with the file it came from, and on a class over many images; at least one of both.

    ``failed`` says of every file that could not be changed why.
    """
    record = _framed(INTERVENTION_SCHEMA, images[0][1] if images else of_class)
    record["images"] = [{"file": file, **_changed_photo_record(intervention)} for file, intervention in images]
    if of_class is not None:
        record["global"] = _changed_class_record(of_class)
    return record | {"failed": dict(failed or {})}


def _changed_photo_record(intervention: PhotoIntervention) -> Record:
    return {
        **_seen_as(intervention),
        "interventions": [
            {
                "concept": c.concept,
                "depth": c.depth,
                "map_peak": c.map_peak,
                "effects": _effect_records(intervention.class_idx, c.effects),
            }
            for c in (*intervention.concepts, *intervention.over_depths)
        ],
        **_ending(intervention),
    }


def replaced_region_record(images: Sequence[tuple[str, RegionIntervention]], failed: Mapping[str, str] | None = None) -> Record:
    """A region replaced in images, each with the file it came from; ``failed`` says of every file that was not done why."""
    record: Record = {"schema": REGION_SCHEMA} | (provenance_record(images[0][1].provenance) if images else {})
    record["images"] = [
        {
            "file": file,
            **_seen_as(intervention),
            "area": intervention.area,
            "regions": [
                {
                    "depth": region.depth,
                    "share": region.share,
                    "n_places": region.n_places,
                    "effects": _effect_records(intervention.class_idx, region.effects),
                }
                for region in intervention.regions
            ],
            **_ending(intervention),
        }
        for file, intervention in images
    ]
    return record | {"failed": dict(failed or {})}


def _seen_as(intervention: PhotoIntervention | RegionIntervention) -> Record:
    """The photo, and what it is seen as unchanged."""
    columns = (intervention.class_idx, intervention.class_names, intervention.probabilities, intervention.logits)
    names = ("class_idx", "class_name", "probability", "logit")
    classes = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return {"photo": intervention.photo_name, "sha256": intervention.photo_sha256, "classes": classes}


def _effect_records(class_idx: Sequence[int], effects: Sequence[Effect]) -> list[Record]:
    return [
        {"class_idx": idx, "logit": _response_record(effect.logit), "probability": _response_record(effect.probability)}
        for idx, effect in zip(class_idx, effects, strict=True)
    ]


def _ending(intervention: PhotoIntervention | RegionIntervention | ClassIntervention | SecondOpinion) -> Record:
    """What every record of a photo or a class ends with: depths that are refused, and seconds."""
    return {
        "refused_depths": {str(depth): why for depth, why in intervention.refused_depths.items()},
        "seconds": dict(intervention.seconds),
    }


def _changed_class_record(intervention: ClassIntervention) -> Record:
    return {
        "class_idx": intervention.class_idx,
        "class_name": intervention.class_name,
        "photos": [{"photo": photo.name, "sha256": photo.sha256} for photo in intervention.provenance.photos],
        "interventions": [
            {
                "concept": c.concept,
                "depth": c.depth,
                "mean_drop": c.effect.change.drop,
                "interval": list(c.effect.interval),
                "mean_probability_drop": c.effect.probability_drop,
                "drops": jsonable(c.effect.drops),
                "probability_drops": jsonable(c.effect.probability_drops),
                "change": _response_record(c.effect.change),
            }
            for c in (*intervention.concepts, *intervention.over_depths)
        ],
        **_ending(intervention),
    }


def _response_record(response: Response) -> Record:
    return jsonable(response) | {"significant": response.significant}


# --- words --------------------------------------------------------------------------------------------------------------


def words_record(result: WordsResult, failed: Mapping[str, str] | None = None) -> Record:
    """What an encoder makes of words; ``failed`` says of every file that was not used why."""
    maps = [{"depth": depth, **jsonable(worth)} for depth, worth in result.maps.items()]
    judged = [
        {
            "word": at_depth.word,
            "depth": at_depth.depth,
            "auc": jsonable(at_depth.health.auc),
            "p_value": at_depth.p_value,
            "corrected_p_value": at_depth.corrected_p_value,
            "significant": at_depth.significant,
            "emblems": {"concept": jsonable(at_depth.emblems[0]), "random": jsonable(at_depth.emblems[1])},
            "emblem_gap": jsonable(at_depth.health.emblem_gap),
            "stability": jsonable(at_depth.health.stability),
            "verdict": at_depth.health.verdict.value,
            "responses": jsonable(at_depth.responses),
        }
        for at_depth in result.judged
    ]
    record = {"schema": WORDS_SCHEMA, **provenance_record(result.provenance), "words": list(result.words), "maps": maps}
    return record | {"judged": judged, "similarities": jsonable(result.similarities), "failed": dict(failed or {})}


# --- second opinions ----------------------------------------------------------------------------------------------------


def saliency_record(images: Sequence[tuple[str, SecondOpinion]], failed: Mapping[str, str] | None = None) -> Record:
    """Second opinions on images, each with the file it came from; ``failed`` says of every file that was not done why."""
    record: Record = {"schema": SALIENCY_SCHEMA}
    if images:
        record |= provenance_record(images[0][1].provenance)
    record["images"] = [
        {
            "file": file,
            "photo": opinion.photo_name,
            "sha256": opinion.photo_sha256,
            "class_idx": opinion.class_idx,
            "class_name": opinion.class_name,
            "probability": opinion.probability,
            "shares": list(opinion.shares),
            "depths": [_saliency_at_depth(of_depth) for of_depth in opinion.depths],
            **_ending(opinion),
        }
        for file, opinion in images
    ]
    return record | {"failed": dict(failed or {})}


def _saliency_at_depth(of_depth: SaliencyAtDepth) -> Record:
    return {
        "depth": of_depth.depth,
        "gap_share": jsonable(of_depth.gap_share),
        "maps": [
            {
                "map": m.name,
                "values": jsonable(m.values),
                "agreement": of_depth.agreement(m.name),
                "deletion": jsonable(m.deletion) | {"significant": m.deletion.significant},
                "insertion": jsonable(m.insertion) | {"significant": m.insertion.significant},
            }
            for m in of_depth.maps
        ],
        "middle_first": {
            "deletion": jsonable(of_depth.middle_first.deletion),
            "insertion": jsonable(of_depth.middle_first.insertion),
        },
        "deletion_chance": jsonable(of_depth.deletion_chance),
        "insertion_chance": jsonable(of_depth.insertion_chance),
    }


# --- segmentations ------------------------------------------------------------------------------------------------------


def quality_record(segmentation: Segmentation) -> Record:
    """What the maps of every k are worth, and the k that is suggested."""
    return {
        "suggested_k": segmentation.suggested_k,
        "quality": [asdict(quality) for quality in segmentation.quality],
    }


# --- provenance ---------------------------------------------------------------------------------------------------------


def provenance_record(provenance: Provenance) -> Record:
    """Which encoder, which settings, which versions; photos are named where the record speaks of them."""
    return {
        "encoder": encoder_record(provenance.encoder),
        "settings": jsonable(provenance.settings),
        "encoderscope": provenance.encoderscope,
        "versions": dict(provenance.versions),
    }


def encoder_record(info: EncoderInfo) -> Record:
    """What tells an encoder from others, and its licence."""
    return {"name": info.name, "architecture": info.architecture, "fingerprint": info.fingerprint, "licence": info.licence}


def photo_record(photo: PhotoUsed) -> Record:
    """What tells a photo from others, and its size in pixels."""
    height, width = photo.shape
    return {"name": photo.name, "sha256": photo.sha256, "height": height, "width": width}


def jsonable(value: Any) -> Any:
    """Dataclasses, arrays of any shape, enums and mappings as JSON has them; null for a number that is not finite."""
    if isinstance(value, EncoderInfo):
        return encoder_record(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return jsonable(value.tolist())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
