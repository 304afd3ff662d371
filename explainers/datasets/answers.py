"""How the service answers what making an index asks: rows beside its own table of answers. Runs in the worker.

A group of photos goes through the network together, in the order in which it came: the company in a batch changes last bits, so
whoever promises the same bytes asks for the same groups.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from explainers.datasets.audit import audit
from explainers.datasets.causes import replace_parts
from explainers.datasets.concepts import name_parts
from explainers.datasets.looking import GROUP_PIXELS, Looked, look_at, numpys_threads
from explainers.datasets.queries import query_by_concept, query_by_region, query_by_word
from explainers.datasets.questions import (
    AskAudit,
    ChooseDepth,
    Chosen,
    Described,
    DescribePhotos,
    FitDictionary,
    MapRegions,
    NameParts,
    PhotosAtDepth,
    QueryByConcept,
    QueryByRegion,
    QueryByWord,
    RankConcepts,
    ReplaceParts,
    SampleActivations,
    SearchRegions,
)
from explainers.datasets.ranked_concepts import rank_concepts
from explainers.datasets.region_map import map_regions
from explainers.datasets.search import search_regions
from explainers.datasets.together import TOGETHER_ANSWERS
from explainers.dictionaries.clustering import Dictionary, fit_dictionary
from explainers.dictionaries.regions import regions_of
from explainers.dictionaries.sample import sampled_positions
from explainers.nave.settings import INPUT_SIZE_RANGE
from explainers.service.answers import Answer
from explainers.service.observatory import Observatory
from models.encoder import Encoder
from models.encoder.labels import class_logits, probabilities
from models.errors import BadSettings
from models.photo import Photo
from models.progress import Progress

N_CLASSES = 5  # that are kept of every photo


def choose_depth(question: ChooseDepth, observatory: Observatory, progress: Progress) -> Chosen:
    """The encoder with the depth that is meant; raises BadSettings, or NotACutPoint, where nothing can be attributed there.

    Left to the encoder, it is the one before the deepest of its usual depths: the deepest has positions that have seen the whole
    photo, and often only a handful of them.
    """
    encoder = observatory.encoder(question.encoder_name, progress)
    info = encoder.info
    if not info.has_classifier:
        raise BadSettings(f"'{info.name}' has no classifier, so nothing speaks for a class. Choose an encoder with classes.")
    size = question.input_size or info.preprocessing.input_size
    low, high = INPUT_SIZE_RANGE
    if not low <= size <= high:
        raise BadSettings(f"An input size of {size} px makes no sense; choose from {low} to {high}.")
    if question.depth is not None:
        encoder.head_from(question.depth)
        return Chosen(info, question.depth, size)
    possible = [depth for depth in info.attributed_depths if depth in encoder.cut_points()] or list(encoder.cut_points())
    if not possible:
        raise BadSettings(
            f"No depth of '{info.name}' decides its answer alone: nothing can be attributed. Choose another encoder."
        )
    return Chosen(info, possible[-2] if len(possible) > 1 else possible[0], size)


def sample_activations(question: SampleActivations, observatory: Observatory, progress: Progress) -> tuple[np.ndarray, ...]:
    """Activations (n, C) of each photo at the positions that its hash chooses."""
    seen = question.seen
    encoder = observatory.encoder(seen.encoder_name, progress)
    maps = observatory.feature_maps(encoder, seen.photos, seen.input_size, (seen.depth,), progress)
    sampled = []
    for photo, (depth_map,) in zip(seen.photos, maps, strict=True):
        positions = depth_map.flatten(1).T.numpy()
        sampled.append(positions[sampled_positions(photo.sha256, len(positions), question.n_positions, question.seed)])
    return tuple(sampled)


def answer_fit(question: FitDictionary, observatory: Observatory, progress: Progress) -> Dictionary:
    """The dictionary of the sample."""
    return fit_dictionary(question.activations, question.settings, progress)


def describe_photos(question: DescribePhotos, observatory: Observatory, progress: Progress) -> tuple[Described, ...]:
    """The most probable classes and the regions of each photo."""
    seen = question.seen
    encoder = observatory.encoder(seen.encoder_name, progress)
    describe = partial(_describe_batch, encoder, seen, question.dictionary)
    batches = observatory.in_groups(describe, encoder, seen.photos, seen.input_size, n_pixels=GROUP_PIXELS, progress=progress)
    with numpys_threads().limit(limits=1, user_api="blas"):  # two pools on the same cores double the time
        return tuple(described for batch in batches for described in batch)


def _describe_batch(encoder: Encoder, seen: PhotosAtDepth, dictionary: Dictionary, photos: Sequence[Photo]) -> list[Described]:
    """Photos of one input shape together."""
    return [_described(looked, dictionary) for looked in look_at(encoder, seen, photos)]


def _described(looked: Looked, dictionary: Dictionary) -> Described:
    """One photo with its parts."""
    of_classes = probabilities(looked.logits)
    most = class_logits(looked.logits).topk(min(N_CLASSES, len(of_classes))).indices
    evidence, shape = looked.evidence, looked.evidence.shape
    coordinates = dictionary.space.coordinates(looked.feature_map.reshape(len(looked.feature_map), -1).T)
    of_k = {k: dictionary.parts(coordinates, k).reshape(shape) for k in dictionary.ks}
    on_map = coordinates.reshape(*shape, -1)
    return Described(
        tuple(most.tolist()),
        tuple(of_classes[most].tolist()),
        {k: regions_of(labels, k, evidence, on_map) for k, labels in of_k.items()},
    )


INDEX_ANSWERS: dict[type, Answer] = {
    ChooseDepth: choose_depth,
    SampleActivations: sample_activations,
    FitDictionary: answer_fit,
    DescribePhotos: describe_photos,
    AskAudit: audit,
    NameParts: name_parts,
    RankConcepts: rank_concepts,
    ReplaceParts: replace_parts,
    QueryByRegion: query_by_region,
    QueryByConcept: query_by_concept,
    QueryByWord: query_by_word,
    SearchRegions: search_regions,
    MapRegions: map_regions,
    **TOGETHER_ANSWERS,
}
