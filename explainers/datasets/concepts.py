"""Which parts of an index respond to a concept: by the CAV of the concept, beside the CAVs of pseudo-concepts.

    c   middle of a part, (q,), in the space of the dictionary        v   CAV (C,), of length 1, brought into that space
    response   <c, v>        null: the same with the CAVs of pseudo-concepts; Holm over parts

An index keeps how positions lie to each other, not how long their activations are, so it is the angle that counts.
"""

import math

import numpy as np

from explainers.datasets.findings import NamedByConcept
from explainers.datasets.index import Index, open_index
from explainers.datasets.questions import NameParts
from explainers.dictionaries.clustering import Dictionary
from explainers.service.cavs import Inquiry, TestedConcept, tested_concepts
from explainers.service.observatory import Observatory
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, holm, p_value
from models.encoder import Encoder
from models.errors import BadSettings
from models.progress import Progress

_LEAST_NULL = 999


def name_parts(question: NameParts, observatory: Observatory, progress: Progress) -> tuple[NamedByConcept, ...]:
    """Per concept the parts that respond to it; raises BadSettings where the encoder is not the one of the index."""
    index = open_index(question.folder)
    encoder = encoder_of(index, observatory, progress)
    settings = ExplainSettings(
        depths=(index.depth,),
        n_null=max(_LEAST_NULL, math.ceil(2 * question.k / SIGNIFICANCE_LEVEL)),
        input_size=index.input_size,
    )
    tested = tested_concepts(Inquiry(observatory, encoder, question.concepts, question.random, settings), progress)
    return tuple(_named(name, of_depths[0], index.dictionary, question.k) for name, of_depths in tested.items())


def encoder_of(index: Index, observatory: Observatory, progress: Progress) -> Encoder:
    """The encoder that an index was made with; raises BadSettings where its name stands for another one now."""
    encoder = observatory.encoder(index.encoder_name, progress)
    if encoder.info.fingerprint != index.manifest["encoder"]["fingerprint"]:
        raise BadSettings(f"'{index.encoder_name}' is another encoder than that of this index. Make the index again.")
    return encoder


def _named(name: str, concept: TestedConcept, dictionary: Dictionary, k: int) -> NamedByConcept:
    vectors = concept.stack.cavs.vectors.cpu().numpy()
    own, *_ = responses_to = responses(dictionary, k, vectors)
    values = concept.stack.parts(responses_to.T)
    corrected = holm([p_value(float(own[part]), values.nulls[part]) for part in range(k)])
    parts = tuple(int(part) for part in np.argsort(-own) if corrected[part] <= SIGNIFICANCE_LEVEL)
    return NamedByConcept(name, parts, tuple(float(value) for value in own), corrected)


def responses(dictionary: Dictionary, k: int, vectors: np.ndarray) -> np.ndarray:
    """How much the middles of k parts respond to CAVs (J, C), (J, k); 0 of a CAV without length."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units @ dictionary.space.axes @ dictionary.centroids[k].T
