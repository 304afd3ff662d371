"""Which places does an encoder see alike? Cosine similarity from a few principal components, small enough for a browser.

    x_p  composite activation at a position p of a grid of an eighth of the input, less the mean of all positions
    A    the first q principal axes of all x_p / |x_p| (q, D): orthonormal; no others leave out less of all cosines together
    c_p  A x_p / |x_p| (q,): what is kept of a position, each component in steps of its own
    cos  <x_p, x_q> / (|x_p| |x_q|): what is meant by similarity; <c_p, c_q> is what is computed of it

Divided by the length of the whole activation, not by that of what is kept of it: what is left out counts as if two positions had
nothing in common there, which is three times as near to the cosine of all channels on average (tests/benchmarks). Colours are
drawn from the first three principal components of the x_p themselves, lengths included, as is usual.

Later components are smaller, so fewer bits are enough for them: beyond as many as there are bytes, a byte holds two, in fifteen
steps over three standard deviations either way; what lies farther out is brought in. The first dozen keep their bytes. Seventy
components fit where forty-one whole bytes did.

Clusters do not depend on where the origin lies, cosines do. The mean of the positions is the one origin that takes no side: what
two positions have in common on average counts as 0. Without it, activations that are never negative are nearly all alike. Of
several photos looked at together, mean and axes are those of all their positions, so that similarity reaches from one photo to
another and a colour means one thing in all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from explainers.nave.composite import Composite, composites_of
from explainers.nave.sample import evenly_spaced
from explainers.nave.settings import scales_of

GRID_STRIDE = 8  # px of the input along a position: at most 149 kB for a photo of 448 px
N_BYTES = 41  # that all components of a position take
N_COMPONENTS = 70  # the first dozen in a byte each
N_COLOURS = 3  # components that are drawn as red, green and blue
STRETCHED = (1, 99)  # percentiles between which a component becomes a colour
MAX_SAMPLED = 4096  # positions from which mean and axes are taken; of a photo of 448 px all of them
N_JUDGED = 16  # places whose similarity is compared with that of all channels
N_EXTRA, N_POWERS = 16, 4  # directions and rounds of the randomised decomposition beyond what is kept
FINE, COARSE = 127, 7  # the largest code in a byte, and in half of one
REACH = 3  # standard deviations that the largest code in half a byte stands for
Place = tuple[float, float]  # shares of the width and of the height of an image
NO_LENGTH = 1e-3  # of the typical length before the mean is taken away: what is shorter is rounding, and points nowhere


@dataclass(frozen=True, eq=False)
class Components:
    """What is kept of the positions of one image."""

    codes: np.ndarray  # (H, W, q) int8: c_p in steps; all zero at a position that equals the mean
    colours: np.ndarray  # (H, W, 3) uint8: the first three components, stretched
    steps: np.ndarray  # (q,) float32: what 1 stands for in each component; the same for images that are looked at together

    @property
    def shape(self) -> tuple[int, int]:
        """H and W of the grid."""
        return self.codes.shape[:2]

    def at(self, place: Place) -> np.ndarray:
        """The codes (q,) of the position at a place."""
        col, row = (min(n - 1, max(0, int(share * n))) for share, n in zip(place, self.shape[::-1], strict=True))
        return self.codes[row, col]

    def packed(self) -> bytes:
        """The steps, then the codes (H, W, q) of all positions, then their colours (H, W, 3).

        Of the codes of a position, the first ``n_fine(q)`` have a byte each. The others come in pairs, of which the first has the
        lower half of a byte, in which 7 stands for 0.
        """
        positions = self.codes.reshape(-1, self.codes.shape[2])
        fine, coarse = np.split(positions, [n_fine(positions.shape[1])], axis=1)
        halves = (np.pad(coarse, ((0, 0), (0, coarse.shape[1] % 2))) + COARSE).astype(np.uint8)
        codes = np.concatenate([fine.view(np.uint8), halves[:, ::2] | halves[:, 1::2] << 4], axis=1)
        return b"".join(np.ascontiguousarray(part).tobytes() for part in (self.steps.astype("<f4"), codes, self.colours))

    def similarity(self, codes: np.ndarray) -> np.ndarray:
        """Cosine similarity of every position to one with these codes (q,), (H, W) in [-1, 1].

        The same codes are the same activation: 1. A position that equals the mean is as alike to any other as two positions are
        on average: 0.
        """
        products = self.codes.astype(np.float32) @ (codes.astype(np.float32) * self.steps**2)
        is_same = (self.codes == codes).all(2) & codes.any()
        return np.where(is_same, np.float32(1), products.clip(-1, 1))


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The components of images that are looked at together, with what they are worth."""

    images: tuple[Components, ...]
    kept: float  # the share of the squared lengths of all x_p / |x_p| that lies along the axes of the codes
    explained: tuple[float, ...]  # (3,) at most: the share of the variance that lies along each axis of the colours
    rank_correlation: float  # of the similarity with that of all channels, mean over some places


