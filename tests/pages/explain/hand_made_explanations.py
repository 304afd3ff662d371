"""Explanations small enough to know by heart: two concepts at two depths, two classes; and one class over three images."""

import numpy as np

from explainers.results.explanations import (
    ClassConcept,
    ClassConceptOverDepths,
    ClassExplanation,
    ConceptAtDepth,
    ConceptOverDepths,
    DepthFacts,
    LocalExplanation,
    SetUsed,
)
from explainers.results.provenance import PhotoUsed, Provenance
from explainers.visual_tcav.estimates import ClassEstimate, Estimate
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.settings import ExplainSettings
from tests.pages.hand_made import ENCODER

HEALTH = CavHealth(auc=0.95, emblem_gap=0.5, stability=0.9, n_concept=40, n_random=100)
NASTY = "<b>dots</b>, & so on"
STRONG = Estimate(
    value=0.5, interval=(0.4, 0.7), p_value=0.002, corrected_p_value=0.008, negative=0.1, null_mean=0.2, null_interval=(0.0, 0.3)
)
WEAK = Estimate(
    value=0.1, interval=(0.0, 0.2), p_value=0.5, corrected_p_value=1.0, negative=0.3, null_mean=0.2, null_interval=(0.0, 0.3)
)
MIDDLING = Estimate(
    value=0.3, interval=(0.2, 0.4), p_value=0.01, corrected_p_value=0.02, negative=0.2, null_mean=0.2, null_interval=(0.0, 0.3)
)
CORNER = np.array([[1, 0], [0, 0]], np.float32)  # seen in the upper left quarter

LOCAL = LocalExplanation(
    provenance=Provenance(
        ENCODER,
        (PhotoUsed("grey.png", "beef", (8, 8)),),
        ExplainSettings(depths=(1, 3), class_idx=(0, 1), n_steps=50),
        {"concepts": 1.0, "explanation": 2.0},
        "0",
        {"torch": "2"},
    ),
    class_idx=(0, 1),
    class_names=("cat", "dog"),
    probabilities=(0.75, 0.25),
    depths=(
        DepthFacts(1, (1.0, 0.5), (0.0, 0.25), (10.0, 5.0), (0.05, 0.2)),  # gaps: 0.5 % for the cat, 4 % for the dog
        DepthFacts(3, (1.0, 0.5), (0.0, 0.25), (10.0, 5.0), (0.0, 0.0)),
    ),
    concepts=(
        ConceptAtDepth("stripes", 1, CORNER, 2.0, (1.0, 0.25), HEALTH, (STRONG, WEAK)),
        ConceptAtDepth("stripes", 3, CORNER, 2.0, (1.0, 0.25), HEALTH, (WEAK, WEAK)),
        ConceptAtDepth(NASTY, 1, 0 * CORNER, 2.0, (1.0, 0.25), HEALTH, (WEAK, STRONG)),
        ConceptAtDepth(NASTY, 3, CORNER, 2.0, (1.0, 0.25), HEALTH, (WEAK, WEAK)),
    ),
    over_depths=(ConceptOverDepths("stripes", (STRONG, WEAK)), ConceptOverDepths(NASTY, (WEAK, MIDDLING))),
    refused_depths={2: "Part of the network bypasses depth 2."},
    sets=(SetUsed("stripes", "aa11", 40), SetUsed(NASTY, "bb22", 40)),
    random=SetUsed("scenes", "cc33", 100),
)


def class_estimate(values: tuple[float, ...], corrected: float) -> ClassEstimate:
    found = np.array(values)
    return ClassEstimate(
        values=found,
        negatives=found / 10,
        sensitivities=found - 0.1,
        mean=float(found.mean()),
        std=float(found.std()),
        reference_interval=(0.0, 1.0),
        interval=(0.1, 0.5),
        p_value=corrected / 2,
        corrected_p_value=corrected,
        null_mean=0.05,
        null_interval=(0.0, 0.1),
        tcav_score=2 / 3,
        tcav_p_value=0.04,
    )


OF_CLASS = ClassExplanation(
    provenance=Provenance(
        ENCODER,
        tuple(PhotoUsed(name, sha256, (8, 8)) for name, sha256 in (("a.png", "a1"), ("b.png", "b2"), ("c.png", "c3"))),
        ExplainSettings(depths=(3,), class_idx=(1,)),
        {"concepts": 1.0, "explanation": 2.0},
        "0",
        {"torch": "2"},
    ),
    class_idx=1,
    class_name="dog",
    concepts=(
        ClassConcept("stripes", 3, 2.0, (1.0, 0.25), HEALTH, class_estimate((0.2, 0.3, 0.4), 0.01)),
        ClassConcept(NASTY, 3, 2.0, (1.0, 0.25), HEALTH, class_estimate((0.0, 0.1, 0.2), 0.6)),
    ),
    over_depths=(
        ClassConceptOverDepths("stripes", class_estimate((0.2, 0.3, 0.4), 0.01)),
        ClassConceptOverDepths(NASTY, class_estimate((0.0, 0.1, 0.2), 0.6)),
    ),
    largest_gaps={3: 0.002},
    refused_depths={},
    sets=LOCAL.sets,
    random=LOCAL.random,
)
