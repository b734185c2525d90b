"""What a token costs: the training FLOPs C / D of a model of N parameters, learnt from the runs.

6 N D is one convention of several. An exact count adds the head and the attention, so that C / D
is 6 N times a factor that falls towards one as models grow. A budget is then no hyperbola in N and
D, and its best N and D are other ones (compare Porian et al. 2024, arXiv:2406.19146). Here the
factor is learnt from the runs, and every step from C to N and D goes through it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import Chebyshev, chebyshev

from scaletrace.fitting.law import FLOPS_PER_PARAMETER_AND_TOKEN, Array
from scaletrace.formats.fit import SIX, LearntCost

HIGHEST_DEGREE = 5
ALIKE = 1e-3  # sizes, and factors, this close (relative) are one
CLOSER = 0.9  # a higher degree has to lower the error at left-out sizes to this part of it
LEAST_GROWTH = 0.05  # of log(C/D) with log N
FADING = (0.25, 1.0)  # e-folds that the factor's slope fades by for each e-fold of N beyond


@dataclass(frozen=True)
class TokenCost(LearntCost):
    """FLOPs per token as a function of N: log(C/D) = log(6 N) + factor(log N).

    The factor is a Chebyshev series over the learnt range of log N. Above that range its slope
    fades, at the rate that leads to exactly 6 N D where the slope points there; below, it keeps
    its slope. All methods take log N (…) and return (…).
    """

    def log_factor(self, log_n: Array) -> Array:
        """Logarithm of (C/D) / (6 N)."""
        _, (low, high), (below, above), rate = self._shape
        inside = self._series(np.array(self.coefficients), log_n)
        fading = -np.expm1(-rate * np.maximum(log_n - high, 0.0)) / rate
        return inside + below * np.minimum(log_n - low, 0.0) + above * fading

    def slope(self, log_n: Array) -> Array:
        """Derivative of the logarithmic factor: C/D grows as N to the power 1 + slope."""
        derivative, (low, high), (below, above), rate = self._shape
        inside = self._series(derivative, log_n)
        fading = above * np.exp(-rate * np.maximum(log_n - high, 0.0))
        return np.where(log_n < low, below, np.where(log_n > high, fading, inside))

    def log_flops_per_token(self, log_n: Array) -> Array:
        """Logarithm of C / D."""
        return np.log(FLOPS_PER_PARAMETER_AND_TOKEN) + log_n + self.log_factor(log_n)

    def flops(self, n: Array, d: Array) -> Array:
        """FLOPs of training n parameters on d tokens."""
        return d * np.exp(self.log_flops_per_token(np.log(n)))

    @property
    def proportional(self) -> bool:
        """Whether C is a multiple of N D, so that the optimum has a closed form."""
        return len(self.coefficients) == 1

    def reaches(self, n: float) -> bool:
        """Whether a model size lies in the range that the cost was learnt on."""
        return self.proportional or self.n_low / (1 + ALIKE) <= n <= self.n_high * (1 + ALIKE)

    def _series(self, coefficients: Array, log_n: Array) -> Array:
        """Chebyshev series at log N, or at the nearest end of the learnt range."""
        (low, high), scale = self._ends, 2.0 / (self._ends[1] - self._ends[0])
        place = (np.clip(log_n, low, high) - low) * scale - 1.0
        return np.asarray(chebyshev.chebval(place, coefficients), dtype=float)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        low = float(np.log(self.n_low))
        return low, max(float(np.log(self.n_high)), low + ALIKE)

    @cached_property
    def _shape(self) -> tuple[Array, tuple[float, float], tuple[float, float], float]:
        """Series of the slope, the learnt range, slopes below and at its upper end, fading."""
        low, high = self._ends
        derivative = np.asarray(chebyshev.chebder(self.coefficients), dtype=float)
        derivative *= 2.0 / (high - low)
        first, last = (float(chebyshev.chebval(end, derivative)) for end in (-1.0, 1.0))
        value = float(chebyshev.chebval(1.0, self.coefficients))
        rate = float(np.clip(-last / value if value else 0.0, *FADING))
        below = float(np.clip(first, LEAST_GROWTH - 1.0, 1.0))
        return derivative, (low, high), (below, last), rate


SIX_N_D = TokenCost(SIX, 1.0, 1.0, [0.0], 0.0)


def token_cost_of(variables: Mapping[str, Array], columns: Mapping[str, str]) -> TokenCost:
    """Learn what a token costs from variables n, d, c, as far as they are known; else 6 N D.

    columns: what the variables are called; FLOPs that were not given are called 6ND.
    """
    if not {"n", "d", "c"} <= set(variables):
        return SIX_N_D
    return token_cost(variables["n"], variables["d"], variables["c"], columns["c"])


def token_cost(n: Array, d: Array, flops: Array, column: str) -> TokenCost:
    """Learn what a token costs from runs, each (n,), whose FLOPs stand in `column`.

    The degree of the series is the least beyond which the error at sizes that were left out of
    it hardly falls (Allen's PRESS): a ladder with even steps is met exactly, one with uneven steps
    is smoothed. `error` is the root mean square of ln(C/D) about the series over the runs.
    """
    log_n, log_factor = np.log(n), np.log(flops / d / n / FLOPS_PER_PARAMETER_AND_TOKEN)
    if np.abs(log_factor).max() <= ALIKE:
        return SIX_N_D
    x, y = _by_size(log_n, log_factor)
    degrees = range(min(HIGHEST_DEGREE, len(x) - 2) + 1) if len(x) > 2 else [len(x) - 1]
    if np.ptp(y) <= ALIKE:
        degrees = [0]
    best, least = Chebyshev([y.mean()], [x[0], x[0] + 1.0]), np.inf
    for degree in degrees:
        series = Chebyshev.fit(x, y, degree, [x[0], max(x[-1], x[0] + ALIKE)])
        error = _error_left_out(x, y, degree)
        grows = 1.0 + series.deriv()(np.linspace(x[0], x[-1], 101)).min() >= LEAST_GROWTH
        if grows and error < CLOSER * least:
            best, least = series, error
        if least <= 0.1 * ALIKE:
            break
    rest = log_factor - best(log_n)
    return TokenCost(
        column,
        *(float(np.exp(x[0])), float(np.exp(x[-1]))),
        [float(c) for c in best.coef],
        float(np.sqrt((rest**2).mean())),
    )


def _by_size(log_n: Array, values: Array) -> tuple[Array, Array]:
    """Log N of each distinct size, ascending, and the mean of values over its runs."""
    order = np.argsort(log_n, kind="stable")
    code = np.concatenate([[0], np.cumsum(np.diff(log_n[order]) > ALIKE)])
    count = np.bincount(code)
    return np.bincount(code, log_n[order]) / count, np.bincount(code, values[order]) / count


def _error_left_out(x: Array, y: Array, degree: int) -> float:
    """Root mean square error at points that are left out in turn, by the hat matrix."""
    if len(x) < 3:
        return 0.0  # nothing can be left out
    scaled = 2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0
    basis = np.linalg.qr(chebyshev.chebvander(scaled, degree))[0]
    rest = y - basis @ (basis.T @ y)
    leverage = (basis**2).sum(axis=1)
    return float(np.sqrt(((rest / np.maximum(1.0 - leverage, 1e-9)) ** 2).mean()))
