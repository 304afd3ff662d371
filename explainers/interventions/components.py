"""How much of a concept an activation has, and that much taken away, or made more.

    a   activation (C,) of a token: a position of the map, or a prefix token        M   concept map in [0, 1] at that token
    D   what the concept adds to activations (R, C), by R vectors                   s   strength: 0 removed, 1 unchanged
    F   what reads it off (R, C), so that F applied to D gives each its own: <F_r, D_q> = 1 if r = q, else 0
    m   how much of it random images have on average (R,)

    a' = a + (s - 1) M sum_r (<a, F_r> - m_r) D_r

projected   one CAV v at unit length: D = F = v / |v|, the formula for one orthogonal projection
erased      several CAVs at once: D their vectors, F = (D S^-1 D^T)^-1 D S^-1, with the covariance S of mean activations within
            the sets. This is the closed form of LEACE (Belrose et al. 2023, arXiv 2306.03819): of all changes after which no
            linear classifier finds the concepts, the one that moves mean activations least. LEACE whitens by the covariance of
            all sets together, which gives the same F. S is shrunk (Ledoit and Wolf 2004), because there are fewer images than
            channels; that the concepts are erased does not depend on S, only how little else is moved.

At s = 0 the amount is that of random images, not zero: an activation without any stripes is not one that is opposed to them.
On prefix tokens M = 1: they stand for no place, so whatever of the concept is in them is meant.

everywhere  M = 1 at every token, and of the amount only what random images do not have: max(<a, F_r> - m_r, 0). Most positions of
            a photo have less than random images on average; filling them up would add the concept where it is not.
"""

from dataclasses import dataclass, replace

import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

from explainers.interventions.settings import Where

_SMALLEST_SHRINKAGE = 1e-6  # of the mean variance: without any, a covariance of few images has no inverse


@dataclass(frozen=True, eq=False)
class Components:
    """J components side by side, each along R vectors: a concept's own, and those of its pseudo-concepts."""

    patterns: Tensor  # (J, R, C): what each adds to activations
    filters: Tensor  # (J, R, C): what reads each off
    centres: Tensor  # (J, R): how much of each random images have

    def __len__(self) -> int:
        return len(self.patterns)

    def amounts(self, tokens: Tensor) -> Tensor:
        """How much more of each component tokens (T, C), or (J, T, C) for each its own, have than random images, (J, T, R)."""
        return tokens @ self.filters.transpose(1, 2) - self.centres[:, None]

    def among_others(self, others: Tensor) -> "Components":
        """The components of pseudo-concepts, each set apart from others of mean activation (J, C): how much those others have, as
        of a concept's component the random images have, none of which show it."""
        return replace(self, centres=torch.einsum("jrc,jc->jr", self.filters, others))

    @staticmethod
    def joined(parts: "list[Components]") -> "Components":
        """The components of all the parts, one part after the other."""
        columns = zip(*((p.patterns, p.filters, p.centres) for p in parts), strict=True)
        return Components(*(torch.cat(column) for column in columns))


def projected(vectors: Tensor, random_pooled: Tensor) -> Components:
    """The components along J CAVs (J, C), each alone, from the mean activations of random images (n, C).

    A CAV of length zero has a component of zero, so nothing is taken away.
    """
    lengths = vectors.norm(dim=1, keepdim=True)
    units = (vectors / torch.where(lengths > 0, lengths, 1))[:, None]
    return Components(units, units, _centres(units, random_pooled))


def erased(vectors: Tensor, residuals: Tensor, random_pooled: Tensor) -> Components:
    """The components along R CAVs each for J sets of them, (J, R, C), erased together in closed form.

    ``residuals`` (n, C) are mean activations of images less the mean of their own set, ``random_pooled`` (n_random, C) the mean
    activations of random images. Vectors that others of the same set already make up add nothing.
    """
    over_covariance = _over_covariance(vectors, residuals)  # D S^-1, (J, R, C)
    inverse = torch.linalg.pinv((over_covariance @ vectors.transpose(1, 2)).double(), hermitian=True).to(vectors)
    filters = inverse @ over_covariance
    return Components(vectors, filters, _centres(filters, random_pooled))


def _centres(filters: Tensor, random_pooled: Tensor) -> Tensor:
    return torch.einsum("jrc,c->jr", filters, random_pooled.mean(0))


def _over_covariance(vectors: Tensor, residuals: Tensor) -> Tensor:
    """Vectors (J, R, C) times the inverse of the shrunk covariance of residuals (n, C).

    The covariance is b I + X^T X with X (n, C) scaled. Where there are fewer images than channels, Woodbury's identity needs a
    matrix of n x n alone.
    """
    n, n_channels = residuals.shape
    centred = residuals - residuals.mean(0)
    shrinkage = float(ledoit_wolf_shrinkage(centred.cpu().numpy(), assume_centered=True)) if n > 1 else 1.0
    mean_variance = float(centred.square().sum() / (max(n, 1) * n_channels))
    if mean_variance == 0:
        return vectors  # images that are all alike: every vector is as good as any other
    base = max(shrinkage, _SMALLEST_SHRINKAGE) * mean_variance
    scaled = (centred * ((1 - shrinkage) / n) ** 0.5).double()
    flat = vectors.double().flatten(0, 1)
    if n < n_channels:
        solved = (flat - torch.linalg.solve(_raised(scaled @ scaled.T, base), scaled @ flat.T).T @ scaled) / base
    else:
        solved = torch.linalg.solve(_raised(scaled.T @ scaled, base), flat.T).T
    return solved.view(vectors.shape).to(vectors)


def _raised(matrix: Tensor, base: float) -> Tensor:
    """The square matrix (n, n) with ``base`` added to its diagonal."""
    return matrix + base * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)


def weights_of(maps: Tensor, n_prefix_tokens: int, where: Where) -> Tensor:
    """How far every token is changed, (J, P + H*W), from J concept maps (J, H, W): by the map, and 1 on P prefix tokens."""
    if where == "everywhere":
        return maps.new_ones(len(maps), n_prefix_tokens + maps[0].numel())
    on_map = maps.flatten(1) if where != "prefix" else torch.zeros_like(maps.flatten(1))
    prefix = on_map.new_full((len(maps), n_prefix_tokens), 0.0 if where == "map" else 1.0)
    return torch.cat([prefix, on_map], 1)


def changes_of(components: Components, weights: Tensor, idx: Tensor, tokens: Tensor, *, only_excess: bool = False) -> Tensor:
    """What components (by their ``idx``, (B,)) add to tokens, (T, C) or (B, T, C), weighted by (J, T): (B, T, C); strength scales
    just that.

    With ``only_excess``, where a token has less of a component than random images, nothing.
    """
    chosen = Components(components.patterns[idx], components.filters[idx], components.centres[idx])
    amounts = chosen.amounts(tokens)
    amounts = amounts.clamp_min(0) if only_excess else amounts
    return (weights[idx][..., None] * amounts) @ chosen.patterns
