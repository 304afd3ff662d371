"""A plane on which regions that are alike lie near each other: t-SNE (van der Maaten, Hinton 2008) of some of an index's regions.

Neighbours mean something; how far groups lie apart, and how large they are, does not.
"""

import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from PIL import Image
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from explainers.datasets.findings import RegionMap
from explainers.datasets.index import Index, open_index
from explainers.datasets.questions import MapRegions
from explainers.datasets.search import activations_of
from explainers.datasets.thumbnails import REGION_SIDE, read_thumbnail, with_region
from explainers.dictionaries.regions import unpacked
from explainers.drawing.sheets import sprite_sheet
from explainers.service.observatory import Observatory
from models.errors import TooFewExamples
from models.progress import Progress

LEAST = 10  # regions
_QUALITY = 70  # of the sheet of pictures
_PERPLEXITY, _ITERATIONS = 30, 400  # others wait meanwhile: it cannot give way in between


def map_regions(question: MapRegions, observatory: Observatory, progress: Progress) -> RegionMap:
    """The sample on its plane, drawn by the seed; raises TooFewExamples where there are too few regions."""
    index = open_index(question.folder)
    table = index.regions(question.k, ("part", "evidence", "activation", "mask", "map_height", "map_width", "n_cells"))
    if len(table) < LEAST:
        raise TooFewExamples(f"This index has {len(table)} regions; a map takes at least {LEAST}. Add photos.")
    chosen = np.sort(np.random.default_rng(question.seed).permutation(len(table))[: question.n_regions])
    sample = table.take(chosen)
    progress.report(None, f"Laying {len(sample)} regions on a plane")
    places = places_of(activations_of(sample), question.seed)
    photo_idx, parts, evidence = (sample[name].to_numpy() for name in ("photo_idx", "part", "evidence"))
    areas = sample["n_cells"].to_numpy() / (sample["map_height"].to_numpy() * sample["map_width"].to_numpy())
    return RegionMap(photo_idx, parts, evidence, areas, places, _sheet(index, sample, progress))


def _sheet(index: Index, sample: pa.Table, progress: Progress) -> bytes:
    """The regions of a sample in their photos, as one WebP file."""
    names = index.photos["name"].to_pylist()
    thumbnails = index.thumbnails({names[row] for row in set(sample["photo_idx"].to_pylist())})
    file = io.BytesIO()
    sheet = sprite_sheet(_pictures(sample, names, thumbnails, progress), len(sample), REGION_SIDE)
    Image.fromarray(sheet).save(file, "WEBP", quality=_QUALITY, method=1)
    return file.getvalue()


def _pictures(
    sample: pa.Table, names: Sequence[str], thumbnails: Mapping[str, bytes], progress: Progress
) -> Iterator[np.ndarray]:
    for n, row in enumerate(sample.select(["photo_idx", "mask", "map_height", "map_width"]).to_pylist()):
        progress.report(n / len(sample), f"Drawing {len(sample)} regions")
        mask = unpacked(row["mask"], (row["map_height"], row["map_width"]))
        yield with_region(read_thumbnail(thumbnails[names[row["photo_idx"]]], REGION_SIDE), mask)


def places_of(activations: np.ndarray, seed: int) -> np.ndarray:
    """Places (n, 2) of activations (n, q) by the cosine of their angles; the same for the same seed."""
    lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    units = np.divide(activations, lengths, out=np.zeros_like(activations), where=lengths > 0)
    perplexity = min(_PERPLEXITY, (len(units) - 1) / 3)
    with threadpool_limits(1):
        fit = TSNE(perplexity=perplexity, init="pca", max_iter=_ITERATIONS, random_state=seed, n_jobs=1)
        return fit.fit_transform(units)
