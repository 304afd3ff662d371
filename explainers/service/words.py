"""The answer about words: photos seen by encoder and text tower, the map between both, and the CAVs that it gives."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from explainers.results.provenance import provenance_of
from explainers.results.words import WordAtDepth, WordsResult
from explainers.service.observatory import Observatory
from explainers.service.photo_questions import MapWords
from explainers.visual_tcav.cav import pooled, responses
from explainers.visual_tcav.significance import holm
from explainers.visual_tcav.text import (
    MIN_PHOTOS,
    PLAIN_WORDS,
    PROMPT,
    MapWorth,
    TextSettings,
    WordVectors,
    auc_p_value,
    fit_map,
    held_out,
    nearest,
    offsets_of,
    word_health,
    word_vectors,
)
from models.encoder import EncoderInfo
from models.errors import BadSettings, TooFewExamples
from models.photo import Photo
from models.progress import Progress
from models.text import TextTower, open_tower

MAX_WORDS = 12
EMBEDDED, MAPPED = 0.4, 0.7  # of the progress bar


def map_words(question: MapWords, observatory: Observatory, progress: Progress) -> WordsResult:
    """The CAV of every word at every depth, unless some are named, and what it is worth."""
    words, photos = tuple(dict.fromkeys(word.strip() for word in question.words if word.strip())), question.photos
    require_answerable(words, len({photo.sha256 for photo in photos}))
    progress.report(0.0, f"Opening the text tower '{question.settings.tower}'")
    tower = open_tower(question.settings.tower)
    encoder = observatory.encoder(question.encoder_name, progress)
    settings = _resolved(question.settings, encoder.info)
    started = time.perf_counter()
    embeddings, offsets = embedded(photos, words, tower, progress)
    similarities = (offsets @ torch.nn.functional.normalize(embeddings - embeddings.mean(0), dim=1).T).numpy()
    looking = partial(observatory.feature_maps, encoder, photos, settings.input_size, settings.depths, progress.silent())
    means = _by_depth([pooled(depth_map[None])[0] for depth_map in of_photo] for of_photo in looking())
    progress.report(MAPPED, "Fitting the map from the text tower to the encoder")
    fitted = [fit_map(embeddings, of_depth, settings) for of_depth in means]
    vectors = [word_vectors(of_depth, offsets, settings.seed) for of_depth, _ in fitted]
    wholes = [torch.stack([of_word.whole for of_word in of_depth]) for of_depth in vectors]  # (n_words, C) per depth
    responding = _by_depth(
        [responses(depth_map[None], whole)[0] for depth_map, whole in zip(of_photo, wholes, strict=True)]
        for of_photo in looking()
    )
    judged = [
        _judged(word, depth, (vectors[d][w], means[d], responding[d][:, w]), similarities[w], settings)
        for w, word in enumerate(words)
        for d, depth in enumerate(settings.depths)
    ]
    maps: dict[int, MapWorth] = {depth: worth for depth, (_, worth) in zip(settings.depths, fitted, strict=True)}
    provenance = provenance_of(encoder.info, photos, settings, {"words": time.perf_counter() - started})
    return WordsResult(provenance, words, maps, _corrected(judged), similarities)


def _by_depth(of_photos: Iterable[Sequence[Tensor]]) -> list[Tensor]:
    """Vectors per photo and depth, (k,) each, as one (n, k) per depth."""
    return [torch.stack(of_depth) for of_depth in zip(*of_photos, strict=True)]


def require_answerable(words: Sequence[str], n_photos: int) -> None:
    """Raises BadSettings without a word or with too many, TooFewExamples with too few different photos."""
    if not 1 <= len(words) <= MAX_WORDS:
        raise BadSettings(f"{len(words)} words were given; 1 to {MAX_WORDS} are needed, separated by commas.")
    if n_photos < MIN_PHOTOS:
        raise TooFewExamples(
            f"There are {n_photos} different photos; at least {MIN_PHOTOS} are needed to map words, 100 or more are better. "
            "Add photos."
        )


def _resolved(settings: TextSettings, info: EncoderInfo) -> TextSettings:
    every = tuple(depth.idx for depth in info.depths)
    if unknown := set(settings.depths) - set(every):
        raise BadSettings(f"Depth {min(unknown)} is not there; '{info.name}' has depths 0 to {every[-1]}.")
    size = settings.input_size or info.preprocessing.input_size
    return replace(settings, depths=tuple(sorted(set(settings.depths))) or every, input_size=size)


def embedded(photos: Sequence[Photo], words: Sequence[str], tower: TextTower, progress: Progress) -> tuple[Tensor, Tensor]:
    """The photos (n, E), and the words relative to plain ones (n_words, E), as the tower embeds them."""
    embeddings = []
    for n, photo in enumerate(photos):
        progress.report(EMBEDDED * n / len(photos), "Showing the photos to the text tower")
        embeddings.append(tower.embed_images([photo]))
    texts = [PROMPT.format(word) for word in (*words, *PLAIN_WORDS)]
    embedded = tower.embed_text(texts)
    return torch.cat(embeddings), offsets_of(embedded[: len(words)], embedded[len(words) :])


def _judged(
    word: str, depth: int, of_word: tuple[WordVectors, Tensor, Tensor], similarities: np.ndarray, settings: TextSettings
) -> WordAtDepth:
    """One word at one depth, from its CAVs, the pooled activations (n, C), the responses (n,) and similarities (n,) of photos."""
    vectors, means, responding = of_word
    is_near = nearest(similarities)
    cav, health = word_health(vectors, means, responding, is_near)
    chance = auc_p_value(held_out(vectors, means), is_near, settings)
    emblems = cav.concept_emblem, cav.random_emblem
    return WordAtDepth(word, depth, health, chance, chance, emblems, responding.numpy())


def _corrected(judged: Sequence[WordAtDepth]) -> tuple[WordAtDepth, ...]:
    corrected = holm([at_depth.p_value for at_depth in judged])
    return tuple(replace(at_depth, corrected_p_value=p) for at_depth, p in zip(judged, corrected, strict=True))
