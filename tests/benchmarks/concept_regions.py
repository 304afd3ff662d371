"""Concepts made from clusters, on scenes whose textures are known to the pixel, beside the starters and beside whole images.

Of every texture some fresh scenes are segmented, and the cluster that comes nearest to the objects that have it is taken, if its
IoU is above MATCHED. Concepts per texture, against the starter scenes as random counterpart unless another is named:

    regions       those clusters in those scenes
    beside rest   the same, against the rest of all those scenes: of regions, the complements
    wholes        the same scenes as whole images
    starter       the starter set of that name

rank       Spearman's correlation of the attributions (16 classes by textures, mean over depths) with the starters' ones
auc        held-out AUC, mean over textures and the default depths
in/out     mean of the concept map on objects of the texture over its mean elsewhere, on other fresh scenes
"""

from collections.abc import Iterator, Sequence
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch.nn import functional as F

from explainers.library.regions import Region, region_of
from explainers.library.sets import Example
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.explanations import ALL_DEPTHS
from explainers.service.service import ExplainerService
from explainers.studies.rerendering import as_photo
from explainers.visual_tcav.settings import ExplainSettings
from models.encoder import EncoderInfo
from models.scenes.scenes import CLASSES, Scene, SceneOptions, render, sample_scene
from models.scenes.starters import TEXTURE_CONCEPTS
from models.scenes.textures import SURFACES
from tests.benchmarks.attribution_truth import FIRST_SEED, scenes_of

MATCHED = 0.5  # IoU of a cluster with the objects of a texture
KINDS = ("regions", "beside rest", "wholes", "starter")
_FIRST_MADE, _FIRST_TESTED = FIRST_SEED + 100_000, FIRST_SEED + 150_000


def regions_table(service: ExplainerService, name: str, n_scenes: int = 16, n_tested: int = 6, n_of_class: int = 4) -> list[dict]:
    """A row per kind of concept of one encoder."""
    info = service.open_encoder(name).result()
    n_matched = [make_concepts(service, name, texture, n_scenes) for texture in TEXTURE_CONCEPTS]
    attributions = {kind: [] for kind in KINDS}
    for class_idx in range(len(CLASSES)):
        for kinds in (("regions", "wholes", "starter"), ("beside rest",)):  # of one random counterpart, explained together
            found = _attributions(service, name, kinds, class_idx, n_of_class)
            for kind, of_kind in zip(kinds, found, strict=True):
                attributions[kind].append(of_kind)
    rows = []
    for kind in KINDS:
        rank = spearmanr(np.ravel(attributions[kind]), np.ravel(attributions["starter"])).statistic
        auc, ratio = _health(service, info, kind), _inside_outside(service, info, kind, n_tested)
        matched = f"{sum(n_matched)} of {n_scenes * len(TEXTURE_CONCEPTS)}"
        rows.append({"encoder": name, "concepts": kind, "matched": matched, "rank": rank, "auc": auc, "in/out": ratio})
    return rows


# --- making them ----------------------------------------------------------------------------------------------------------


def make_concepts(service: ExplainerService, name: str, texture: str, n_scenes: int) -> int:
    """Keeps both concepts of a texture in the library; how many scenes had a cluster that matches it."""
    first = _FIRST_MADE + 1000 * TEXTURE_CONCEPTS.index(texture)
    scenes = [sample_scene(first + n, SceneOptions(texture=texture)) for n in range(n_scenes)]
    found = service.segment_each(name, [as_photo(s) for s in scenes], settings=NaveSettings(input_size=224)).result()
    examples, rest = [], []
    for scene, segmentation in zip(scenes, found.segmentations, strict=True):
        iou, region = best_cluster(segmentation, _mask(scene, texture))
        if iou > MATCHED:
            examples.append(Example(f"{scene.seed}.png", _png(scene), region))
            rest.append(Example(f"{scene.seed}.png", _png(scene), region_of(~region.pixels)))
    service.library.add_examples(_called("regions", name, texture), "concept", examples)
    wholes = [Example(example.name, example.data) for example in examples]
    service.library.add_examples(_called("wholes", name, texture), "concept", wholes)
    service.library.add_examples(f"rest {name}", "random", rest)
    return len(examples)


