"""What a search begins with, in the space of an index: a region of any photo, seen as the index saw its own, or a concept.

z   coordinates (q,): of a region the mean over its positions, each by how much of it lies inside; of a concept its CAV
"""

import torch

from explainers.datasets.concepts import encoder_of
from explainers.datasets.index import open_index
from explainers.datasets.questions import QueryByConcept, QueryByRegion
from explainers.service.cavs import Inquiry, fitted_concepts
from explainers.service.observatory import Observatory
from explainers.visual_tcav.regions import region_weights
from explainers.visual_tcav.settings import ExplainSettings
from models.progress import Progress


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
