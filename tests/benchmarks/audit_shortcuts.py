"""Whether the audit names shortcuts of several kinds, and what clusters of heatmaps make of the same scenes (SpRAy).

Three planted shortcuts (shortcuts.py), an encoder that fell for each, and a clean twin trained alike, on the same fresh scenes. A
row per shortcut, encoder and seed: the part of 64 that comes first for the marked class, and where it lies.

    SpRAy    Lapuschkin et al., Nature Communications 2019, in kind: of the photos predicted as a class, the heatmaps (the
             evidence for the class at the depth of the index, as shares) are divided by spectral clustering on their nearest
             neighbours, into as many clusters as the largest gap between eigenvalues says; classes with a larger gap are
             looked at first
    F1       how well the photos of the class that have the first part, or belong to a cluster, are those that have the
             shortcut. The cluster is the best one, which only somebody who knows the truth can choose
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation
from sklearn.cluster import SpectralClustering
from sklearn.metrics import f1_score
from sklearn.neighbors import kneighbors_graph

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.findings import Audit
from explainers.datasets.index import Index
from explainers.datasets.looking import look_at
from explainers.datasets.making import Making, make_index
from explainers.datasets.questions import AskAudit, PhotosAtDepth
from explainers.datasets.scene_photos import FIRST_SEED, OBJECTS, PHOTOS
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.dictionaries.evidence import shares
from explainers.dictionaries.regions import unpacked
from explainers.library.library import ConceptLibrary
from explainers.service.service import ExplainerService
from models.encoder import Encoder
from models.photo import read_photo_file
from tests.benchmarks.audit_truth import COVERED, K
from tests.benchmarks.shortcuts import MARKED, SHORTCUTS, followed, write_clean_twin, write_follower, write_shown

N_SCENES = 240
N_NEIGHBOURS, MOST_CLUSTERS, LEAST_PHOTOS = 8, 8, 12
Array = np.ndarray


def shortcut_table(seeds: Sequence[int], n_scenes: int = N_SCENES) -> list[dict]:
    """One row per shortcut, encoder and seed, printed as it comes; before those of a shortcut, how far its encoders follow it."""
    rows = []
    with tempfile.TemporaryDirectory() as name, _service(Path(name)) as service:
        for shortcut in SHORTCUTS:
            twins = [write_follower(shortcut, Path(name) / f"fooled by {shortcut}")]
            twins.append(write_clean_twin(shortcut, Path(name) / f"clean of {shortcut}"))
            for encoder in twins:
                print(encoder.info.name, followed(shortcut, encoder), flush=True)
            for seed in seeds:
                folder = Path(name) / f"{shortcut} {seed}"
                truth = write_shown(shortcut, folder, range(FIRST_SEED + seed * n_scenes, FIRST_SEED + (seed + 1) * n_scenes))
                for encoder in twins:
                    rows.append({"shortcut": shortcut, "encoder": encoder.info.name, "seed": seed})
                    rows[-1] |= _row(service, folder, str(Path(name) / encoder.info.name), encoder, truth)
                    print(rows[-1], flush=True)
    return rows


@contextmanager
def _service(folder: Path) -> Iterator[ExplainerService]:
    with closing(ExplainerService(library=ConceptLibrary(folder / "home"), more_answers=INDEX_ANSWERS)) as service:
        yield service


def _row(service: ExplainerService, folder: Path, source: str, encoder: Encoder, truth: dict[str, Array]) -> dict[str, Any]:
    def ask(question):
        return service.ask(question).result()

    items, objects = list_items(folder / PHOTOS), objects_in(folder / OBJECTS)
    index = make_index(Making(items, IndexSettings(source), folder / Path(source).name, "scenes", ask, objects))
    audit = ask(AskAudit(index.folder, index.key, K))
    names = index.photos["name"].to_pylist()
    has = np.array([truth[name].any() for name in names])
    predicted = index.photos["predicted"].to_numpy()
    of_class = predicted == MARKED
    found = {"photos of the class": int(of_class.sum()), "with the shortcut": float(has[of_class].mean())}
    found |= _of_parts(index, audit, truth, has, of_class)
    heatmaps = _heatmaps(index, encoder, folder, names)
    return found | _of_clusters(heatmaps, predicted, has, np.stack([_cells(truth[name]) for name in names]))


# --- parts ----------------------------------------------------------------------------------------------------------------


def _of_parts(index: Index, audit: Audit, truth: dict[str, Array], has: Array, of_class: Array) -> dict[str, Any]:
    """The first part of the marked class."""
    first, *_ = audit.of_class(MARKED)
    table = index.regions(K, ("part", "mask", "map_height", "map_width"))
    names = index.photos["name"].to_pylist()
    n_on, n_near, n_cells, has_part = 0, 0, 0, np.zeros(len(names), bool)
    common, either = 0, sum(int(_cells(truth[name]).sum()) for name in names)
    for row in table.filter(np.equal(table["part"].to_numpy(), first.part)).to_pylist():
        mask = unpacked(row["mask"], (row["map_height"], row["map_width"]))
        shortcut = _cells(truth[names[row["photo_idx"]]])
        on = int((mask & shortcut).sum())
        n_near += int((mask & binary_dilation(shortcut, np.ones((3, 3)))).sum())
        n_on, n_cells, common, either = n_on + on, n_cells + int(mask.sum()), common + on, either + int(mask.sum()) - on
        has_part[row["photo_idx"]] = True
    return {
        "lies": audit.parts[first.part].place,
        "evidence": first.share,
        "elsewhere": first.share_elsewhere,
        "Holm p": first.corrected_p_value,
        "positions on it": n_on / n_cells,
        "on it or beside": n_near / n_cells,
        "IoU of positions": common / either,
        "F1 of the part": float(f1_score(has[of_class], has_part[of_class], zero_division=0.0)),
    }


def _cells(mask: Array, n: int = 8) -> Array:
    """Positions of a map (n, n) of which enough is in a mask (H, W)."""
    return mask.reshape(n, len(mask) // n, n, -1).mean((1, 3)) >= COVERED


# --- clusters of heatmaps -------------------------------------------------------------------------------------------------


def _heatmaps(index: Index, encoder: Encoder, folder: Path, names: Sequence[str]) -> Array:
    """What speaks for the class predicted at every position of every photo, as shares, (n, h, w)."""
    photos = [read_photo_file(folder / PHOTOS / name) for name in names]
    groups = (photos[start : start + 16] for start in range(0, len(photos), 16))
    seen = [PhotosAtDepth(encoder.info.name, index.depth, index.input_size, tuple(group)) for group in groups]
    return np.stack([shares(looked.evidence)[0] for group in seen for looked in look_at(encoder, group, group.photos)])


def _of_clusters(heatmaps: Array, predicted: Array, has: Array, on_shortcut: Array) -> dict[str, Any]:
    """The clusters of the marked class, the best one for its photos with the shortcut, and the class's place by its gap."""
    classes = [int(idx) for idx in np.unique(predicted) if (predicted == idx).sum() >= LEAST_PHOTOS]
    gaps = {idx: spectral(heatmaps[predicted == idx])[1] for idx in classes}
    labels, gap = spectral(heatmaps[predicted == MARKED])
    own, rests = has[predicted == MARKED], (heatmaps * on_shortcut).sum((1, 2))[predicted == MARKED]
    scores = {label: float(f1_score(own, labels == label, zero_division=0.0)) for label in np.unique(labels)}
    best = max(scores, key=scores.__getitem__)
    return {
        "SpRAy: place of the class": 1 + sum(other > gap for other in gaps.values()),
        "SpRAy: clusters": len(scores),
        "SpRAy: best F1": scores[best],
        "one cluster: F1": float(f1_score(own, np.ones(len(own), bool), zero_division=0.0)),
        "SpRAy: evidence on it, best cluster": float(rests[labels == best].mean()),
        "evidence on it, class": float(rests.mean()),
    }


def spectral(heatmaps: Array) -> tuple[Array, float]:
    """The cluster of each of some heatmaps (n, h, w), (n,), and the gap between eigenvalues that says how many there are."""
    points = heatmaps.reshape(len(heatmaps), -1)
    near = kneighbors_graph(points, min(N_NEIGHBOURS, len(points) - 1), include_self=False).toarray()
    affinity = np.maximum(near, near.T)
    degrees = affinity.sum(1)
    laplacian = np.eye(len(points)) - affinity / np.sqrt(degrees[:, None] * degrees)
    values = np.linalg.eigvalsh(laplacian)[: MOST_CLUSTERS + 1]
    gaps = np.diff(values)[1:]  # from two clusters on
    n_clusters = 2 + int(gaps.argmax())
    clustering = SpectralClustering(n_clusters, affinity="precomputed", random_state=0)
    return clustering.fit_predict(affinity), float(gaps.max())