def principal_components(
    feature_maps: Sequence[Sequence[Tensor]], scaling: str, image_shapes: Sequence[tuple[int, int]]
) -> PrincipalComponents:
    """The components of several images together.

    ``feature_maps`` holds per image one (C, h, w) per depth, ``image_shapes`` per image H and W, the encoder's input in pixels.
    """
    scales = scales_of(scaling, len(feature_maps[0]))
    images = composites_of(feature_maps, scales, [component_grid(shape) for shape in image_shapes])
    positions = evenly_spaced([image.n_positions for image in images], MAX_SAMPLED)
    sample = torch.cat([image.at(idx.to(_device(image))) for image, idx in zip(images, positions, strict=True)])
    mean = sample.mean(0)
    shortest = NO_LENGTH * float(sample.square().sum(1).mean().sqrt())
    axes, shares = principal_axes(_at_length_one(sample - mean, shortest))
    colour_axes, explained = principal_axes(sample - mean)
    lengths = [_lengths(image, mean).cpu().numpy() for image in images]
    codes, steps = _codes([_along(image, axes, mean) for image in images], lengths, shortest)
    colours = _colours([_along(image, colour_axes[:N_COLOURS], mean) for image in images])
    components = tuple(Components(*pair, steps) for pair in zip(codes, colours, strict=True))
    return PrincipalComponents(
        components, sum(shares), explained[:N_COLOURS], _rank_correlation(images, mean, lengths, components)
    )


