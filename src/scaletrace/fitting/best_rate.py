"""The law of the best learning rate: a parabola's minimum at each place, a power law through them.

A place is a size, or a size and a number of training tokens. Near its minimum the loss is a
parabola in the logarithm of the rate; the minima of several places lie on a plane in log rate
against log N and log D (Bjorck et al. 2024, arXiv 2409.19913, have the same two steps for D).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
# Candidates that the parabola goes through: the lowest, its neighbours, and theirs where their
# loss is near enough for a parabola (the loss rises far more steeply above the best rate).
REACH = 2
NEAR = 0.03  # of the lowest loss
# Logarithms of N or D that differ by less tell no exponent: steps round D to whole batches.
APART = 0.05

Edge: TypeAlias = Literal["lowest", "highest"]


class NoMinimumError(ValueError):
    """The candidates do not enclose a minimum; the message says why.

    edge: which of the candidates that trained the best is; rate: its rate; following: the rate to
    try next, the last step's ratio further out, or half way to one that diverged.
    """

    def __init__(self, message: str, edge: Edge, rate: float, following: float) -> None:
        super().__init__(message)
        self.edge: Edge = edge
        self.rate, self.following = rate, following


@dataclass(frozen=True)
class Parabola:
    """loss = lowest + curvature (ln rate - centre)² / 2, by least squares.

    used: of the given points, which it goes through; rss, dof: squared residuals and their
    degrees of freedom; leverage: variance of `centre` per variance of a loss.
    """

    centre: float
    lowest: float
    curvature: float
    used: NDArray[np.bool_]
    rss: float
    dof: int
    leverage: float

    def loss(self, log_rate: Array) -> Array:
        """Return the parabola's loss at logarithms of rates."""
        return self.lowest + self.curvature * (log_rate - self.centre) ** 2 / 2


@dataclass(frozen=True)
class BestRate:
    """ln rate = centre + sum of exponents (ln place - ln at), with the covariance of all.

    at, exponents: (k,), of N, or of N and D; covariance: (1 + k, 1 + k), None where neither repeats
    nor residuals tell the noise; dof: degrees of freedom that it was estimated with.
    """

    at: Array
    centre: float
    exponents: Array
    covariance: Array | None
    dof: int


def parabola(rates: Array, losses: Array) -> Parabola:
    """Fit a parabola about the lowest mean loss, through what lies near it.

    Where that has its minimum beyond the lowest candidate's neighbours, through them alone.

    Args:
        rates: (n,), in any order; repeats (seeds) are points of their own.
        losses: (n,); not finite where training diverged.

    Raises:
        NoMinimumError: the lowest mean loss is at an end, or beside a candidate that diverged,
            or all are equal.
    """
    candidates = np.unique(rates)
    means = np.array([losses[rates == rate].mean() for rate in candidates])
    means[~np.isfinite(means)] = np.inf
    best = int(means.argmin())
    _require_enclosed(candidates, means, best)
    log_candidates = np.log(candidates)
    for reach in range(REACH, 0, -1):
        near = means <= means[best] * (1 + NEAR)
        near[best - 1 : best + 2] = True
        near[: max(0, best - reach)] = near[best + reach + 1 :] = False
        used = np.isin(rates, candidates[near])
        parabola = _least_squares(np.log(rates), losses, used)
        inside = log_candidates[best - 1] < parabola.centre < log_candidates[best + 1]
        if parabola.curvature > 0 and inside:
            return parabola
    message = f"the loss has no minimum in ln rate near {candidates[best]:g}"
    raise NoMinimumError(message, "highest", *_outwards(candidates[::-1]))


def _outwards(candidates: Array) -> tuple[float, float]:
    """Return the first candidate, and the rate as far beyond it as it is beyond the second."""
    first, second = candidates[:2].tolist()
    return first, first**2 / second


