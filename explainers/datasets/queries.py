"""What a search begins with, in the space of an index: a region of any photo, seen as the index saw its own, a concept, a word.

z   coordinates (q,): of a region the mean over its positions, each by how much of it lies inside; of a concept its CAV; of a word
    the CAV that a text tower gives (explainers/visual_tcav/text.py), by a map fitted on photos of the index
"""

import numpy as np
import pyarrow as pa
import torch

from explainers.datasets.concepts import encoder_of
from explainers.datasets.findings import WordQuery
from explainers.datasets.index import open_index
from explainers.datasets.originals import read_originals
from explainers.datasets.questions import QueryByConcept, QueryByRegion, QueryByWord
from explainers.service.cavs import Inquiry, fitted_concepts
from explainers.service.observatory import Observatory
from explainers.service.words import embedded, require_answerable
from explainers.visual_tcav.cav import pooled
from explainers.visual_tcav.regions import region_weights
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.text import TextSettings, fit_map
from models.photo import read_photo
from models.progress import Progress
from models.text import open_tower


def query_by_region(question: QueryByRegion, observatory: Observatory, progress: Progress) -> tuple[float, ...]:
    """The mean coordinates of the region; raises BadSettings where the encoder is not the one of the index."""
    index = open_index(question.folder)
    encoder = encoder_of(index, observatory, progress)
    looking = observatory.feature_maps(encoder, (question.photo,), index.input_size, (index.depth,), progress)
    ((depth_map,),) = looking
    coordinates = index.dictionary.space.coordinates(depth_map.flatten(1).T.numpy())
    if question.region is None:
        return tuple(coordinates.mean(0).tolist())
    inside = torch.from_numpy(question.region.pixels.copy())
    weights = region_weights(inside, (depth_map.shape[1], depth_map.shape[2])).flatten().numpy()
    return tuple((weights @ coordinates / weights.sum()).tolist())


def query_by_concept(question: QueryByConcept, observatory: Observatory, progress: Progress) -> tuple[float, ...]:
    """The CAV at the depth of the index; raises BadSettings where the encoder is not the one of the index, TooFewExamples for an
    image set that is too small."""
    index = open_index(question.folder)
    encoder = encoder_of(index, observatory, progress)
    settings = ExplainSettings(depths=(index.depth,), input_size=index.input_size)
    inquiry = Inquiry(observatory, encoder, (question.concept,), question.random, settings)
    (fit,) = fitted_concepts(inquiry, progress)[question.concept.name]
    return tuple((fit.cav.vector.cpu().numpy() @ index.dictionary.space.axes).tolist())


def query_by_word(question: QueryByWord, observatory: Observatory, progress: Progress) -> WordQuery:
    """The CAV of a word at the depth of the index, and what the map is worth that gives it.

    Raises MissingPhotos where the photos are gone, TooFewExamples where there are too few, MissingPackage or EncoderUnavailable
    where there is no text tower, BadSettings without a word or where the encoder is not the one of the index.
    """
    index = open_index(question.folder)
    word = question.word.strip()
    names = _drawn(index.photos, question)
    require_answerable((word,) if word else (), len(names))
    tower = open_tower(question.tower)
    encoder = encoder_of(index, observatory, progress)
    photos = [read_photo(content, name) for name, content in read_originals(index, question.data, names)]
    require_answerable((word,), len(photos))
    embeddings, offsets = embedded(photos, (word,), tower, progress)
    looking = observatory.feature_maps(encoder, photos, index.input_size, (index.depth,), progress.silent())
    means = torch.cat([pooled(depth_map[None]) for (depth_map,) in looking])
    fitted, worth = fit_map(embeddings, means, TextSettings(question.tower, (index.depth,), seed=question.seed))
    cav = fitted.vectors(offsets)[0].float().cpu().numpy()
    return WordQuery(tuple((cav @ index.dictionary.space.axes).tolist()), worth, len(photos))


def _drawn(photos: pa.Table, question: QueryByWord) -> list[str]:
    """Names of photos of the index, drawn by the seed, of each picture one."""
    names = dict(zip(photos["sha256"].to_pylist(), photos["name"].to_pylist(), strict=True))
    order = np.random.default_rng(question.seed).permutation(len(names))[: question.n_photos]
    by_hash = [names[sha256] for sha256 in sorted(names)]
    return [by_hash[n] for n in np.sort(order)]