def component_grid(image_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the grid on which the places of an image (H, W) are compared."""
    height, width = (-(-side // GRID_STRIDE) for side in image_shape)
    return height, width


def principal_axes(vectors: Tensor) -> tuple[Tensor, tuple[float, ...]]:
    """The first principal axes (q, D) of vectors (n, D) around 0, and the share of all squared lengths along each (q,).

    Halko, Martinsson, Tropp 2011. An axis has no sign of its own: its farthest position lies on the positive side. There are
    N_COMPONENTS axes, or as many as there are positions or channels.
    """
    n, n_channels = vectors.shape
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(n_channels, min(N_COMPONENTS + N_EXTRA, n, n_channels), generator=generator)
    basis = torch.linalg.qr(vectors @ start.to(vectors)).Q
    for _ in range(N_POWERS):
        basis = torch.linalg.qr(vectors @ (vectors.mT @ basis)).Q
    axes = torch.linalg.svd(basis.mT @ vectors, full_matrices=False).Vh[:N_COMPONENTS]
    along = vectors @ axes.mT
    farthest = along.gather(0, along.abs().argmax(0, keepdim=True)).squeeze(0)
    total = float(vectors.square().sum())
    shares = along.square().sum(0).double() / total if total > 0 else torch.zeros(len(axes))
    return axes * torch.where(farthest < 0, -1, 1).unsqueeze(1), tuple(shares.tolist())


def _device(image: Composite) -> torch.device:
    return image.blocks[0].maps.device


def _at_length_one(centred: Tensor, shortest: float) -> Tensor:
    """x_p / |x_p| of activations (n, D); zero where there is hardly any length."""
    lengths = centred.norm(dim=1, keepdim=True)
    return torch.where(lengths > shortest, centred / lengths.clamp_min(1e-30), 0)


def _along(image: Composite, axes: Tensor, mean: Tensor) -> np.ndarray:
    """<x_p, axis> at every position, (q, H, W)."""
    return image.scores(axes, -(axes @ mean)).cpu().numpy()


def _lengths(image: Composite, mean: Tensor) -> Tensor:
    """|x_p| of every position, (H, W)."""
    towards_mean = image.scores(-2 * mean.unsqueeze(0), mean.square().sum().unsqueeze(0))[0]
    return (image.squared_norms() + towards_mean).clamp_min(0).sqrt()


def n_fine(n_components: int) -> int:
    """How many of the components have a byte each: as many as leave half a byte for each of the others."""
    return min(n_components, max(0, 2 * N_BYTES - n_components))


def _codes(
    coordinates: Sequence[np.ndarray], lengths: Sequence[np.ndarray], shortest: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Per image c_p in steps (H, W, q), and the steps (q,), from coordinates (q, H, W) and lengths (H, W)."""
    shares = [
        np.divide(along, length, out=np.zeros_like(along), where=length > max(shortest, 1e-30)).transpose(1, 2, 0)
        for along, length in zip(coordinates, lengths, strict=True)
    ]
    every = np.concatenate([of_image.reshape(-1, of_image.shape[2]) for of_image in shares])
    largest = np.where(np.arange(every.shape[1]) < n_fine(every.shape[1]), FINE, COARSE).astype(np.float32)
    reached = np.where(largest == FINE, np.inf, REACH * np.sqrt(np.square(every).mean(0)))
    steps = (np.minimum(np.abs(every).max(0), reached) / largest).astype(np.float32)
    return [_in_steps(of_image, steps, largest) for of_image in shares], steps


def _in_steps(shares: np.ndarray, steps: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Values (H, W, q) in steps (q,), int8, as far as the largest codes (q,) go; without a step, nothing."""
    whole = np.divide(shares, steps, out=np.zeros_like(shares), where=steps > 0).round()
    return np.ascontiguousarray(whole.clip(-largest, largest).astype(np.int8))


def _colours(coordinates: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Per image the first three components (H, W, 3) as bytes, stretched over all images together, from those (3, H, W).

    A component that is missing, or the same everywhere, is a middle grey's.
    """
    first = [along.reshape(len(along), -1) for along in coordinates]
    low, high = np.percentile(np.concatenate(first, axis=1), STRETCHED, axis=1)[..., None, None]
    colours = []
    for along in coordinates:
        share = np.divide(along - low, high - low, out=np.full_like(along, 0.5), where=high > low).clip(0, 1)
        missing = np.full((N_COLOURS - len(along), *along.shape[1:]), 0.5)
        colours.append((255 * np.concatenate([share, missing]) + 0.5).astype(np.uint8).transpose(1, 2, 0).copy())
    return colours


def _rank_correlation(
    images: Sequence[Composite], mean: Tensor, lengths: Sequence[np.ndarray], kept: Sequence[Components]
) -> float:
    """Mean over evenly spaced places of Spearman's correlation, over the positions of their image, of the similarity from the
    components with the cosine of all channels; ``lengths`` holds |x_p| (H, W) per image."""
    correlations = []
    for image, idx, length, components in zip(
        images, evenly_spaced([image.n_positions for image in images], N_JUDGED), lengths, kept, strict=True
    ):
        places = image.at(idx.to(_device(image))) - mean
        products = image.scores(places, -(places @ mean)).cpu().numpy()
        for flat, of_place in zip(idx.tolist(), products, strict=True):
            full = np.divide(of_place, length, out=np.zeros_like(of_place), where=length > 0)
            own = components.similarity(components.codes.reshape(-1, components.codes.shape[2])[flat])
            correlations.append(spearman(full.ravel(), own.ravel()))
    return float(np.mean(correlations))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of values (n,) and (n,); where one of both is the same everywhere, 1 if both are, else 0."""
    ranks = np.stack([rankdata(a), rankdata(b)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return float((np.ptp(ranks, axis=1) == 0).all())
    return float(np.corrcoef(ranks)[0, 1])
