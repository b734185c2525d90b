"""What follows from a fitted law: compute-optimal N and D, losses, and what a target loss needs.

Functions take published parameters (…, p) in the order of the law and return (…): one call serves
the fit and all its resamples. FLOPs are C = D x what a token costs at that N, by the convention of
a `TokenCost`: 6 N D where none is given. A target that cannot be reached is inf, for it takes more
than any N, D or C.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.law import FLOPS_PER_PARAMETER_AND_TOKEN, Array, Law, TwoPowers, logs_of
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost

Quantity = Callable[[Array], Array]
FARTHEST = 690.0  # |log| of any N, D or C: beyond lie no floating-point numbers
AT_ONCE, CUTS, ROUNDING = 15, 15, 1e-13  # of an interval of log N, and when it is small enough
PLACES = 41  # of log N within the learnt range, at which the least loss of a budget is looked for
TOGETHER = 16  # rows of coordinates that are inverted at once
NEARBY = 1e-3  # step of log C for the local exponent


def trades_off(law: Law) -> bool:
    """Whether the law trades parameters against tokens, so that a budget has an optimum."""
    return law.two_powers is not None


def derived(law: Law) -> dict[str, Quantity]:
    """Quantities of the law alone: the exponent a of N_opt ~ C^a where C is 6 N D.

    It is called `a_opt` where the law has a parameter a. D_opt grows as C^(1 - a). Under another
    convention the exponent changes with the budget: `optimal` gives it there.
    """
    if not trades_off(law):
        return {}

    def a(params: Array) -> Array:
        powers = _two_powers(law, params)
        return powers.beta / (powers.alpha + powers.beta)

    return {law.exponent_name: a}


def optimal(law: Law, flops: float, cost: TokenCost = SIX_N_D) -> dict[str, Quantity]:
    """N_opt, D_opt, the loss there, and the local exponent a = dlog(N_opt)/dlog(C) of a budget.

    Where C is a multiple of N D: N_opt = G (C/6)^a, D_opt = (C/6)^b / G with
    G = (alpha A / (beta B))^(1/(alpha + beta)) (Hoffmann et al. 2022, equation 4). Else the least
    loss along the curve of constant C, by halving.
    """
    log_c = np.log(flops)

    def log_d(params: Array) -> Array:
        log_n = log_optimum(law, log_c, cost, params)
        return log_c - cost.log_flops_per_token(log_n)

    def loss(params: Array) -> Array:
        powers, log_n = _two_powers(law, params), log_optimum(law, log_c, cost, params)
        return powers.floor + np.exp(powers.outer * log_sum(powers, cost, log_n, log_c))

    return {
        "N_opt": lambda params: np.exp(log_optimum(law, log_c, cost, params)),
        "D_opt": lambda params: np.exp(log_d(params)),
        "loss": loss,
        "a": lambda params: local_exponent(law, log_c, cost, params),
    }


def local_exponent(law: Law, log_c: float, cost: TokenCost, params: Array) -> Array:
    """dlog(N_opt)/dlog(C) at a budget: D_opt grows as C^(1 - a (1 + slope of the cost))."""
    steps = np.reshape([0.5 * NEARBY, -0.5 * NEARBY], (2, *[1] * (np.ndim(params) - 1)))
    up, down = log_optimum(law, log_c + steps, cost, params)
    return (up - down) / NEARBY


def log_optimum(law: Law, log_c: Array | float, cost: TokenCost, params: Array) -> Array:
    """Log N of the least loss of a budget."""
    return lowest_on_budget(_two_powers(law, params), log_c, cost)


def lowest_on_budget(powers: TwoPowers, log_c: Array | float, cost: TokenCost) -> Array:
    """Log N (…) where powers (…) sum to least along constant C, log_c (…)."""
    if cost.proportional:
        log_area = log_c - np.log(FLOPS_PER_PARAMETER_AND_TOKEN) - cost.log_factor(np.zeros(()))
        return _log_g(powers) + powers.beta / (powers.alpha + powers.beta) * log_area
    # The loss may have more than one minimum where the cost bends: look for the lowest, then halve.
    learnt = np.linspace(np.log(cost.n_low), np.log(cost.n_high), PLACES)
    places = np.concatenate([[-FARTHEST], learnt, [FARTHEST]])
    columns = TwoPowers(*(np.asarray(x)[..., None] for x in powers))
    losses = log_sum(columns, cost, places, np.asarray(log_c)[..., None])
    lowest = losses.argmin(axis=-1)
    low = places[np.maximum(lowest - 1, 0)]
    high = places[np.minimum(lowest + 1, len(places) - 1)]

    return halve(lambda log_n: _rises(powers, cost, log_n, log_c), low, high)


def powers_through(
    alpha: Array, beta: Array, log_n: Array, log_c: float, cost: TokenCost
) -> TwoPowers:
    """Two powers of these exponents whose best N of a budget is the one given, all (…)."""
    one, none = np.ones_like(alpha), np.zeros_like(alpha)
    share = _share(TwoPowers(none, none, alpha, none, beta, one), cost, log_n)
    log_d = log_c - cost.log_flops_per_token(log_n)
    return TwoPowers(
        *(none, np.log(share) + alpha * log_n, alpha),
        *(np.log1p(-share) + beta * log_d, beta, one),
    )


def loss_at(law: Law, variables: Mapping[str, float]) -> Quantity:
    """Loss at one point."""
    logs = {name: logs_of([variables[name]]) for name in law.variables}
    zero = dict.fromkeys(law.variables, 0.0)
    return lambda params: np.exp(law.jet(law.internal(params, zero), logs).value[:, 0])


def needed(law: Law, loss: float, cost: TokenCost = SIX_N_D) -> dict[str, Quantity]:
    """What reaching `loss` takes: the optimal C, N, D, or the variable of a one-variable law.

    Solves the law itself: with E in place, N = (A / (loss - E))^(1/alpha).
    """
    if not trades_off(law):
        return {law.variables[0]: _inverse(law, loss)}

    def at(params: Array) -> tuple[Array, Array]:
        """Log N and log D: along the best of all budgets, N alone gives the powers' shares."""
        powers = _two_powers(law, params)
        goal = _log_excess(powers, loss)

        def enough(log_n: Array) -> NDArray[np.bool_]:
            by_size = powers.log_a - powers.alpha * log_n - powers.compute * cost.log_factor(log_n)
            return by_size - np.log(_share(powers, cost, log_n)) <= goal

        ends = np.full(np.shape(goal), FARTHEST)
        log_n = _beyond(halve(enough, -ends, ends))
        by_tokens = goal + np.log1p(-_share(powers, cost, log_n))
        by_tokens += powers.compute * cost.log_factor(log_n)
        return log_n, (powers.log_b - by_tokens) / powers.beta

    def log_c(params: Array) -> Array:
        log_n, log_d = at(params)
        return log_d + cost.log_flops_per_token(log_n)

    return {
        "C": lambda params: np.exp(log_c(params)),
        "N_opt": lambda params: np.exp(at(params)[0]),
        "D_opt": lambda params: np.exp(at(params)[1]),
    }


