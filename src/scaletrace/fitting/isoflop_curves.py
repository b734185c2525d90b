"""The curves of an IsoFLOP analysis: losses of one budget against N, of all budgets at once.

At a budget the loss is (E + p / N^alpha + q / D^beta)^gamma, with E, p and q its own, and alpha,
beta and gamma shared by all: the shape that Hoffmann's law (gamma 1) and Kaplan's (E 0) take there,
whatever a token costs, for N and D are those of the runs. How E, p and q depend on the budget is
not assumed, so that the growth of the minima with C remains a finding.

Shapes: B starts or resamples x K budgets x m runs of a budget; shorter budgets are padded with
runs of weight 0.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.law import Array, TwoPowers

OWN, SHARED = 3, 3  # E, p, q of each budget; alpha, beta, log gamma of all


@dataclass(frozen=True)
class Runs:
    """Runs by budget, all (K, m): log N, log D and log loss about `centre`, weights."""

    log_n: Array
    log_d: Array
    log_loss: Array
    weights: Array
    centre: tuple[float, float, float]

    @cached_property
    def anchors(self) -> Array:
        """Log N and log D (K, 3, 2) of the smallest, a middle and the largest model of a budget."""
        order = np.argsort(np.where(self.real, self.log_n, np.inf), axis=1, kind="stable")
        last = self.real.sum(axis=1) - 1
        rows = np.take_along_axis(order, np.stack([0 * last, last // 2, last], axis=1), axis=1)
        places = (np.take_along_axis(x, rows, axis=1) for x in (self.log_n, self.log_d))
        return np.stack(list(places), axis=-1)

    @property
    def real(self) -> NDArray[np.bool_]:
        """Which entries are runs, not padding."""
        return self.weights > 0.0


def by_budget(codes: NDArray[np.int64], n: Array, d: Array, loss: Array, weights: Array) -> Runs:
    """Sort runs, each (n,), into budgets by their codes 0 to K - 1."""
    members = [np.flatnonzero(codes == k) for k in range(codes.max() + 1)]
    longest = max(map(len, members))
    index = np.array([np.resize(rows, longest) for rows in members])
    real = np.arange(longest) < np.array([[len(rows)] for rows in members])
    log_n, log_d, log_loss = np.log(n), np.log(d), np.log(loss)
    centre = float(log_n.mean()), float(log_d.mean()), float(log_loss.min())
    return Runs(
        log_n[index] - centre[0],
        log_d[index] - centre[1],
        log_loss[index] - centre[2],
        np.where(real, weights[index] / weights.mean(), 0.0),
        centre,
    )


@dataclass(frozen=True)
class Curves:
    """B sets of curves: own (B, K, 3) is E, p, q; shared (B, 3) is alpha, beta, log gamma.

    value (B,): the objective. settled (B,): whether a minimum was reached, bounds included.
    """

    own: Array
    shared: Array
    value: Array
    settled: NDArray[np.bool_]

    def take(self, rows: Any) -> "Curves":
        """Return the sets of an index or mask."""
        return Curves(self.own[rows], self.shared[rows], self.value[rows], self.settled[rows])

    def powers(self, runs: Runs) -> TwoPowers:
        """The two powers (B, K) of N and D whose sum is least where a curve is."""
        alpha, beta = self.shared[:, 0, None], self.shared[:, 1, None]
        return TwoPowers(
            floor=np.zeros_like(alpha),
            log_a=np.log(self.own[..., 1]) + alpha * runs.centre[0],
            alpha=alpha,
            log_b=np.log(self.own[..., 2]) + beta * runs.centre[1],
            beta=beta,
            outer=np.ones_like(alpha),
        )

    def repeat(self, count: int) -> "Curves":
        """The first set, as often as asked."""
        return self.take(np.zeros(count, dtype=int))


def predicted(runs: Runs, curves: Curves) -> Array:
    """Log losses (B, K, m) of the curves at the runs."""
    by_n, by_d = falling(runs, curves.shared)
    level, p, q = (curves.own[..., i, None] for i in range(OWN))
    return np.exp(curves.shared[:, 2, None, None]) * np.log(level + p * by_n + q * by_d)


def loss_along(runs: Runs, curves: Curves, budget: int, log_n: Array, log_d: Array) -> Array:
    """Losses of the first set of curves at a budget's log N and log D (m,)."""
    x, z = log_n - runs.centre[0], log_d - runs.centre[1]
    (level, p, q), (alpha, beta, log_gamma) = curves.own[0, budget], curves.shared[0]
    whole = level + p * np.exp(-alpha * x) + q * np.exp(-beta * z)
    return np.exp(np.exp(log_gamma) * np.log(whole) + runs.centre[2])


def falling(runs: Runs, shared: Array) -> tuple[Array, Array]:
    """N^-alpha and D^-beta (B, K, m)."""
    alpha, beta = shared[:, 0, None, None], shared[:, 1, None, None]
    return np.exp(-alpha * runs.log_n), np.exp(-beta * runs.log_d)
