"""What a class loses over many images if a part of each is replaced, beside other places of the same shape in the same images.

    d_i0           drop of the class's logit in image i when the part is replaced
    d_i1 ... d_im  the same for its shape at other places of the image
    drop           mean of d_i0 over images, its interval bootstrap over images

If the place does not matter, the part's is one of the m + 1 places of each image like any other. So the null draws one of them in
every image, and takes the mean; a p-value is the rank of the drop among such means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainers.visual_tcav.resampling import bootstrap_counts
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, confidence_interval, p_value

N_BOOTSTRAP = 500


@dataclass(frozen=True)
class PartDrop:
    """What a class loses without a part, in logits."""

    n_images: int
    drop: float  # mean over the images
    interval: tuple[float, float]  # bootstrap over the images
    elsewhere: float  # mean drop with the same shape at other places
    p_value: float
    corrected_p_value: float  # after Holm, over everything shown together

    @property
    def significant(self) -> bool:
        """Whether other places rarely take as much, over everything shown together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def part_drop(drops: Sequence[np.ndarray], n_draws: int, seed: int) -> PartDrop:
    """The mean drop and its test, from drops (1 + m,) per image, the part's own first; not yet corrected for being several."""
    own = np.array([of_image[0] for of_image in drops])
    generator = np.random.default_rng(seed)
    drawn = sum(of_image[generator.integers(len(of_image), size=n_draws)] for of_image in drops) / len(drops)
    replicates = bootstrap_counts(len(own), N_BOOTSTRAP, seed) @ own / len(own)
    elsewhere = [of_image[1:].mean() for of_image in drops if len(of_image) > 1]
    p = p_value(float(own.mean()), np.asarray(drawn))
    return PartDrop(
        len(own), float(own.mean()), confidence_interval(replicates), float(np.mean(elsewhere)) if elsewhere else 0.0, p, p
    )