def needed_beside(
    law: Law, loss: float, held: str, value: float, cost: TokenCost = SIX_N_D
) -> Quantity:
    """N for `loss` when d is held at `value`, or D when n is, for laws that are sums of powers."""

    def other(params: Array) -> Array:
        powers, fixed = _two_powers(law, params), np.log(value)
        goal = _log_excess(powers, loss)
        if held == "n":
            by_size = powers.log_a - powers.alpha * fixed
            rest = _log_rest(goal + powers.compute * cost.log_factor(fixed), by_size)
            return np.exp((powers.log_b - rest) / powers.beta)
        by_tokens = powers.log_b - powers.beta * fixed

        def enough(log_n: Array) -> NDArray[np.bool_]:
            both = np.logaddexp(powers.log_a - powers.alpha * log_n, by_tokens)
            return both - powers.compute * cost.log_factor(log_n) <= goal

        ends = np.full(np.shape(goal), FARTHEST)
        return np.exp(_beyond(halve(enough, -ends, ends)))

    return other


def _inverse(law: Law, loss: float) -> Quantity:
    """Value of the only variable at which the law falls to `loss`."""

    def solve(params: Array) -> Array:
        if law.inverse is not None:
            return law.inverse(params, loss)
        zero = dict.fromkeys(law.variables, 0.0)
        theta = law.internal(params, zero)

        found = [
            halve(
                lambda log_x, rows=rows: _each(law, rows, log_x) <= np.log(loss),
                np.zeros(len(rows)),
                np.full(len(rows), FARTHEST),
            )
            for rows in np.array_split(theta, range(TOGETHER, len(theta), TOGETHER))
        ]
        return np.exp(_beyond(np.concatenate(found)))

    return solve


