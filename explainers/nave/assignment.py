"""Assignment: what every position costs at every centroid, and which centroid is the nearest one."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from explainers.nave.composite import Composite

MAX_COSTS = 2**22  # held at a time: so many centroids are taken together as fit


def assignment_costs(composite: Composite, centroids: Tensor) -> Tensor:
    """|c|^2 - 2 <x, c> for centroids (k, D) at every grid position, (k, H, W): squared distances but for |x|^2, which is the
    same for all centroids."""
    return composite.scores(-2 * centroids, centroids.square().sum(-1))


def nearest_idx(costs: Tensor) -> Tensor:
    """Which of k costs is the lowest, for costs (k, ...): (...) uint8; the first one of several. Four times as fast as argmin."""
    k = len(costs)
    ranks = torch.arange(k, 0, -1, dtype=torch.int8, device=costs.device).reshape(-1, *[1] * (costs.ndim - 1))
    is_lowest = (costs <= costs.amin(0)).view(torch.int8)
    return (k - is_lowest.mul_(ranks).amax(0)).to(torch.uint8)


def without_ties(members: Tensor) -> Tensor:
    """Membership (S, k, ...), 1 where a cluster is the nearest and else 0, of the first one alone where several are equally
    near."""
    return torch.zeros_like(members).scatter_(1, members.max(dim=1, keepdim=True).indices, 1.0)


def groups(centroids: Sequence[Tensor], n_positions: int) -> Iterator[list[Tensor]]:
    """Consecutive centroids, (..., k, D) each, in groups whose costs at so many positions may be held together; one at least."""
    most, group = MAX_COSTS // n_positions, []
    for of_k in centroids:
        if group and sum(other.shape[-2] for other in group) + of_k.shape[-2] > most:
            yield group
            group = []
        group.append(of_k)
    yield group
