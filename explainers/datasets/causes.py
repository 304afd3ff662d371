"""Does a part matter, or does evidence only lie there? It is replaced in photos of the class by the mean of what surrounds it, at
the depth of the index, and the rest of the network answers anew (explainers/interventions/replaced_parts.py).

The photos are drawn by a seed among those that are predicted as the class and have the part: not those in which it carries most.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from explainers.datasets.concepts import encoder_of
from explainers.datasets.findings import ReplacedPart
from explainers.datasets.index import Index, open_index
from explainers.datasets.originals import read_originals
from explainers.datasets.part_examples import part_maps
from explainers.datasets.questions import ReplaceParts
from explainers.interventions.logits import logits_under
from explainers.interventions.regions import fillings_of, replacement, with_other_places
from explainers.interventions.replaced_parts import part_drop
from explainers.interventions.settings import REMOVED, UNCHANGED
from explainers.service.observatory import Observatory
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, holm
from models.encoder import Encoder
from models.encoder.heads import Head
from models.encoder.labels import class_logits
from models.errors import BadSettings
from models.photo import Photo, read_photo
from models.progress import Progress

_LEAST_NULL = 999
Row = tuple[int, int]  # class and part


@dataclass(frozen=True, eq=False)
class _Replaced:
    """One part in one photo."""

    drops: np.ndarray  # (1 + n_places,): of the class's logit, at the part's place first
    changed: bool  # whether another class is the most probable one without it


def replace_parts(question: ReplaceParts, observatory: Observatory, progress: Progress) -> tuple[ReplacedPart, ...]:
    """One answer for every class and part that is asked about, in their order; raises MissingPhotos where the photos are gone,
    and BadSettings where a part is in no photo of its class, or the encoder is not the one of the index."""
    index = open_index(question.folder)
    encoder = encoder_of(index, observatory, progress)
    chosen = {row: _photos_of(index, question, row) for row in question.rows}
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row, names in chosen.items():
        for name in names:
            rows_of[name].append(row)
    maps, replaced = part_maps(index, question.k, list(rows_of)), defaultdict[Row, list[_Replaced]](list)
    for n, (name, content) in enumerate(read_originals(index, question.data, list(rows_of))):
        progress.report(n / len(rows_of), f"Replacing parts in {len(rows_of)} photos")
        parts = [(row, torch.from_numpy(maps[name] == row[1])) for row in rows_of[name]]
        of_photo = _in_photo(question, encoder, read_photo(content, name), index, parts)
        for row, of_part in zip(rows_of[name], of_photo, strict=True):
            replaced[row].append(of_part)
    return _tested(question, replaced)


def _photos_of(index: Index, question: ReplaceParts, row: Row) -> list[str]:
    """Photos that are predicted as the class and have the part, drawn by the seed."""
    class_idx, part = row
    table = index.regions(question.k, ("part",))
    having = np.unique(table["photo_idx"].to_numpy()[table["part"].to_numpy() == part])
    predicted = index.photos["predicted"].to_numpy()
    candidates = having[predicted[having] == class_idx]
    if not len(candidates):
        raise BadSettings(f"No photo that is predicted as '{index.class_names[class_idx]}' has part {part}. Choose another part.")
    drawn = np.random.default_rng(question.seed).permutation(candidates)[: question.n_photos]
    names = index.photos["name"]
    return [names[int(idx)].as_py() for idx in np.sort(drawn)]


def _in_photo(
    question: ReplaceParts, encoder: Encoder, photo: Photo, index: Index, parts: Sequence[tuple[Row, Tensor]]
) -> list[_Replaced]:
    """What becomes of the classes without each of some parts (h, w) of a photo."""
    head = encoder.head_from(index.depth)(encoder.prepare(photo, index.input_size))
    feature_map = head.map_of(head.activation)[0].float()
    seed = int(photo.sha256[:8], 16)  # other places in every photo, whatever their order
    return [_replaced(head, feature_map, inside.to(feature_map), row[0], question, seed) for row, inside in parts]


def _replaced(head: Head, feature_map: Tensor, inside: Tensor, class_idx: int, question: ReplaceParts, seed: int) -> _Replaced:
    places = with_other_places(inside, question.n_places, seed + question.seed)
    fillings = fillings_of(feature_map, places, "surroundings")

    def change(which: Tensor, _tokens: Tensor) -> Tensor:
        """What the part has more than its surroundings at some of the places, (B, P + H*W, C)."""
        return torch.cat([replacement(feature_map, places[n], fillings[n], head.n_prefix_tokens) for n in which.tolist()])

    logits = logits_under(head.logits_of_tokens, head.tokens, [change], len(places), (REMOVED, UNCHANGED))
    of_classes = torch.stack([class_logits(row) for row in logits.flatten(0, 1)]).unflatten(0, logits.shape[:2])
    drops = (of_classes[:, 1, class_idx] - of_classes[:, 0, class_idx]).double().numpy()
    return _Replaced(drops, int(of_classes[0, 0].argmax()) != int(of_classes[0, 1].argmax()))


def _tested(question: ReplaceParts, replaced: dict[Row, list[_Replaced]]) -> tuple[ReplacedPart, ...]:
    """Every part with its test, those whose photos are all gone left out; Holm over all of them."""
    n_draws = max(_LEAST_NULL, math.ceil(2 * len(replaced) / SIGNIFICANCE_LEVEL))
    rows = [row for row in question.rows if row in replaced]
    drops = [part_drop([of_photo.drops for of_photo in replaced[row]], n_draws, question.seed) for row in rows]
    corrected = holm([drop.p_value for drop in drops])
    return tuple(
        ReplacedPart(*row, replace(drop, corrected_p_value=p), float(np.mean([of_photo.changed for of_photo in replaced[row]])))
        for row, drop, p in zip(rows, drops, corrected, strict=True)
    )