def _each(law: Law, theta: Array, log_x: Array) -> Array:
    """Log loss of each row of coordinates (B, p) at its own places (k, B)."""
    values = law.jet(theta, {law.variables[0]: log_x.ravel()}).value
    return np.einsum("bkb->kb", values.reshape(len(theta), *log_x.shape))


def halve(upper: Callable[[Array], NDArray[np.bool_]], low: Array, high: Array) -> Array:
    """Where `upper`, of log values (…), turns from false to true between low and high.

    Intervals are cut into several parts at once, (AT_ONCE, …), for what a call costs is the call.
    """
    parts = np.arange(1, AT_ONCE + 1) / (AT_ONCE + 1)
    for _ in range(CUTS):
        width = high - low
        there = upper(low + parts.reshape(-1, *[1] * np.ndim(low)) * width)
        first = np.where(there.any(axis=0), there.argmax(axis=0), AT_ONCE)
        low, high = (low + (first + k) / (AT_ONCE + 1) * width for k in (0, 1))
        if np.max(high - low) < ROUNDING:
            break
    return high


def _beyond(log_value: Array) -> Array:
    """What was not found up to the end of the search is infinite."""
    return np.where(log_value > 0.99 * FARTHEST, np.inf, log_value)


def log_sum(powers: TwoPowers, cost: TokenCost, log_n: Array, log_c: Array | float) -> Array:
    """Logarithm of what the two powers sum to at N on a budget."""
    log_d = log_c - cost.log_flops_per_token(log_n)
    both = np.logaddexp(powers.log_a - powers.alpha * log_n, powers.log_b - powers.beta * log_d)
    return both - powers.compute * cost.log_factor(log_n)


def _rises(
    powers: TwoPowers, cost: TokenCost, log_n: Array, log_c: Array | float
) -> NDArray[np.bool_]:
    """Whether the loss rises with N at N on a budget: the first power's share is below its best."""
    log_d = log_c - cost.log_flops_per_token(log_n)
    by_size, by_tokens = powers.log_a - powers.alpha * log_n, powers.log_b - powers.beta * log_d
    return by_size - np.logaddexp(by_size, by_tokens) < np.log(_share(powers, cost, log_n))


def _share(powers: TwoPowers, cost: TokenCost, log_n: Array) -> Array:
    """Share of N's power in the sum of both, where N is the best of its budget.

    There the slope of the sum along constant C, D = C / phi(N), is zero.
    """
    slope = cost.slope(log_n)
    growth = powers.beta * (1.0 + slope)
    share = (growth - powers.compute * slope) / (powers.alpha + growth)
    return np.clip(share, 1e-12, 1.0 - 1e-12)


def _log_g(powers: TwoPowers) -> Array:
    gap = np.log(powers.alpha) + powers.log_a - np.log(powers.beta) - powers.log_b
    return gap / (powers.alpha + powers.beta)


def _log_rest(log_whole: Array, log_part: Array) -> Array:
    """Logarithm of what is left of a sum beside one part; -inf where the part is all of it."""
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(np.exp(log_whole) - np.exp(log_part), 0.0))


def _log_excess(powers: TwoPowers, loss: float) -> Array:
    """Logarithm of what the two powers must sum to; -inf where the loss is below the floor."""
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(loss - powers.floor, 0.0)) / powers.outer


def _two_powers(law: Law, params: Array) -> TwoPowers:
    if law.two_powers is None:
        raise ValueError(f"{law.name} does not trade N against D")
    return law.two_powers(law.columns(params))
