"""Answers about concepts: CAVs and pseudo-concepts (cavs.py), followed through the evidence, become explanations."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from explainers.integrated_gradients import path_gradients
from explainers.library.sets import OpenSet
from explainers.results.explanations import (
    ClassConcept,
    ClassConceptOverDepths,
    ClassExplanation,
    ConceptAtDepth,
    ConceptHealth,
    ConceptMaps,
    ConceptOverDepths,
    DepthFacts,
    HealthReport,
    LocalExplanation,
    SetUsed,
    holm_corrected,
    holm_corrected_over_class,
)
from explainers.results.provenance import provenance_of
from explainers.service.cavs import Inquiry, TestedConcept, fitted_concepts, kept_cavs, tested_concepts
from explainers.service.domains import domain_checks, with_domains
from explainers.service.observatory import Observatory
from explainers.service.questions import CheckConcepts, ExplainClass, ExplainPhoto, MapConcepts
from explainers.visual_tcav import concept_map
from explainers.visual_tcav.attribution import Contributions, Evidence, contributions, evidence_of
from explainers.visual_tcav.cav import Cavs
from explainers.visual_tcav.domain import DomainCheck
from explainers.visual_tcav.estimates import Estimate, class_estimate, estimates_of
from explainers.visual_tcav.fitting import FittedConcept, chance_cosines
from explainers.visual_tcav.settings import N_CLASSES, ExplainSettings
from explainers.visual_tcav.stack import CavStack
from models.encoder import Encoder, EncoderInfo
from models.encoder.encoder import require_finite_answer
from models.encoder.labels import class_name, probabilities
from models.errors import BadSettings, NotACutPoint, TooFewExamples
from models.photo import Photo
from models.progress import IGNORED, Progress

FIT_SHARE = 0.5  # of the progress bar: fitting CAVs

Tested = Mapping[str, Sequence[TestedConcept]]  # by concept name, one per depth
Followed = tuple[DepthFacts, Mapping[str, Contributions]]  # of a photo at one depth


def explain_photo(question: ExplainPhoto, observatory: Observatory, progress: Progress) -> LocalExplanation:
    """Where each concept is seen in a photo, and what it contributes to some classes, at several depths."""
    encoder, photo = observatory.encoder(question.encoder_name, progress), question.photo
    settings, refused = attributable(question.settings, encoder, question.concepts)
    started = time.perf_counter()
    inquiry = Inquiry(observatory, encoder, question.concepts, question.random, settings)
    domains = domain_checks(inquiry, progress)  # looks at every depth of the images; those to be fitted are kept then
    tested = tested_concepts(inquiry, progress.part(0, FIT_SHARE))
    fitting = time.perf_counter() - started
    image, logits, class_idx = prepared(encoder, photo, settings.input_size, settings.class_idx)
    blank = LocalExplanation(
        provenance_of(encoder.info, (photo,), replace(settings, class_idx=class_idx)),
        *sets_used(inquiry),
        class_idx=class_idx,
        class_names=tuple(class_name(encoder.info.class_names, idx) for idx in class_idx),
        probabilities=tuple(probabilities(logits)[list(class_idx)].tolist()),
        depths=(),
        concepts=(),
        over_depths=(),
        refused_depths=refused,
    )
    followed: dict[int, Followed] = {}
    for n, depth in enumerate(reversed(settings.depths)):  # deep ones take least, and tell most of a class
        progress.report(FIT_SHARE + (1 - FIT_SHARE) * n / len(settings.depths), f"Following the evidence from depth {depth}")
        followed[depth] = _followed_from(inquiry, tested, depth, image, class_idx, progress.silent())
        if n == 0 and len(settings.depths) > 1:
            progress.show(_with_depths(blank, tested, followed, domains))
    whole = _with_depths(blank, tested, followed, domains)
    seconds = {"concepts": fitting, "explanation": time.perf_counter() - started - fitting}
    return replace(whole, provenance=replace(whole.provenance, seconds=seconds))


def explain_class(question: ExplainClass, observatory: Observatory, progress: Progress) -> ClassExplanation:
    """What each concept contributes to one class over many photos of it."""
    encoder, photos = observatory.encoder(question.encoder_name, progress), question.photos
    require_images_of_one_class(photos, question.settings.class_idx, "a class explanation")
    settings, refused = attributable(question.settings, encoder, question.concepts)
    started = time.perf_counter()
    inquiry = Inquiry(observatory, encoder, question.concepts, question.random, settings)
    domains = domain_checks(inquiry, progress)  # looks at every depth of the images; those to be fitted are kept then
    tested = tested_concepts(inquiry, progress.part(0, FIT_SHARE))
    fitting = time.perf_counter() - started
    facts, contributed = _contributions_to_class(inquiry, photos, tested, progress.part(FIT_SHARE, 1.0))
    at_depths = [
        _class_at_depth(concept, depth, of_photos, settings.seed)
        for name, of_depths in tested.items()
        for concept, depth, of_photos in zip(of_depths, settings.depths, contributed[name], strict=True)
    ]
    over_depths = [
        _class_over_depths(name, of_depths[0].stack, contributed[name], settings.seed) for name, of_depths in tested.items()
    ]
    seconds = {"concepts": fitting, "explanation": time.perf_counter() - started - fitting}
    return ClassExplanation(
        provenance_of(encoder.info, photos, settings, seconds),
        *sets_used(inquiry),
        class_idx=settings.class_idx[0],
        class_name=class_name(encoder.info.class_names, settings.class_idx[0]),
        concepts=holm_corrected_over_class(with_domains(at_depths, domains)),
        over_depths=holm_corrected_over_class(over_depths),
        largest_gaps={of_photos[0].depth: max(f.gap_share(0) for f in of_photos) for of_photos in zip(*facts, strict=True)},
        refused_depths=refused,
    )


def require_images_of_one_class(photos: Sequence[Photo], class_idx: Sequence[int], what: str) -> None:
    """Raises BadSettings unless exactly one class is named, and TooFewExamples without an image; ``what`` names the question."""
    if len(class_idx) != 1:
        raise BadSettings(f"{len(class_idx)} classes were named; {what} is about exactly one.")
    if not photos:
        raise TooFewExamples("There are no images of the class; at least 1 is needed, 10 or more are better. Add images.")


def prepared(
    encoder: Encoder, photo: Photo, input_size: int, class_idx: tuple[int, ...]
) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """The photo as the encoder sees it (3, H, W), its logits (all classes,), and the classes: the most probable unless named.

    Raises UnsupportedEncoder where the logits are not finite.
    """
    image = encoder.prepare(photo, input_size)
    logits = encoder.logits(image[None])[0]
    require_finite_answer(encoder.info, f"'{photo.name}'", logits)
    of_classes = probabilities(logits)
    return image, logits, class_idx or tuple(of_classes.topk(min(N_CLASSES, len(of_classes))).indices.tolist())


def check_concepts(question: CheckConcepts, observatory: Observatory, progress: Progress) -> HealthReport:
    """What every CAV is worth, at every depth unless some are named; no class is needed."""
    encoder = observatory.encoder(question.encoder_name, progress)
    settings = at_every_depth(question.settings, encoder.info)
    inquiry = Inquiry(observatory, encoder, question.concepts, question.random, settings)
    kept = kept_cavs(inquiry)
    if 0 < len(kept) < len(question.concepts):
        progress.show(_report(inquiry, kept))
    report = _report(inquiry, fitted_concepts(inquiry, progress))
    return replace(report, concepts=with_domains(report.concepts, domain_checks(inquiry, progress)))


def _report(inquiry: Inquiry, fitted: Mapping[str, Sequence[FittedConcept]]) -> HealthReport:
    """What is known of CAVs, without a domain check."""
    settings = inquiry.settings
    health = [
        ConceptHealth(
            concept.name,
            depth,
            fit.health,
            fit.cav.vector.cpu().numpy(),
            fit.concept_responses,
            fit.random_responses,
            chance_cosines(fit, settings.seed),
        )
        for concept in inquiry.concepts
        for depth, fit in zip(settings.depths, fitted.get(concept.name, ()), strict=concept.name in fitted)
    ]
    provenance = provenance_of(inquiry.encoder.info, (), settings)
    return HealthReport(provenance, *sets_used(inquiry), settings.depths, tuple(health))


def map_concepts(question: MapConcepts, observatory: Observatory, progress: Progress) -> ConceptMaps:
    """Where every concept is seen in a photo, at every depth unless some are named; no class is needed."""
    encoder = observatory.encoder(question.encoder_name, progress)
    settings = at_every_depth(question.settings, encoder.info)
    inquiry = Inquiry(observatory, encoder, question.concepts, question.random, settings)
    fitted = fitted_concepts(inquiry, progress.part(0, FIT_SHARE))
    (maps,) = observatory.feature_maps(encoder, [question.photo], settings.input_size, settings.depths, progress)
    seen = {
        (concept.name, depth): concept_map(depth_map.cpu(), replace(fit.cav, vector=fit.cav.vector.cpu())).numpy()
        for concept in question.concepts
        for depth, fit, depth_map in zip(settings.depths, fitted[concept.name], maps, strict=True)
    }
    provenance = provenance_of(encoder.info, (question.photo,), settings)
    return ConceptMaps(provenance, *sets_used(inquiry), settings.depths, seen)


# --- settings as they are meant -----------------------------------------------------------------------------------------


def attributable(
    settings: ExplainSettings, encoder: Encoder, concepts: Sequence[OpenSet]
) -> tuple[ExplainSettings, dict[int, str]]:
    """The settings with the depths and the size that are meant, and why attribution is refused at the other depths inquiry for.

    Raises BadSettings where the encoder does not allow them, TooFewExamples without a concept.
    """
    if not concepts:
        raise TooFewExamples("No concept was chosen. Choose at least one.")
    return followable(settings, encoder)


def followable(settings: ExplainSettings, encoder: Encoder) -> tuple[ExplainSettings, dict[int, str]]:
    """The settings with the depths and the size that are meant, and why other depths are refused; raises BadSettings where the
    encoder does not allow them."""
    settings = _sized(settings, encoder.info)
    require_valid(settings, encoder.info)
    wanted = tuple(sorted(set(settings.depths))) or encoder.info.attributed_depths
    depths, refused = usable_depths(encoder, wanted)
    return replace(settings, depths=depths), refused


def at_every_depth(settings: ExplainSettings, info: EncoderInfo) -> ExplainSettings:
    """The settings with the size that is meant, and with every depth unless some are named."""
    depths = tuple(sorted(set(settings.depths))) or tuple(depth.idx for depth in info.depths)
    return replace(_sized(settings, info), depths=depths)


def _sized(settings: ExplainSettings, info: EncoderInfo) -> ExplainSettings:
    return replace(settings, input_size=settings.input_size or info.preprocessing.input_size)


def require_valid(settings: ExplainSettings, info: EncoderInfo) -> None:
    """Raises BadSettings where the encoder has no such depth or class, or a number makes no sense."""
    if not info.has_classifier:
        raise BadSettings(
            f"'{info.name}' has no classifier, so there is no class to attribute to. Choose an encoder with classes; "
            "NAVE on the Explore page works with this one."
        )
    for depth in settings.depths:
        if not 0 <= depth < len(info.depths):
            raise BadSettings(f"'{info.name}' has no depth {depth}. Choose from 0 to {len(info.depths) - 1}.")
    for idx in settings.class_idx:
        if not 0 <= idx < len(info.class_names):
            raise BadSettings(f"'{info.name}' has no class {idx}. Choose from 0 to {len(info.class_names) - 1}.")
    limits = {"n_steps": (1, 1000), "n_null": (1, 10_000), "n_bootstrap": (1, 10_000)}
    for name, (low, high) in limits.items():
        if not low <= getattr(settings, name) <= high:
            raise BadSettings(f"{name} is {getattr(settings, name)}; a number from {low} to {high} is needed.")


def usable_depths(encoder: Encoder, depths: Sequence[int]) -> tuple[tuple[int, ...], dict[int, str]]:
    """The depths that decide the logits alone, and why the others do not; raises BadSettings if none is left."""
    usable: list[int] = []
    refused: dict[int, str] = {}
    for depth in depths:
        try:
            encoder.head_from(depth)
            usable.append(depth)
        except NotACutPoint as refusal:
            refused[depth] = str(refusal)
    if not usable:
        raise BadSettings(f"Nothing can be attributed to the chosen depths. {next(iter(refused.values()))} Choose another depth.")
    return tuple(usable), refused


# --- evidence and contributions -----------------------------------------------------------------------------------------


def evidence_at(
    encoder: Encoder,
    image: Tensor,
    depth: int,
    class_idx: Sequence[int],
    n_steps: int,
    progress: Progress = IGNORED,
) -> Evidence:
    """What speaks for each class at one depth of one image (3, H, W)."""
    head = encoder.head_from(depth)(image)
    outputs = [0] if len(encoder.info.class_names) == 1 else class_idx
    activation = head.activation[0].float()
    path = path_gradients(head.logits_of, activation, outputs, n_steps, progress, refined=True)
    return evidence_of(path, activation, class_idx, head.map_of)


def _followed_from(
    inquiry: Inquiry, tested: Tested, depth: int, image: Tensor, class_idx: Sequence[int], progress: Progress
) -> Followed:
    """What holds for an image (3, H, W) at one of the depths, and what every concept contributes there."""
    evidence = evidence_at(inquiry.encoder, image, depth, class_idx, inquiry.settings.n_steps, progress)
    shares = evidence.class_shares, evidence.off_map_shares
    facts = DepthFacts(depth, *shares, evidence.logit_changes, evidence.completeness_gaps)
    stacks = {name: of_depths[inquiry.settings.depths.index(depth)].stack.cavs for name, of_depths in tested.items()}
    at_hand = {name: on_device(stack, evidence.feature_map) for name, stack in stacks.items()}
    return facts, {name: contributions(evidence, cavs, progress) for name, cavs in at_hand.items()}


def _with_depths(
    blank: LocalExplanation,
    tested: Tested,
    followed: Mapping[int, Followed],
    domains: Mapping[str, DomainCheck],
) -> LocalExplanation:
    """The explanation with the depths that were followed so far, and with their mean once they are all; p-values are corrected
    for those to come as well."""
    depths = blank.settings.depths
    n_to_come = len(tested) * (len(depths) - len(followed))
    at_depths = [
        _at_depth(concept, depth, followed[depth][1][name])
        for name, of_depths in tested.items()
        for concept, depth in zip(of_depths, depths, strict=True)
        if depth in followed
    ]
    over_depths = [
        ConceptOverDepths(name, _estimates(of_depths[0].stack, Contributions.over_depths([followed[d][1][name] for d in depths])))
        for name, of_depths in tested.items()
        if n_to_come == 0
    ]
    return replace(
        blank,
        depths=tuple(followed[depth][0] for depth in depths if depth in followed),
        concepts=holm_corrected(with_domains(at_depths, domains), n_to_come),
        over_depths=holm_corrected(over_depths),
    )


def _contributions_to_class(
    inquiry: Inquiry, photos: Sequence[Photo], tested: Tested, progress: Progress
) -> tuple[list[tuple[DepthFacts, ...]], dict[str, list[list[Contributions]]]]:
    """What holds for every photo at every depth, and what every concept contributes: by concept and depth one per photo, without
    maps."""
    settings = inquiry.settings
    facts: list[tuple[DepthFacts, ...]] = []
    contributed: dict[str, list[list[Contributions]]] = {name: [[] for _ in settings.depths] for name in tested}
    for done, photo in enumerate(photos):
        progress.report(done / len(photos), f"Explaining '{photo.name}'")
        image = inquiry.encoder.prepare(photo, settings.input_size)
        of_depths = [_followed_from(inquiry, tested, d, image, settings.class_idx, progress.silent()) for d in settings.depths]
        facts.append(tuple(of_depth for of_depth, _ in of_depths))
        for n, (_, of_concepts) in enumerate(of_depths):
            for name, of_concept in of_concepts.items():
                contributed[name][n].append(replace(of_concept, concept_map=of_concept.concept_map[:0]))
    return facts, contributed


def on_device(stack: Cavs, like: Tensor) -> Cavs:
    """The stack of J CAVs where a tensor of any shape is."""
    return Cavs(stack.vectors.to(like), stack.concept_emblems.to(like), stack.random_emblems.to(like))


def _estimates(stack: CavStack, contributed: Contributions) -> tuple[Estimate, ...]:
    return tuple(estimates_of(stack, contributed.attributions, contributed.negatives))


def _at_depth(concept: TestedConcept, depth: int, contributed: Contributions) -> ConceptAtDepth:
    fit, seen = concept.fit, contributed.concept_map.float().cpu().numpy()
    return ConceptAtDepth(fit.name, depth, seen, fit.norm, fit.emblems, fit.health, _estimates(concept.stack, contributed))


def _class_at_depth(concept: TestedConcept, depth: int, of_photos: Sequence[Contributions], seed: int) -> ClassConcept:
    fit, estimate = concept.fit, class_estimate(concept.stack, of_photos, seed)
    return ClassConcept(fit.name, depth, fit.norm, fit.emblems, fit.health, estimate)


def _class_over_depths(
    name: str, stack: CavStack, contributed: Sequence[Sequence[Contributions]], seed: int
) -> ClassConceptOverDepths:
    """From the contributions at every depth, one per photo; the stack is that of any of the depths."""
    of_photos = [Contributions.over_depths(of_photo) for of_photo in zip(*contributed, strict=True)]
    return ClassConceptOverDepths(name, class_estimate(stack, of_photos, seed))


def sets_used(inquiry: Inquiry) -> tuple[tuple[SetUsed, ...], SetUsed]:
    """The concepts and their random counterpart, with what is doubtful about their images."""
    library, random = inquiry.observatory.library, inquiry.random
    concepts = tuple(
        _used(concept, (*library.repeats_in(concept), *library.overlap_of(concept, random))) for concept in inquiry.concepts
    )
    return concepts, _used(random, library.repeats_in(random))


def _used(image_set: OpenSet, warnings: tuple[str, ...]) -> SetUsed:
    return SetUsed(image_set.name, image_set.image_set.fingerprint, len(image_set.images), warnings)
