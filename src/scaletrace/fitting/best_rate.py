"""The law of the best learning rate: a parabola's minimum at each size, a power law through them.

Near its minimum the loss is a parabola in the logarithm of the rate; the minima of several sizes
lie on a straight line in log rate against log N (Bjorck et al. 2024, arXiv 2409.19913, have the
same two steps for the number of tokens).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
# Candidates that the parabola goes through: the lowest, its neighbours, and theirs where their
# loss is near enough for a parabola (the loss rises far more steeply above the best rate).
REACH = 2
NEAR = 0.03  # of the lowest loss


class NoMinimumError(ValueError):
    """The candidates do not enclose a minimum; the message says on which side more are needed."""


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
    """ln rate = centre + exponent (ln N - ln at_n), with the covariance of the two.

    covariance: (2, 2); None where neither repeats nor residuals tell the noise.
    dof: degrees of freedom that it was estimated with.
    """

    at_n: float
    centre: float
    exponent: float
    covariance: Array | None
    dof: int


def parabola(rates: Array, losses: Array) -> Parabola:
    """Fit a parabola about the lowest mean loss, through what lies near it.

    Where that has its minimum beyond the lowest candidate's neighbours, through them alone.

    Args:
        rates: (n,), in any order; repeats (seeds) are points of their own.
        losses: (n,); not finite where training diverged.

    Raises:
        NoMinimumError: the lowest mean loss is at an end, or beside a candidate that diverged.
    """
    candidates = np.unique(rates)
    means = np.array([losses[rates == rate].mean() for rate in candidates])
    means[~np.isfinite(means)] = np.inf
    best = int(means.argmin())
    for end, step, words in ((0, -1, "lowest"), (len(candidates) - 1, 1, "highest")):
        if not np.isfinite(means[best]) or best == end:
            raise NoMinimumError(
                f"the loss is lowest at the {words} candidate, {candidates[best]:g}"
                if np.isfinite(means[best])
                else "every candidate diverged"
            )
        if not np.isfinite(means[best + step]):
            raise NoMinimumError(
                f"the loss is lowest at {candidates[best]:g}, and the next candidate, "
                f"{candidates[best + step]:g}, diverged"
            )
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
    raise NoMinimumError(f"the loss has no minimum in ln rate near {candidates[best]:g}")


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


def law(n: Array, parabolas: Sequence[Parabola]) -> BestRate:
    """Fit the power law of the best rate to the parabolas' centres at two sizes or more.

    Weighted by 1 / (variance of the centre + scatter of the centres about the line), the scatter
    by the method of moments (DerSimonian and Laird 1986).

    Args:
        n: (sizes,), N of each.
        parabolas: one per size.
    """
    at_n = float(np.exp(np.log(n).mean()))
    design = np.stack([np.ones_like(n), np.log(n / at_n)], axis=1)
    y = np.array([parabola.centre for parabola in parabolas])
    sigma, spare = noise(parabolas), len(y) - 2
    dof = sum(parabola.dof for parabola in parabolas)
    variances = (sigma or 0.0) ** 2 * np.array([parabola.leverage for parabola in parabolas])
    scatter = 0.0
    if spare:
        weights = 1 / variances if (variances > 0).all() else np.ones_like(y)
        (centre, exponent), inverse = _weighted(design, y, weights)
        q = float((weights * (y - design @ (centre, exponent)) ** 2).sum())
        expected = spare if (variances > 0).all() else 0
        trace = weights.sum() - np.trace(inverse @ (design.T * weights**2) @ design)
        scatter = max(0.0, (q - expected) / float(trace))
    total = variances + scatter
    known = bool((total > 0).all())
    (centre, exponent), covariance = _weighted(design, y, 1 / total if known else np.ones_like(y))
    return BestRate(
        at_n, float(centre), float(exponent), covariance if known else None, dof + spare
    )


def _weighted(design: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    inverse = np.linalg.inv((design.T * weights) @ design)
    return inverse @ ((design.T * weights) @ y), inverse