def _require_enclosed(candidates: Array, means: Array, best: int) -> None:
    if not np.isfinite(means[best]):
        raise NoMinimumError("every candidate diverged", "lowest", *_outwards(candidates))
    edges: tuple[tuple[Edge, int, int], ...] = (("lowest", 0, -1), ("highest", len(means) - 1, 1))
    for edge, end, step in edges:
        rate = float(candidates[best])
        if best == end:
            message = f"the loss is lowest at the {edge} candidate, {rate:g}"
            raise NoMinimumError(message, edge, *_outwards(candidates[::-step]))
        beside = float(candidates[best + step])
        if not np.isfinite(means[best + step]):
            message = (
                f"the loss is lowest at {rate:g}, and the next candidate, {beside:g}, diverged"
            )
            raise NoMinimumError(message, edge, rate, float(np.sqrt(rate * beside)))


def _least_squares(log_rates: Array, losses: Array, used: NDArray[np.bool_]) -> Parabola:
    middle = log_rates[used].mean()
    x, y = log_rates[used] - middle, losses[used]
    design = np.stack([np.ones_like(x), x, x**2], axis=1)
    (c0, c1, c2), *_ = np.linalg.lstsq(design, y, rcond=None)
    if c2 <= 0:
        return Parabola(np.nan, np.nan, 2 * c2, used, np.nan, 0, np.nan)
    gradient = np.array([0.0, -1 / (2 * c2), c1 / (2 * c2**2)])
    return Parabola(
        centre=float(middle - c1 / (2 * c2)),
        lowest=float(c0 - c1**2 / (4 * c2)),
        curvature=float(2 * c2),
        used=used,
        rss=float(((design @ (c0, c1, c2) - y) ** 2).sum()),
        dof=len(x) - 3,
        leverage=float(gradient @ np.linalg.inv(design.T @ design) @ gradient),
    )


def noise(parabolas: Sequence[Parabola]) -> float | None:
    """Return the standard deviation of a loss about the parabolas, pooled over the sizes.

    None where every parabola goes exactly through its points.
    """
    dof = sum(parabola.dof for parabola in parabolas)
    return float(np.sqrt(sum(parabola.rss for parabola in parabolas) / dof)) if dof else None


def determined(places: Array) -> bool:
    """Return whether minima at places (m, k) determine a power law of all k of their variables."""
    if len(places) == 0:
        return False
    logs = np.log(places)
    rank = np.linalg.matrix_rank(logs - logs.mean(axis=0), tol=APART)
    return bool(rank == places.shape[1])


def law(places: Array, parabolas: Sequence[Parabola]) -> BestRate:
    """Fit the power law of the best rate to the parabolas' centres at places that determine it.

    Weighted by 1 / (variance of the centre + scatter of the centres about the law), the scatter
    by the method of moments (DerSimonian and Laird 1986).

    Args:
        places: (m, k), N of each, or N and D.
        parabolas: m.
    """
    at = np.exp(np.log(places).mean(axis=0))
    design = np.column_stack([np.ones(len(places)), np.log(places / at)])
    y = np.array([parabola.centre for parabola in parabolas])
    sigma, spare = noise(parabolas), len(y) - design.shape[1]
    dof = sum(parabola.dof for parabola in parabolas)
    variances = (sigma or 0.0) ** 2 * np.array([parabola.leverage for parabola in parabolas])
    scatter = 0.0
    if spare:
        weights = 1 / variances if (variances > 0).all() else np.ones_like(y)
        found, inverse = _weighted(design, y, weights)
        q = float((weights * (y - design @ found) ** 2).sum())
        expected = spare if (variances > 0).all() else 0
        trace = weights.sum() - np.trace(inverse @ (design.T * weights**2) @ design)
        scatter = max(0.0, (q - expected) / float(trace))
    total = variances + scatter
    known = bool((total > 0).all())
    found, covariance = _weighted(design, y, 1 / total if known else np.ones_like(y))
    return BestRate(at, float(found[0]), found[1:], covariance if known else None, dof + spare)


def _weighted(design: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    inverse = np.linalg.inv((design.T * weights) @ design)
    return inverse @ ((design.T * weights) @ y), inverse
