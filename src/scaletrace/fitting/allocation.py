"""What follows from a fitted law: compute-optimal N and D, losses, and what a target loss needs.

Functions take published parameters (…, p) in the order of the law and return (…): one call serves
the fit and all its resamples. FLOPs are counted as C = 6 N D. A target that cannot be reached is
inf, for it takes more than any N, D or C.
"""

from collections.abc import Callable, Mapping

import numpy as np

from scaletrace.fitting.law import FLOPS_PER_PARAMETER_AND_TOKEN, Array, Law, TwoPowers

Quantity = Callable[[Array], Array]
BISECTIONS = 200


def trades_off(law: Law) -> bool:
    """Whether the law trades parameters against tokens, so that a budget has an optimum."""
    return law.two_powers is not None


def derived(law: Law) -> dict[str, Quantity]:
    """Quantities of the law alone: the exponent a of N_opt ~ C^a; D_opt grows as C^(1 - a)."""
    if not trades_off(law):
        return {}

    def a(params: Array) -> Array:
        _, _, alpha, _, beta, _ = _two_powers(law, params)
        return beta / (alpha + beta)

    return {"a": a}


def optimal(law: Law, flops: float) -> dict[str, Quantity]:
    """N_opt, D_opt and the loss there for a budget of FLOPs.

    N_opt = G (C/6)^a, D_opt = (C/6)^b / G with G = (alpha A / (beta B))^(1/(alpha + beta))
    (Hoffmann et al. 2022, equation 4).
    """
    log_area = np.log(flops / FLOPS_PER_PARAMETER_AND_TOKEN)

    def log_n(params: Array) -> Array:
        _, _, alpha, _, beta, _ = _two_powers(law, params)
        return _log_g(law, params) + beta / (alpha + beta) * log_area

    def loss(params: Array) -> Array:
        floor, log_a, alpha, log_b, beta, outer = _two_powers(law, params)
        n = log_n(params)
        return floor + (np.exp(log_a - alpha * n) + np.exp(log_b - beta * (log_area - n))) ** outer

    return {
        "N_opt": lambda params: np.exp(log_n(params)),
        "D_opt": lambda params: np.exp(log_area - log_n(params)),
        "loss": loss,
    }


def loss_at(law: Law, variables: Mapping[str, float]) -> Quantity:
    """Loss at one point."""
    logs = {name: np.log([float(variables[name])]) for name in law.variables}
    zero = dict.fromkeys(law.variables, 0.0)
    return lambda params: np.exp(law.jet(law.internal(params, zero), logs).value[:, 0])


def needed(law: Law, loss: float) -> dict[str, Quantity]:
    """What reaching `loss` takes: the optimal C, N, D, or the variable of a one-variable law.

    Solves the law itself: with E in place, N = (A / (loss - E))^(1/alpha).
    """
    if not trades_off(law):
        return {law.variables[0]: _inverse(law, loss)}

    def log_area(params: Array) -> Array:
        _, log_a, alpha, log_b, beta, _ = _two_powers(law, params)
        g = _log_g(law, params)
        both = np.logaddexp(log_a - alpha * g, log_b + beta * g)
        return (both - _log_excess(law, loss, params)) * (alpha + beta) / (alpha * beta)

    def share(params: Array) -> Array:
        _, _, alpha, _, beta, _ = _two_powers(law, params)
        return beta / (alpha + beta)

    return {
        "C": lambda params: FLOPS_PER_PARAMETER_AND_TOKEN * np.exp(log_area(params)),
        "N_opt": lambda params: np.exp(_log_g(law, params) + share(params) * log_area(params)),
        "D_opt": lambda params: np.exp(
            (1.0 - share(params)) * log_area(params) - _log_g(law, params)
        ),
    }


def needed_beside(law: Law, loss: float, held: str, value: float) -> Quantity:
    """N for `loss` when d is held at `value`, or D when n is, for laws that are sums of powers."""

    def other(params: Array) -> Array:
        _, log_a, alpha, log_b, beta, _ = _two_powers(law, params)
        if held == "n":
            log_a, alpha, log_b, beta = log_b, beta, log_a, alpha
        spent = np.exp(log_b - beta * np.log(value))
        with np.errstate(divide="ignore"):
            rest = np.log(np.maximum(np.exp(_log_excess(law, loss, params)) - spent, 0.0))
        return np.exp((log_a - rest) / alpha)

    return other


def _inverse(law: Law, loss: float) -> Quantity:
    """Value of the only variable at which the law falls to `loss`."""

    def solve(params: Array) -> Array:
        if law.inverse is not None:
            return law.inverse(params, loss)
        zero = dict.fromkeys(law.variables, 0.0)
        theta = law.internal(params, zero)
        return np.array([_bisect(law, row, np.log(loss)) for row in theta])

    return solve


def _bisect(law: Law, theta: Array, log_loss: float) -> float:
    low, high = 0.0, 200.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        above = law.jet(theta[None], {law.variables[0]: np.array([middle])}).value[0, 0] > log_loss
        low, high = (middle, high) if above else (low, middle)
    return float(np.exp(low)) if low < 199.0 else float("inf")


def _log_g(law: Law, params: Array) -> Array:
    _, log_a, alpha, log_b, beta, _ = _two_powers(law, params)
    return (np.log(alpha) + log_a - np.log(beta) - log_b) / (alpha + beta)


def _log_excess(law: Law, loss: float, params: Array) -> Array:
    """Logarithm of what the two powers must sum to; -inf where the loss is below the floor."""
    floor, *_, outer = _two_powers(law, params)
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(loss - floor, 0.0)) / outer


def _two_powers(law: Law, params: Array) -> TwoPowers:
    if law.two_powers is None:
        raise ValueError(f"{law.name} does not trade N against D")
    return law.two_powers(law.columns(params))
