"""TCAV beside Visual-TCAV: on which share of a class's images does the logit rise along the concept?

Source: Kim et al., *Interpretability Beyond Feature Attribution*, ICML 2018. The vector is our CAV (difference of means,
the same at every position) instead of a classifier's normal, so that both methods speak of the same concept.
"""

from torch import Tensor


def sensitivities(final_gradients: Tensor, vectors: Tensor) -> Tensor:
    """Change of each class's logit along each CAV, (n_classes, J).

    From the gradients (n_classes, C, H, W) at the image itself and the CAVs' vectors (J, C).
    """
    return final_gradients.sum((2, 3)) @ vectors.T


def tcav_scores(sensitivities: Tensor) -> Tensor:
    """Share of images with positive sensitivity, (...), of sensitivities (n_images, ...); no change at all counts half."""
    return (sensitivities > 0).float().mean(0) + 0.5 * (sensitivities == 0).float().mean(0)
