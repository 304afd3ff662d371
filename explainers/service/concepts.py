"""Where encoders meet Visual-TCAV: feature maps of concept images become CAVs, heads become evidence, both become explanations.

Runs in the service's worker. CAVs are kept on disk under a hash of everything they depend on (encoder, size, depth, images of
both sets, settings), so that a concept is fitted once per encoder, whoever asks and whenever.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from torch import Tensor

from explainers.integrated_gradients import path_gradients
from explainers.library.library import ConceptLibrary, OpenSet
from explainers.results.explanations import (
    N_CLASSES,
    ClassConcept,
    ClassConceptOverDepths,
    ClassExplanation,
    ConceptAtDepth,
    ConceptHealth,
    ConceptMaps,
    ConceptOverDepths,
    DepthFacts,
    ExplainSettings,
    HealthReport,
    LocalExplanation,
    SetUsed,
    holm_corrected,
    holm_corrected_over_class,
    require_valid,
)
from explainers.runtime.scheduler import Task
from explainers.visual_tcav.attribution import Contributions, Evidence, contributions, evidence_of
from explainers.visual_tcav.cav import Cavs, concept_map
from explainers.visual_tcav.estimates import Estimate, class_estimate, estimates_of
from explainers.visual_tcav.fitting import FitSettings, FittedConcept, as_tensors, fit_concepts, from_tensors
from models.encoder.encoder import Encoder, EncoderInfo
from models.encoder.labels import class_name, probabilities
from models.errors import BadSettings, NotACutPoint, TooFewExamples
from models.photo import Photo
from models.progress import Progress

MapsOf = Callable[[Encoder, Sequence[Photo], int, Sequence[int], Task], Iterator[list[Tensor]]]

CHUNK = 8  # concept images that are decoded at a time
FIT_VERSION = 2  # to be raised when the same inputs give another fit
FIT_SHARE = 0.5  # of the progress bar: fitting CAVs


@dataclass(frozen=True)
class Inquiry:
    """What is asked about: concepts against a random counterpart."""

    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings

    @property
    def content(self) -> tuple:
        """What the answer depends on: hashes of images in their order, and settings; names only to tell concepts apart."""
        return tuple((c.name, images_hash(c)) for c in self.concepts), (self.random.name, images_hash(self.random)), self.settings

    def sets(self) -> tuple[SetUsed, ...]:
        return tuple(_used(concept) for concept in self.concepts)


def images_hash(open_set: OpenSet) -> str:
    """Hash of the images of a set in their order."""
    return hashlib.sha256("".join(image.sha256 for image in open_set.images).encode()).hexdigest()


def _used(open_set: OpenSet) -> SetUsed:
    return SetUsed(open_set.name, open_set.image_set.fingerprint, len(open_set.images))


class ConceptExplainer:
    """Fits, explains and judges concepts for encoders that are handed in."""

    def __init__(self, library: ConceptLibrary, maps_of: MapsOf, versions: Callable[[], dict[str, str]]):
        self.library, self._maps_of, self._versions = library, maps_of, versions

    def local(self, encoder: Encoder, photo: Photo, inquiry: Inquiry, task: Task) -> LocalExplanation:
        """One photo, some classes, every concept at every depth."""
        settings = _prepared(inquiry, encoder.info)
        depths, refused = usable_depths(encoder, settings.depths)
        started = time.perf_counter()
        fitted = self.fitted(encoder, replace(inquiry, settings=settings), depths, task)
        fitting = time.perf_counter() - started
        image = encoder.prepare(photo, settings.input_size)
        of_classes = probabilities(encoder.logits(image[None])[0])
        class_idx = settings.class_idx or most_probable(of_classes)
        found, facts = [], []
        given: dict[str, list[Contributions]] = {c.name: [] for c in inquiry.concepts}
        for n, depth in enumerate(depths):
            task.report_or_stop(FIT_SHARE + (1 - FIT_SHARE) * n / len(depths), f"Following the evidence from depth {depth}")
            evidence = evidence_at(encoder, image, depth, class_idx, settings.n_steps, task.check)
            facts.append(_facts(depth, evidence))
            for name, contributed in given.items():
                contributed.append(_contributed(fitted[name][n], evidence))
                found.append(_at_depth(fitted[name][n], depth, contributed[-1]))
        together = [
            ConceptOverDepths(name, _estimates(fitted[name][0], Contributions.over_depths(c))) for name, c in given.items()
        ]
        return LocalExplanation(
            settings=replace(settings, class_idx=class_idx, depths=depths),
            encoder=encoder.info,
            photo_name=photo.name,
            photo_sha256=photo.sha256,
            class_idx=class_idx,
            class_names=tuple(class_name(encoder.info.class_names, idx) for idx in class_idx),
            probabilities=tuple(float(of_classes[idx]) for idx in class_idx),
            depths=tuple(facts),
            concepts=_by_concept(holm_corrected(found), inquiry),
            over_depths=holm_corrected(together),
            refused_depths=refused,
            sets=inquiry.sets(),
            random=_used(inquiry.random),
            seconds={"concepts": fitting, "explanation": time.perf_counter() - started - fitting},
            versions=self._versions(),
        )

    def of_class(self, encoder: Encoder, photos: Sequence[Photo], inquiry: Inquiry, task: Task) -> ClassExplanation:
        """Many photos, one class."""
        settings = _prepared(inquiry, encoder.info)
        if len(settings.class_idx) != 1:
            raise BadSettings(f"{len(settings.class_idx)} classes were named; a class explanation is about exactly one.")
        if not photos:
            raise TooFewExamples("There are no images of the class; at least 1 is needed, 10 or more are better. Add images.")
        depths, refused = usable_depths(encoder, settings.depths)
        started = time.perf_counter()
        fitted = self.fitted(encoder, replace(inquiry, settings=settings), depths, task)
        fitting = time.perf_counter() - started
        given = _contributions_to_class(encoder, photos, fitted, depths, settings, task)
        found = [
            _over_class(fit, depth, of_depth, settings.seed)
            for name, fits in fitted.items()
            for fit, depth, of_depth in zip(fits, depths, given[name], strict=True)
        ]
        together = [_over_class_and_depths(fits[0], given[name], settings.seed) for name, fits in fitted.items()]
        return ClassExplanation(
            settings=replace(settings, depths=depths),
            encoder=encoder.info,
            class_idx=settings.class_idx[0],
            class_name=class_name(encoder.info.class_names, settings.class_idx[0]),
            photo_names=tuple(photo.name for photo in photos),
            photo_sha256s=tuple(photo.sha256 for photo in photos),
            concepts=holm_corrected_over_class(found),
            over_depths=holm_corrected_over_class(together),
            refused_depths=refused,
            sets=inquiry.sets(),
            random=_used(inquiry.random),
            seconds={"concepts": fitting, "explanation": time.perf_counter() - started - fitting},
            versions=self._versions(),
        )

    def health(self, encoder: Encoder, inquiry: Inquiry, task: Task) -> HealthReport:
        """No class: what every CAV is worth, at every depth unless some are named."""
        info = encoder.info
        settings = _sized(inquiry.settings, info)
        depths = tuple(sorted(set(settings.depths))) or tuple(depth.idx for depth in info.depths)
        fitted = self.fitted(encoder, replace(inquiry, settings=settings), depths, task, share=1.0)
        found = [
            ConceptHealth(c.name, d, f.health, f.cav.vector.cpu().numpy(), f.concept_responses, f.random_responses)
            for c in inquiry.concepts
            for d, f in zip(depths, fitted[c.name], strict=True)
        ]
        settings = replace(settings, depths=depths)
        return HealthReport(settings, info, depths, tuple(found), inquiry.sets(), _used(inquiry.random), self._versions())

    def maps(self, encoder: Encoder, photo: Photo, inquiry: Inquiry, task: Task) -> ConceptMaps:
        """No class: where every concept is seen in a photo, at every depth unless some are named."""
        info, settings = encoder.info, _sized(inquiry.settings, encoder.info)
        depths = tuple(sorted(set(settings.depths))) or tuple(depth.idx for depth in info.depths)
        settings = replace(settings, depths=depths)
        fitted = self.fitted(encoder, replace(inquiry, settings=settings), depths, task)
        (maps,) = self._maps_of(encoder, [photo], settings.input_size, depths, task)
        found = {
            (c.name, d): concept_map(depth_map.cpu(), replace(fit.cav, vector=fit.cav.vector.cpu())).numpy()
            for c in inquiry.concepts
            for d, fit, depth_map in zip(depths, fitted[c.name], maps, strict=True)
        }
        return ConceptMaps(
            settings=settings,
            encoder=info,
            photo_name=photo.name,
            photo_sha256=photo.sha256,
            depths=depths,
            maps=found,
            sets=inquiry.sets(),
            random=_used(inquiry.random),
            versions=self._versions(),
        )

    def fitted(
        self, encoder: Encoder, inquiry: Inquiry, depths: Sequence[int], task: Task, share: float = FIT_SHARE
    ) -> dict[str, list[FittedConcept]]:
        """The CAVs of every concept, one per depth: from disk, or fitted now and kept there."""
        keys = {c.name: [self._key(encoder.info, inquiry, c, depth) for depth in depths] for c in inquiry.concepts}
        kept = {name: [self._kept(name, key, inquiry.settings.fit) for key in of_depths] for name, of_depths in keys.items()}
        missing = [c for c in inquiry.concepts if any(fit is None for fit in kept[c.name])]
        if missing:
            fresh = self._fit(encoder, missing, inquiry, depths, task, share)
            for concept in missing:
                kept[concept.name] = fresh[concept.name]
                for key, fit in zip(keys[concept.name], fresh[concept.name], strict=True):
                    self.library.save_cav(key, as_tensors(fit), (concept.image_set, inquiry.random.image_set))
        return kept

    def _fit(
        self, encoder: Encoder, concepts: Sequence[OpenSet], inquiry: Inquiry, depths: Sequence[int], task: Task, share: float
    ) -> dict[str, list[FittedConcept]]:
        total = 2 * (sum(len(c.photos) for c in concepts) + len(inquiry.random.photos))  # two passes
        count = iter(range(total + 1))

        def source(open_set: OpenSet) -> Callable[[], Iterable[list[Tensor]]]:
            def maps() -> Iterator[list[Tensor]]:
                for start in range(0, len(open_set.photos), CHUNK):
                    chunk = open_set.photos[start : start + CHUNK]
                    for of_image in self._maps_of(encoder, chunk, inquiry.settings.input_size, depths, task):
                        task.report_or_stop(share * next(count) / total, f"Looking at the images of '{open_set.name}'")
                        yield [m.to(encoder.device) for m in of_image]

            return maps

        return fit_concepts({c.name: source(c) for c in concepts}, source(inquiry.random), inquiry.settings.fit)

    def _key(self, info: EncoderInfo, inquiry: Inquiry, concept: OpenSet, depth: int) -> str:
        """Everything that decides a fit, hashed."""
        settings = inquiry.settings
        parts = [
            FIT_VERSION, info.fingerprint, asdict(info.preprocessing), settings.input_size, depth,
            images_hash(concept), images_hash(inquiry.random), asdict(settings.fit),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def _kept(self, name: str, key: str, settings: FitSettings) -> FittedConcept | None:
        tensors = self.library.load_cav(key)
        return None if tensors is None else from_tensors(name, tensors, settings)


# --- steps --------------------------------------------------------------------------------------------------------------


def _sized(settings: ExplainSettings, info: EncoderInfo) -> ExplainSettings:
    """With the input size that is meant."""
    return replace(settings, input_size=settings.input_size or info.preprocessing.input_size)


def _prepared(inquiry: Inquiry, info: EncoderInfo) -> ExplainSettings:
    settings = _sized(inquiry.settings, info)
    require_valid(settings, info)
    if not inquiry.concepts:
        raise TooFewExamples("No concept was chosen. Choose at least one.")
    return replace(settings, depths=tuple(sorted(set(settings.depths))) or info.default_depths)


def usable_depths(encoder: Encoder, depths: Sequence[int]) -> tuple[tuple[int, ...], dict[int, str]]:
    """The depths that decide the logits alone, and why the others do not; raises BadSettings if none is left."""
    usable, refused = [], {}
    for depth in depths:
        try:
            encoder.head_from(depth)
            usable.append(depth)
        except NotACutPoint as refusal:
            refused[depth] = str(refusal)
    if not usable:
        raise BadSettings(f"Nothing can be attributed to the chosen depths. {next(iter(refused.values()))} Choose another depth.")
    return tuple(usable), refused


def evidence_at(
    encoder: Encoder,
    image: Tensor,
    depth: int,
    class_idx: Sequence[int],
    n_steps: int,
    check: Callable[[], None] = lambda: None,
) -> Evidence:
    """What speaks for each class at one depth of one image (3, H, W); ``check`` is called now and then and may raise."""
    head = encoder.head_from(depth)(image)
    asked = [0] if len(encoder.info.class_names) == 1 else class_idx
    activation = head.activation[0].float()
    path = path_gradients(head.logits_of, activation, asked, n_steps, Progress(check=check))
    return evidence_of(path, activation, class_idx, head.map_of)


def most_probable(of_classes: Tensor) -> tuple[int, ...]:
    """Class indices, best first."""
    return tuple(of_classes.topk(min(N_CLASSES, len(of_classes))).indices.tolist())


def on_device(stack: Cavs, like: Tensor) -> Cavs:
    """The stack where the tensor is."""
    return Cavs(*(part.to(like) for part in (stack.vectors, stack.concept_emblems, stack.random_emblems)))


def _facts(depth: int, evidence: Evidence) -> DepthFacts:
    return DepthFacts(depth, evidence.class_shares, evidence.off_map_shares, evidence.logit_changes, evidence.completeness_gaps)


def _contributions_to_class(
    encoder: Encoder,
    photos: Sequence[Photo],
    fitted: Mapping[str, Sequence[FittedConcept]],
    depths: Sequence[int],
    settings: ExplainSettings,
    task: Task,
) -> dict[str, list[list[Contributions]]]:
    """By concept and depth one per photo, without maps."""
    given: dict[str, list[list[Contributions]]] = {name: [[] for _ in depths] for name in fitted}
    for done, photo in enumerate(photos):
        task.report_or_stop(FIT_SHARE + (1 - FIT_SHARE) * done / len(photos), f"Explaining '{photo.name}'")
        image = encoder.prepare(photo, settings.input_size)
        for n, depth in enumerate(depths):
            evidence = evidence_at(encoder, image, depth, settings.class_idx, settings.n_steps, task.check)
            for name, fits in fitted.items():
                contributed = _contributed(fits[n], evidence)
                given[name][n].append(replace(contributed, concept_map=contributed.concept_map[:0]))
    return given


def _contributed(fitted: FittedConcept, evidence: Evidence) -> Contributions:
    return contributions(evidence, on_device(fitted.stack, evidence.feature_map))


def _estimates(fitted: FittedConcept, contributed: Contributions) -> tuple[Estimate, ...]:
    return tuple(estimates_of(fitted, contributed.attributions, contributed.negatives))


def _at_depth(fitted: FittedConcept, depth: int, contributed: Contributions) -> ConceptAtDepth:
    seen = contributed.concept_map.float().cpu().numpy()
    figures = _estimates(fitted, contributed)
    return ConceptAtDepth(fitted.name, depth, seen, fitted.norm, fitted.emblems, fitted.health, figures)


def _over_class(fitted: FittedConcept, depth: int, given: Sequence[Contributions], seed: int) -> ClassConcept:
    return ClassConcept(fitted.name, depth, fitted.norm, fitted.emblems, fitted.health, class_estimate(fitted, given, seed))


def _over_class_and_depths(fitted: FittedConcept, given: Sequence[Sequence[Contributions]], seed: int) -> ClassConceptOverDepths:
    """From the contributions at every depth, one per photo; ``fitted`` at any of them."""
    of_photos = [Contributions.over_depths(of_photo) for of_photo in zip(*given, strict=True)]
    return ClassConceptOverDepths(fitted.name, class_estimate(fitted, of_photos, seed))


def _by_concept(found: Sequence[ConceptAtDepth], inquiry: Inquiry) -> tuple[ConceptAtDepth, ...]:
    """Ordered by concept, then by depth."""
    order = {concept.name: n for n, concept in enumerate(inquiry.concepts)}
    return tuple(sorted(found, key=lambda c: (order[c.concept], c.depth)))
