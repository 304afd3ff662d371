"""Integrated gradients: how much does every activation contribute to a class, on the way from nothing to what it is?

Source: Sundararajan, Taly, Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017, as Visual-TCAV uses them
(arXiv 2411.05698): zero baseline, straight path, trapezoidal rule over n_steps intervals, the logit as target.

    F      activation of a depth in the block's own layout, any shape
    t      share of the way from zero to F, in [0, 1]; a point of the path is t F
    G_t    gradient of the logit at t F
    G      their mean (on the paper's points by the trapezoidal rule); attribution = G * F
    completeness gap   how far the attributions' sum is from logit(F) - logit(0)

The uniform path of the paper serves where its gap is at most 1 % of the change of the logit. Else it can be refined (ours): the
gap of every interval alone costs nothing, as its part of the mean against the difference of the logits at its ends, so the
intervals with the largest gaps are cut until the sum is near enough.

With LayerNorm after the activation nearly all of the change happens near zero, where uniform points leave gaps of several hundred
per cent. A first look at a few of them shows that; then the others are left out, and the path begins with points even over the
logarithm of t, the mean being that of a smooth curve through them (quadrature.py). A small completeness gap alone can be luck,
for gaps of opposite sign cancel. So the gaps of all intervals must be small together, too, each without its sign.

Only what comes after the tapped activation is run: ``logits_of`` finishes the network from there.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from explainers.integrated_gradients.quadrature import Rule, evenly_between, smooth_curve, trapezoids
from explainers.runtime.batches import in_batches
from models.errors import BadSettings
from models.progress import IGNORED, Progress

LogitsOf = Callable[[Tensor], Tensor]  # (n, *shape of F) -> (n, n_classes)

CHUNK_SIZE = 26  # points of the path that go through the head together; 51 points make two chunks
WANTED_GAP = 0.01  # of the logit change: a path with a larger gap is refined
SMALL_GAPS = 0.05  # of the logit change: the gaps of all intervals of a smooth curve, each without its sign
MAX_POINTS = 400  # of a refined path
MIN_SHARE = 3e-5  # no two points are nearer to each other
N_COARSE = 5  # intervals of the first look, where they are among those of the uniform path
HOPELESS_GAP = 1.0  # of the first look: then uniform points are not worth finishing
SMOOTH_GAP = 0.1  # of the uniform path: where it leaves more, what is missed is no mere kink
N_NEAR_ZERO = 5  # points that a smooth curve begins with before the first of the first look
N_CUT = 4  # intervals that are cut at a time
KEPT_BYTES = 2**28  # of gradients that are held for their final weights; beyond it they are computed twice


@dataclass(frozen=True, eq=False)
class PathGradients:
    """Gradients of some classes along the path, averaged and at its end, and the logits at both ends."""

    class_idx: tuple[int, ...]  # the classes, n_classes of them
    mean: Tensor  # (n_classes, *shape of F): the averaged gradients
    final: Tensor  # (n_classes, *shape of F): the gradients at F itself
    logits: Tensor  # (all classes,) at F
    baseline_logits: Tensor  # (all classes,) at zero
    completeness_gaps: tuple[float, ...]  # abs(sum of attributions - (logit - baseline logit))
    n_points: int = 0  # of the path, at which gradients were taken

    @property
    def logit_changes(self) -> tuple[float, ...]:
        """How much the logit of each of the classes rises from the baseline."""
        return tuple((self.logits - self.baseline_logits)[list(self.class_idx)].tolist())


def integrated_gradients(logits_of: LogitsOf, activation: Tensor, class_idx: int, n_steps: int = 50) -> Tensor:
    """Attribution of every activation to one class on the uniform path, of the same shape as ``activation``, which may be any."""
    return path_gradients(logits_of, activation, [class_idx], n_steps).mean[0] * activation


def path_gradients(
    logits_of: LogitsOf,
    activation: Tensor,
    class_idx: Sequence[int],
    n_steps: int = 50,
    progress: Progress = IGNORED,
    *,
    refined: bool = False,
) -> PathGradients:
    """Averaged gradients of several classes, which share the points of the path, for an activation of any shape.

    Uniform points as in the paper; with ``refined``, more of them where they leave a gap of more than WANTED_GAP, or others
    where a first look at some leaves more than HOPELESS_GAP.
    Chunks that do not fit into memory are halved; between chunks, ``progress`` may end the work. Raises BadSettings for a path
    without steps.
    """
    if n_steps < 1:
        raise BadSettings(f"{n_steps} steps make no path. Choose at least 1; 50 is usual.")
    uniform = torch.linspace(0, 1, n_steps + 1, dtype=torch.float64).tolist()
    path = _Path(logits_of, activation.detach(), tuple(class_idx), uniform, progress)
    if refined and n_steps > N_COARSE and n_steps % N_COARSE == 0:
        path.visit(uniform[:: n_steps // N_COARSE])
    if not path.shares or path.largest_gap() <= HOPELESS_GAP:
        path.visit(uniform)
    if refined and path.largest_gap() > SMOOTH_GAP:
        path.rule = smooth_curve
        path.visit(evenly_between(0, path.shares[1], max(0, min(N_NEAR_ZERO, MAX_POINTS - len(path.shares)))))
    while refined and not path.adds_up() and (cuts := path.cuts()):
        path.visit(cuts)
    return path.summed_up()


class _Path:
    """The points of a path that were visited so far, with what is needed to judge and to sum them."""

    def __init__(
        self,
        logits_of: LogitsOf,
        activation: Tensor,
        class_idx: tuple[int, ...],
        uniform: Sequence[float],
        progress: Progress,
    ):
        self._logits_of, self._activation, self._class_idx, self._progress = logits_of, activation, class_idx, progress
        self._uniform = dict(zip(uniform, trapezoids(uniform).sum(0).tolist(), strict=True))  # share -> weight in the mean
        self._uniform_mean = activation.new_zeros(len(class_idx), *activation.shape)  # as far as its points were visited
        self._slopes: dict[float, Tensor] = {}  # share -> (n_classes,): <G_t, F>, how the logits rise per share
        self._logits: dict[float, Tensor] = {}  # share -> (all classes,)
        self._gradients: dict[float, Tensor] = {}  # share -> (n_classes, *shape of F), as long as they fit
        self._final = activation
        self.rule: Rule = trapezoids  # how the mean is taken
        self._judged: tuple[object, Tensor] = (
            None,
            activation.new_empty(0),
        )  # gaps, and the rule and number of points that they are of

    @property
    def shares(self) -> list[float]:
        """The points visited, from zero on."""
        return sorted(self._logits)

    def visit(self, shares: Sequence[float]) -> None:
        """Takes gradients at those of the points that were not visited yet."""
        missing = [share for share in shares if share not in self._logits]
        for chunk, gradients, logits in in_batches(self._gradients_at, missing, CHUNK_SIZE, self._progress):
            slopes = (gradients * self._activation).flatten(2).sum(2, dtype=torch.float64)  # (n_classes, n)
            for n, share in enumerate(chunk):
                self._logits[share], self._slopes[share] = logits[n].detach(), slopes[:, n]
                if share == 1.0:
                    self._final = gradients[:, n].clone()
            weights = torch.tensor([self._uniform.get(share, 0.0) for share in chunk]).to(gradients)
            self._uniform_mean += torch.einsum("n,cn...->c...", weights, gradients)
            self._keep(chunk, gradients)

    def _gradients_at(self, shares: Sequence[float]) -> tuple[Sequence[float], Tensor, Tensor]:
        points = torch.tensor(shares, dtype=self._activation.dtype, device=self._activation.device)
        return shares, *_gradients(self._logits_of, self._activation, points, self._class_idx)

    def _keep(self, shares: Sequence[float], gradients: Tensor) -> None:
        n_bytes = gradients[:, 0].numel() * gradients.element_size()
        if (len(self._gradients) + len(shares)) * n_bytes <= KEPT_BYTES:
            self._gradients |= {share: gradients[:, n] for n, share in enumerate(shares)}

    def largest_gap(self) -> float:
        """The completeness gap as a share of the logit's change, of the class in which it is largest."""
        return float(self._as_share(self._interval_gaps().sum(0)).max())

    def adds_up(self) -> bool:
        """Whether the completeness gap of every class is small enough, and of a smooth curve every interval's as well."""
        gaps = self._interval_gaps()
        small = float(self._as_share(gaps.sum(0)).max()) <= WANTED_GAP
        return small and (self.rule is trapezoids or float(self._as_share(gaps.abs().sum(0)).max()) <= SMALL_GAPS)

    def cuts(self) -> list[float]:
        """Where to cut the intervals whose own gaps are largest; none where the path is as fine as it may get, or where what lies
        in intervals too short to cut is too much already."""
        shares = self.shares
        gaps = self._as_share(self._interval_gaps()).amax(1).tolist()
        middles = [self._cut(low, high) for low, high in pairwise(shares)]
        if sum(gap for gap, middle in zip(gaps, middles, strict=True) if middle is None) > SMALL_GAPS:
            return []
        possible = sorted(((gap, middle) for gap, middle in zip(gaps, middles, strict=True) if middle is not None), reverse=True)
        most = min(N_CUT, MAX_POINTS - len(shares))
        return [middle for gap, middle in possible[:most] if gap >= possible[0][0] / 4]

    def _cut(self, low: float, high: float) -> float | None:
        """Where to cut an interval: in the middle as the rule sees it; None if it is too short."""
        if high - low < 2 * MIN_SHARE:
            return None
        return (low + high) / 2 if self.rule is trapezoids else evenly_between(low, high, 1)[0]

    def summed_up(self) -> PathGradients:
        """The mean over the points visited."""
        shares = self.shares
        mean = self._uniform_mean if shares == list(self._uniform) else self._weighted_mean(shares)
        logits, baseline_logits = self._logits[shares[-1]], self._logits[shares[0]]
        changes = (logits - baseline_logits)[list(self._class_idx)]
        gaps = ((mean * self._activation).flatten(1).sum(1) - changes).abs().nan_to_num(nan=math.inf, posinf=math.inf)
        return PathGradients(self._class_idx, mean, self._final, logits, baseline_logits, tuple(gaps.tolist()), len(shares))

    def _weighted_mean(self, shares: list[float]) -> Tensor:
        """The mean of the gradients at some points as the rule takes it, (n_classes, *shape of F)."""
        weights = dict(zip(shares, self.rule(shares).sum(0).tolist(), strict=True))
        mean = torch.zeros_like(self._uniform_mean)
        for chunk, gradients in self._all_gradients(shares):
            of_chunk = torch.tensor([weights[share] for share in chunk]).to(gradients)
            mean += torch.einsum("n,cn...->c...", of_chunk, gradients)
        return mean

    def _all_gradients(self, shares: Sequence[float]) -> Iterator[tuple[Sequence[float], Tensor]]:
        """Gradients (n_classes, n, *shape of F) of some points at a time: as they were kept, else taken again."""
        for share in [share for share in shares if share in self._gradients]:
            yield [share], self._gradients[share].unsqueeze(1)
        gone = [share for share in shares if share not in self._gradients]
        for chunk, gradients, _ in in_batches(self._gradients_at, gone, CHUNK_SIZE, self._progress):
            yield chunk, gradients

    def _interval_gaps(self) -> Tensor:
        """Per interval and class its part of the sum minus the change of the logit between its ends, (n_intervals, n_classes)."""
        if self._judged[0] != (self.rule, len(self._logits)):
            self._judged = (self.rule, len(self._logits)), self._measured_gaps(self.shares)
        return self._judged[1]

    def _measured_gaps(self, shares: Sequence[float]) -> Tensor:
        slopes = torch.stack([self._slopes[share] for share in shares]).cpu()  # (n, n_classes)
        logits = torch.stack([self._logits[share][list(self._class_idx)] for share in shares]).double().cpu()
        return torch.from_numpy(self.rule(shares)) @ slopes - logits.diff(dim=0)

    def _as_share(self, gaps: Tensor) -> Tensor:
        """Gaps (..., n_classes) as shares of the change of each class's logit; infinite where only the gap is not zero, or
        where gradients overflow."""
        return torch.where(gaps == 0, 0, (gaps.abs() / self._changes().abs()).nan_to_num(nan=math.inf, posinf=math.inf))

    def _changes(self) -> Tensor:
        """How much the logit of every class rises from zero, (n_classes,)."""
        shares = self.shares
        return (self._logits[shares[-1]] - self._logits[shares[0]])[list(self._class_idx)].double().cpu()


def _gradients(logits_of: LogitsOf, activation: Tensor, shares: Tensor, class_idx: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Gradients (n_classes, n, *shape of F) of the classes' logits at some points of the path, and the logits (n, all)."""
    points = (shares.view(-1, *[1] * activation.ndim) * activation).requires_grad_()
    with torch.enable_grad():
        logits = logits_of(points.clone())  # a clone: the head may begin with an operation in place
        one_by_one = [
            torch.autograd.grad(logits[:, idx].sum(), points, retain_graph=position < len(class_idx) - 1)[0]
            for position, idx in enumerate(class_idx)
        ]
    return torch.stack(one_by_one), logits
