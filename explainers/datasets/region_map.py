"""A plane on which regions that are alike lie near each other: t-SNE (van der Maaten, Hinton 2008) of some of an index's regions.

Neighbours mean something; how far groups lie apart, and how large they are, does not.
"""

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from explainers.datasets.findings import RegionMap
from explainers.datasets.index import open_index
from explainers.datasets.questions import MapRegions
from explainers.datasets.search import activations_of
from explainers.service.observatory import Observatory
from models.errors import TooFewExamples
from models.progress import Progress

LEAST = 10  # regions
_PERPLEXITY, _ITERATIONS = 30, 400  # others wait meanwhile: it cannot give way in between


def map_regions(question: MapRegions, observatory: Observatory, progress: Progress) -> RegionMap:
    """The sample on its plane, drawn by the seed; raises TooFewExamples where there are too few regions."""
    index = open_index(question.folder)
    table = index.regions(question.k, ("part", "evidence", "activation"))
    if len(table) < LEAST:
        raise TooFewExamples(f"This index has {len(table)} regions; a map takes at least {LEAST}. Add photos.")
    chosen = np.sort(np.random.default_rng(question.seed).permutation(len(table))[: question.n_regions])
    sample = table.take(chosen)
    progress.report(None, f"Laying {len(sample)} regions on a plane")
    places = places_of(activations_of(sample), question.seed)
    evidence = sample["evidence"].to_numpy()
    return RegionMap(sample["photo_idx"].to_numpy(), sample["part"].to_numpy(), evidence, places)


def places_of(activations: np.ndarray, seed: int) -> np.ndarray:
    """Places (n, 2) of activations (n, q) by the cosine of their angles; the same for the same seed."""
    lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    units = np.divide(activations, lengths, out=np.zeros_like(activations), where=lengths > 0)
    perplexity = min(_PERPLEXITY, (len(units) - 1) / 3)
    with threadpool_limits(1):
        fit = TSNE(perplexity=perplexity, init="pca", max_iter=_ITERATIONS, random_state=seed, n_jobs=1)
        return fit.fit_transform(units)
