"""Which concepts of the library do parts of photos look like? From the CAVs that are at hand, or from those of all concepts.

A part's activation is the mean over the part, less the mean of the photos; it looks like a concept as far as that points along
the concept's CAV. Chance is what pseudo-concepts of as many images give: the middle 95 % of their cosines. Cosines are averaged
over the depths, those of each pseudo-concept as well, so that nobody has to choose a depth.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from explainers.results.look_alikes import LookAlike, LookAlikesResult
from explainers.results.provenance import provenance_of
from explainers.service.cavs import Inquiry, TestedConcept, kept_concepts, tested_concepts
from explainers.service.observatory import Observatory
from explainers.service.questions import LookAlikes
from explainers.visual_tcav.cav import pooled
from explainers.visual_tcav.nulls import MIN_RANDOM
from explainers.visual_tcav.regions import region_weights
from explainers.visual_tcav.significance import confidence_interval
from models.progress import Progress

_ROUNDING = 1e-5  # of the mean's length: what another order of the same sums may change


def look_alikes(question: LookAlikes, observatory: Observatory, progress: Progress) -> LookAlikesResult:
    """Every part beside every concept whose CAVs are at hand; with ``fit``, beside every concept."""
    encoder = observatory.encoder(question.encoder_name, progress)
    info, settings = encoder.info, question.settings
    depths = settings.depths or info.attributed_depths
    settings = replace(settings, depths=depths, input_size=settings.input_size or info.preprocessing.input_size)
    of_concepts: dict[tuple[str, str], Sequence[TestedConcept]] = {}
    for random in question.randoms:
        if len(random.images) >= MIN_RANDOM:
            inquiry = Inquiry(observatory, encoder, question.concepts, random, settings)
            tested = tested_concepts(inquiry, progress.part(0, 0.9)) if question.fit else kept_concepts(inquiry)
            of_concepts |= {(name, random.name): of_depths for name, of_depths in tested.items()}
    looking = observatory.feature_maps(encoder, question.photos if of_concepts else (), settings.input_size, depths, progress)
    offsets = part_offsets(list(looking), [labels.pixels for labels in question.maps], question.n_parts)
    alike = [_alike(names, of_depths, offsets) for names, of_depths in of_concepts.items()]
    of_parts = (tuple(of_part[n] for of_part in alike if n in of_part) for n in range(question.n_parts))
    return LookAlikesResult(provenance_of(info, question.photos, settings), tuple(of_parts))


def part_offsets(maps: Sequence[Sequence[Tensor]], labels: Sequence[np.ndarray], n_parts: int) -> dict[int, list[Tensor]]:
    """Mean activation of every part that occurs, less the mean of all photos, (C,) per depth, by the part's index.

    ``maps`` holds per photo one (C, h, w) per depth, ``labels`` per photo the part of every pixel, (H, W). A part that is all
    there is has an offset of zero, not what rounding leaves, which would point anywhere.
    """
    present = [part for part in range(n_parts) if any((of_photo == part).any() for of_photo in labels)]
    offsets: dict[int, list[Tensor]] = {part: [] for part in present}
    for of_depth in zip(*maps, strict=True):
        overall = torch.stack([depth_map.mean((1, 2)) for depth_map in of_depth]).mean(0)
        for part in present:
            inside = [(m, torch.from_numpy(of_photo == part)) for m, of_photo in zip(of_depth, labels, strict=True)]
            pairs = [(m, region_weights(region, (m.shape[1], m.shape[2]))) for m, region in inside if region.any()]
            shares = torch.stack([weights.mean() for _, weights in pairs])
            means = torch.stack([pooled(m[None], weights[None])[0] for m, weights in pairs])
            offset = (shares[:, None] * means).sum(0) / shares.sum() - overall
            is_rounding = offset.norm() <= _ROUNDING * overall.norm()
            offsets[part].append(torch.zeros_like(offset) if is_rounding else offset)
    return offsets


def _alike(names: tuple[str, str], of_depths: Sequence[TestedConcept], offsets: dict[int, list[Tensor]]) -> dict[int, LookAlike]:
    """One concept beside every part, by the part's index; ``names`` are the concept's and that of its random counterpart."""
    alike = {}
    for part, at_depths in offsets.items():
        pairs = zip(at_depths, of_depths, strict=True)
        cosines = [F.cosine_similarity(concept.stack.cavs.vectors.cpu(), offset[None].cpu()) for offset, concept in pairs]
        parts = of_depths[0].stack.parts(torch.stack(cosines).mean(0).double().numpy())
        alike[part] = LookAlike(*names, float(parts.observed), confidence_interval(parts.nulls))
    return alike