def best_cluster(segmentation: Segmentation, mask: np.ndarray) -> tuple[float, Region | None]:
    """The greatest IoU of a cluster of any granularity with a mask (h, w), and that cluster."""
    height, width = segmentation.shape
    truth = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
    best, inside = 0.0, truth
    for k in segmentation.ks:
        labels = segmentation.at(k)
        covered, areas = np.bincount(labels[truth], minlength=k), np.bincount(labels.ravel(), minlength=k)
        ious = covered / (areas + truth.sum() - covered)
        if ious.max() > best:
            best, inside = float(ious.max()), labels == ious.argmax()
    return best, region_of(inside)


def _mask(scene: Scene, texture: str) -> np.ndarray:
    return render(scene).texture_map == SURFACES.index(texture)


def _png(scene: Scene) -> bytes:
    buffer = BytesIO()
    Image.fromarray(render(scene).image).save(buffer, "PNG")
    return buffer.getvalue()


def _called(kind: str, encoder: str, texture: str) -> str:
    made_as = "regions" if kind == "beside rest" else kind
    return texture if kind == "starter" else f"{texture} {made_as} {encoder}"


def _asked(service: ExplainerService, encoder: str, kinds: Sequence[str], texture: str | None = None) -> dict:
    """The concepts of all textures, or of one, and their random counterpart."""
    textures = TEXTURE_CONCEPTS if texture is None else [texture]
    random = f"rest {encoder}" if "beside rest" in kinds else "scenes"
    concepts = [service.library.open_set(_called(kind, encoder, t)) for kind in kinds for t in textures]
    return {"concepts": concepts, "random": service.library.open_set(random, "random")}


# --- judging them ---------------------------------------------------------------------------------------------------------


def _attributions(service: ExplainerService, name: str, kinds: Sequence[str], class_idx: int, n_scenes: int) -> np.ndarray:
    """Mean attribution to a class over depths and fresh scenes of it, (n_kinds, n_textures)."""
    settings = ExplainSettings(class_idx=(class_idx,), n_null=20, n_bootstrap=5)
    photos = [as_photo(scene) for scene in scenes_of(class_idx, n_scenes)]
    found = service.explain_class(name, photos, **_asked(service, name, kinds), settings=settings).result()
    means = [found.estimate_at(concept, ALL_DEPTHS).mean for concept in found.concept_names]
    return np.reshape(means, (len(kinds), -1))


def _health(service: ExplainerService, info: EncoderInfo, kind: str) -> float:
    """Mean held-out AUC."""
    settings = ExplainSettings(depths=info.default_depths, n_bootstrap=5)
    report = service.check_concepts(info.name, **_asked(service, info.name, [kind]), settings=settings).result()
    return float(np.mean([check.health.auc for check in report.concepts]))


def _inside_outside(service: ExplainerService, info: EncoderInfo, kind: str, n_scenes: int) -> float:
    """Mean of the maps on objects of the texture over the mean elsewhere, over textures, scenes and the default depths."""
    inside, outside = zip(*_on_and_off(service, info, kind, n_scenes), strict=True)
    return float(np.mean(inside) / np.mean(outside))


def _on_and_off(service: ExplainerService, info: EncoderInfo, kind: str, n_scenes: int) -> Iterator[tuple[float, float]]:
    settings = ExplainSettings(depths=info.default_depths, n_bootstrap=5)
    for texture in TEXTURE_CONCEPTS:
        asked = _asked(service, info.name, [kind], texture)
        for n in range(n_scenes):
            scene = sample_scene(_FIRST_TESTED + n, SceneOptions(texture=texture))
            found = service.map_concepts(info.name, as_photo(scene), **asked, settings=settings).result()
            mask = _mask(scene, texture)
            for seen in found.maps.values():
                large = F.interpolate(torch.from_numpy(seen)[None, None], size=mask.shape, mode="bilinear")[0, 0].numpy()
                yield float(large[mask].mean()), float(large[~mask].mean())
