"""What the numbers that a network answers stand for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import timm
import torch
from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import Tensor

# Sizes of timm's classifiers whose labels timm does not list: ImageNet-W21k (mvitv2) and Bamboo.
_UNLISTED_CLASSIFIERS = (19168, 115217)


def has_classifier(config: Mapping[str, Any]) -> bool:
    """Whether a pretrained configuration (timm's ``pretrained_cfg``) describes classes.

    CLIP's image encoders do not: where a classifier sits, they keep the projection into the space of images and texts.
    """
    n_classes = config.get("num_classes", 1000) or 0
    if n_classes <= 0:
        return False
    if config.get("label_names") or infer_imagenet_subset({"num_classes": n_classes}):
        return True
    return n_classes in _UNLISTED_CLASSIFIERS or n_classes != _n_outputs_in_timm(config)


def _n_outputs_in_timm(config: Mapping[str, Any]) -> int | None:
    """What timm itself says of the weights this configuration is about; None if it does not know them."""
    name = f"{config.get('architecture')}.{config.get('tag')}"
    known = timm.models.get_pretrained_cfg(name) if timm.models.is_model_pretrained(name) else None
    return known.num_classes if known else None


def class_names(config: Mapping[str, Any], n_outputs: int) -> tuple[str, ...]:
    """One name per class; empty if there is no classifier."""
    if not has_classifier(config):
        return ()
    labels = config.get("label_names") or ()
    if len(labels) == n_outputs:
        descriptions = config.get("label_descriptions") or {}
        return tuple(str(descriptions.get(label, label)) for label in labels)
    subset = infer_imagenet_subset({"num_classes": n_outputs})
    return imagenet_names(subset) if subset else tuple(f"class {idx}" for idx in range(n_outputs))


@lru_cache(maxsize=8)
def imagenet_names(subset: str) -> tuple[str, ...]:
    """The name of every class: its first word; all its synonyms, or its definition, where that is needed to tell it apart."""
    info = ImageNetInfo(subset)
    full, defined = (
        [info.index_to_description(idx, detailed) for idx in range(info.num_classes())] for detailed in (False, True)
    )
    names = _unless_ambiguous([name.split(",")[0] for name in full], full)
    return tuple(_unless_ambiguous(names, [text.split(";")[0] for text in defined]))


def _unless_ambiguous(names: list[str], longer: list[str]) -> list[str]:
    counts = Counter(names)
    return [long if counts[name] > 1 else name for name, long in zip(names, longer, strict=True)]


def probabilities(logits: Tensor) -> Tensor:
    """The probability of every class, (n_classes,) on the CPU, from the logits (n_classes,) of one image.

    A network with a single logit, (1,), has two classes, (2,): that of the logit, and that the image does not show it.
    """
    if len(logits) > 1:
        return logits.softmax(0).cpu()
    return class_logits(logits).sigmoid()


def class_logits(logits: Tensor) -> Tensor:
    """One logit per class of ``probabilities``, (n_classes,) on the CPU, from the logits (n_classes,) of one image.

    Of a single logit, (1,), two are made, (2,): the second, that of "not the first class", is its negative.
    """
    return logits.cpu() if len(logits) > 1 else torch.cat([logits, -logits]).cpu()


def class_name(class_names: Sequence[str], class_idx: int) -> str:
    """The name of a class of ``probabilities``: of a network with a single logit, the second is "not" the first."""
    return class_names[class_idx] if class_idx < len(class_names) else f"not {class_names[0]}"
