"""The domain check on sets whose kinds are known: rendered ones of our own, and photographs in ../shared/fixtures/concepts."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from explainers.library.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.visual_tcav.cav import pooled
from explainers.visual_tcav.domain import DomainCheck, expected_error, separation_error
from models.encoder.encoder import Encoder

TEXTURES = ("banded", "bubbly", "chequered")


def domain_table(fixtures: Path, encoders: Sequence[Encoder]) -> list[dict]:
    """A row per encoder and kind of pair: the lowest and the highest ratio, and how many pairs are found to be apart."""
    library = ConceptLibrary()
    rendered = [library.open_set(s.name) for s in library.sets("concept") if s.starter]
    scenes = library.open_set("scenes", "random")
    photographs = [library.open_set(fixtures / "concepts" / name) for name in TEXTURES]
    random = library.open_set(fixtures / "concepts" / "random", "random")
    kinds = {
        "rendered, rendered": (rendered, scenes),
        "photographs, photographs": (photographs, random),
        "photographs, rendered": ([*photographs, random], scenes),
        "rendered, photographs": (rendered, random),
    }
    rows = []
    for encoder in encoders:
        maps = {s.image_set.fingerprint: _pooled(encoder, s) for s in (*rendered, scenes, *photographs, random)}
        check = partial(_check, encoder, maps)
        for kind, (concepts, counterpart) in kinds.items():
            ratios = [check(concept, counterpart) for concept in concepts]
            apart = sum(c.doubt == "apart" for c in ratios)
            low, high = min(c.ratio for c in ratios), max(c.ratio for c in ratios)
            rows.append(
                {"encoder": encoder.info.name, "sets": kind, "lowest": low, "highest": high, "apart": f"{apart} of {len(ratios)}"}
            )
    return rows


def _pooled(encoder: Encoder, image_set: OpenSet) -> list[torch.Tensor]:
    depths = range(len(encoder.info.depths))
    size = encoder.info.preprocessing.input_size
    rows = [[pooled(m)[0] for m in encoder.feature_maps(encoder.prepare(p, size)[None], depths)] for p in image_set.photos]
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _check(encoder: Encoder, maps: dict[str, list[torch.Tensor]], concept: OpenSet, random: OpenSet) -> DomainCheck:
    of_concept, of_random = (maps[s.image_set.fingerprint] for s in (concept, random))
    errors = tuple(separation_error(c, r) for c, r in zip(of_concept, of_random, strict=True))
    depths = tuple(depth.idx for depth in encoder.info.depths)
    return DomainCheck(depths, errors, tuple(map(expected_error, of_random)), one_is_rendered=False)
