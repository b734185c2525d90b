"""The best N and D where compute, time and the size of the model are limited at once.

Each limit bounds the tokens that a model of a size can be trained on. A loss falls with tokens, so
that all are used that the tightest limit leaves, and what is looked for is N alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.allocation import Quantity, halve, log_sum
from scaletrace.fitting.law import Array, Law, TwoPowers
from scaletrace.fitting.token_cost import TokenCost

# Of log N: where the least loss is looked for, and from where to where its slope is taken.
PLACES = np.arange(-100.0, 301.0)
WITHIN_PACE = 81  # further places over the sizes of a pace, which may have more than one minimum
NEARBY = 1e-4
TOUCHES = 1e-6  # of a logarithm: so close to a limit it binds


@dataclass(frozen=True)
class Pace:
    """FLOP/s of a training, log_rate (k,), at sizes log_n (k,) that ascend.

    Between sizes on a straight line in logarithms, beyond them constant.
    """

    log_n: Array
    log_rate: Array

    def __call__(self, log_n: Array) -> Array:
        """Log FLOP/s at log N (…)."""
        return np.interp(log_n, self.log_n, self.log_rate)


@dataclass(frozen=True)
class Limits:
    """FLOPs in the convention of the fit, seconds at a pace, and the largest N; None: no limit."""

    flops: float | None = None
    seconds: float | None = None
    pace: Pace | None = None
    n_max: float | None = None

    @property
    def bound(self) -> bool:
        """Whether anything bounds the tokens."""
        return self.flops is not None or self.seconds is not None

    def log_budgets(self, log_n: Array) -> dict[str, Array]:
        """Log FLOPs that compute and time allow at log N (…), by limit."""
        budgets = {}
        if self.flops is not None:
            budgets["flops"] = np.full(np.shape(log_n), np.log(self.flops))
        if self.seconds is not None and self.pace is not None:
            budgets["seconds"] = np.log(self.seconds) + self.pace(log_n)
        return budgets

    def log_budget(self, log_n: Array) -> Array:
        """Log FLOPs that all limits allow at log N (…)."""
        return np.min(list(self.log_budgets(log_n).values()), axis=0)

    def spent(self, n: float) -> dict[str, float]:
        """Return the FLOPs of a training of N that uses what all limits allow, and its hours."""
        log_n = np.log(n)
        log_flops = self.log_budget(log_n)
        spent = {"flops": float(np.exp(log_flops))}
        if self.pace is not None:
            spent["hours"] = float(np.exp(log_flops - self.pace(log_n))) / 3600.0
        return spent

    def binding(self, n: float) -> set[str]:
        """Return the limits that a model of the best N meets."""
        log_n = np.log(n)
        budgets, least = self.log_budgets(log_n), self.log_budget(log_n)
        binds = {name for name, budget in budgets.items() if budget <= least + TOUCHES}
        if self.n_max is not None and log_n >= np.log(self.n_max) - TOUCHES:
            binds.add("n_max")
        return binds

    def without(self, name: str) -> "Limits | None":
        """Return the other limits; None where these bound nothing."""
        rest = replace(self, **{name: None})
        return rest if rest.bound else None


def best(law: Law, limits: Limits, cost: TokenCost) -> dict[str, Quantity]:
    """Return N_opt, D_opt and the loss there, of a law that trades N against D.

    Functions of published parameters (B, p) -> (B,).
    """

    def at(params: Array) -> tuple[TwoPowers, Array, Array]:
        """Return the powers, log N and log C."""
        if law.two_powers is None:
            raise ValueError(f"{law.name} does not trade N against D")
        powers = law.two_powers(law.columns(params))
        log_n = _log_n(powers, limits, cost)
        return powers, log_n, limits.log_budget(log_n)

    def loss(params: Array) -> Array:
        powers, log_n, log_c = at(params)
        return powers.floor + np.exp(powers.outer * log_sum(powers, cost, log_n, log_c))

    def tokens(params: Array) -> Array:
        _, log_n, log_c = at(params)
        return np.exp(log_c - cost.log_flops_per_token(log_n))

    return {"N_opt": lambda params: np.exp(at(params)[1]), "D_opt": tokens, "loss": loss}


def pace_of(tokens_per_s: Mapping[float, list[float]], cost: TokenCost) -> Pace:
    """Return the pace of trainings whose tokens per second are known by N; the median of each."""
    log_n = np.log(sorted(tokens_per_s))
    speeds = np.log([np.median(tokens_per_s[n]) for n in sorted(tokens_per_s)])
    return Pace(log_n, speeds + cost.log_flops_per_token(log_n))


def _log_n(powers: TwoPowers, limits: Limits, cost: TokenCost) -> Array:
    """Log N (B,) of the least loss: the lowest of some places, then by the sign of the slope."""
    places = PLACES
    if limits.pace is not None:
        among = np.linspace(limits.pace.log_n[0], limits.pace.log_n[-1], WITHIN_PACE)
        places = np.union1d(places, among)
    most = np.inf if limits.n_max is None else np.log(limits.n_max)
    places = np.unique(np.minimum(places, most))

    def total(some: TwoPowers, log_n: Array) -> Array:
        return log_sum(some, cost, log_n, limits.log_budget(log_n))

    columns = TwoPowers(*(np.asarray(x)[..., None] for x in powers))
    lowest = total(columns, places).argmin(axis=-1)
    low = places[np.maximum(lowest - 1, 0)]
    high = places[np.minimum(lowest + 1, len(places) - 1)]

    def rises(log_n: Array) -> NDArray[np.bool_]:
        return total(powers, log_n + 0.5 * NEARBY) > total(powers, log_n - 0.5 * NEARBY)

    return halve(rises, low, high)
