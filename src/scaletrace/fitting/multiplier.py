"""How many times less compute one group of runs needs than another for equal loss.

Both groups are fitted at once by one law. They share its level and exponents, and have amplitudes
of their own, unless losses say that they differ in more (by the Bayesian information criterion,
Schwarz 1978). The multiplier is C of the first group over the C at which the second has the same
loss, each at its best N and D where the law trades them (compare effective compute, Ho et al.
2024, arXiv:2403.05812). With level and exponents shared it is the same at every budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting import allocation, resampling
from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import FittedLaw, Observations, fit
from scaletrace.fitting.law import Array, Centre, Jet, Law, Logs
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.token_cost import TokenCost

OF_A_GROUP = ("amplitude", "location")  # kinds of parameters that groups do not share
EXACT = 1e-6  # log residuals below this tell no laws apart
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Groups:
    """Two groups of observations: their labels, the reference first, and which is the second."""

    column: str
    labels: tuple[str, str]
    second: Mask


def groups_of(column: str, labels: list[str]) -> Groups:
    """Tell two groups apart by the labels of their runs; that of the first run is the reference.

    Raises:
        DesignError: there are not two.
    """
    names = list(dict.fromkeys(labels))
    if len(names) != 2:
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise DesignError(f"--multiplier: column {column!r} holds {shown}; two labels are needed")
    return Groups(column, (names[0], names[1]), np.array([x == names[1] for x in labels]))


def both(law: Law, second: Mask, own: tuple[int, ...]) -> Law:
    """Return a law for observations in two groups, the second of which is a mask (n,).

    own: coordinates that the second has for itself; they come after the law's, in that order.
    """
    size = len(law.parameters)
    places = np.arange(size)
    places[list(own)] = size + np.arange(len(own))

    def jet(theta: Array, logs: Logs) -> Jet:
        one, other = law.jet(theta[:, :size], logs), law.jet(theta[:, places], logs)
        gradient = np.zeros((*theta.shape, len(second)))
        gradient[:, :size] = np.where(second, 0.0, one.gradient)
        gradient[:, places] += np.where(second, other.gradient, 0.0)

        def curvature(weights: Array) -> Array:
            hessian = np.zeros((len(theta), theta.shape[1], theta.shape[1]))
            hessian[:, :size, :size] = one.curvature(np.where(second, 0.0, weights))
            of_second = other.curvature(np.where(second, weights, 0.0))
            hessian[:, places[:, None], places] += of_second
            return hessian

        return Jet(np.where(second, other.value, one.value), gradient, curvature)

    def offsets(theta: Array, centre: Centre) -> dict[int, Array]:
        of_second = law.offsets(theta[..., places], centre)
        added = {int(places[i]): of_second[i] for i in own if i in of_second}
        return law.offsets(theta[..., :size], centre) | added

    def guesses(logs: Logs, log_loss: Array) -> Array:
        rows = law.guesses(logs, log_loss)
        return np.concatenate([rows, rows[:, list(own)]], axis=1)

    return replace(
        law,
        parameters=(
            *law.parameters,
            *(replace(law.parameters[i], name=f"{law.names[i]} of second") for i in own),
        ),
        **{"jet": jet, "offsets": offsets, "guesses": guesses, "two_powers": None, "inverse": None},
    )


def multiplier(
    observations: Observations,
    groups: Groups,
    law: Law,
    objective: Objective,
    fixed: Mapping[str, float],
    cost: TokenCost,
    bootstrap: tuple[str, int, int],
    level: float,
) -> dict[str, Any]:
    """Return the compute multiplier of the second group, with its interval, and both groups' laws.

    bootstrap: unit, resamples and seed; resamples are drawn within each group.

    Raises:
        DesignError: the law knows no compute, or a group has too few runs.
        NotConvergedError: the groups cannot be fitted together.
    """
    if not (allocation.trades_off(law) or law.variables == ("c",)):
        raise DesignError(f"--multiplier: {law.name} is {law.formula}: it knows no compute")
    free = len(law.names) - len(fixed)
    fewest = int(min(groups.second.sum(), (~groups.second).sum()))
    if fewest < free + 1:
        raise DesignError(
            f"--multiplier: {fewest} runs in the smaller group; {law.name} with {free} free "
            f"parameters needs at least {free + 1}"
        )
    shapes = {
        "level and exponents": tuple(
            i for i, p in enumerate(law.parameters) if p.kind in OF_A_GROUP and p.name not in fixed
        ),
        "nothing": tuple(i for i, p in enumerate(law.parameters) if p.name not in fixed),
    }
    bic = {
        shared: _bic(observations, both(law, groups.second, own), fixed)
        for shared, own in shapes.items()
    }
    shared = min(bic, key=lambda name: bic[name])
    own = shapes[shared]
    fitted = fit(observations, both(law, groups.second, own), objective, fixed)
    draws, failed = resampling.refit(fitted, _counts(observations, groups, bootstrap))
    if not len(draws):
        raise NotConvergedError("--multiplier: no resample of the two groups has a minimum")
    at = _common_budget(observations, groups, cost)
    one, other = _published(law, fitted, fitted.theta[None], own)
    with np.errstate(all="ignore"):
        estimate, loss = (float(x[0]) for x in _ratio(law, one, other, at, cost))
        sample, _ = _ratio(law, *_published(law, fitted, draws, own), at, cost)
    if not np.isfinite(estimate):
        raise DesignError(
            f"--multiplier: group {groups.labels[1]} never has the loss {loss:.4g} that "
            f"{groups.labels[0]} has at C = {at:.3g}"
        )
    tail = (1.0 - level) / 2.0
    low = np.quantile(sample, tail, method="lower")
    high = np.quantile(sample, 1.0 - tail, method="higher")
    return {
        **{"column": groups.column, "of": groups.labels[1], "against": groups.labels[0]},
        **{"estimate": estimate, "low": _finite(low), "high": _finite(high), "level": level},
        **{"flops": at, "loss": loss, "flop_convention": cost.convention},
        **{"shared": shared, "bic": bic, "resamples_failed": failed},
        "runs": {
            groups.labels[0]: int((~groups.second).sum()),
            groups.labels[1]: int(groups.second.sum()),
        },
        "params": {
            label: dict(zip(law.names, map(float, values[0]), strict=True))
            for label, values in zip(groups.labels, (one, other), strict=True)
        },
    }


def _bic(observations: Observations, law: Law, fixed: Mapping[str, float]) -> float:
    """Bayesian information criterion by squared log residuals; inf where there is no minimum."""
    try:
        squares = fit(observations, law, Objective("squared_log"), fixed)
    except NotConvergedError:
        return np.inf
    count, k = len(observations), len(law.names) - len(fixed) + 1
    square = max(float((squares.log_residuals**2).mean()), EXACT**2)
    return float(count * np.log(square) + k * np.log(count))


def _counts(
    observations: Observations, groups: Groups, bootstrap: tuple[str, int, int]
) -> NDArray[np.uint16]:
    unit, resamples, seed = bootstrap
    drawn = np.empty((resamples, len(observations)), dtype=np.uint16)
    for number, rows in enumerate((~groups.second, groups.second)):
        part = observations.take(rows)
        drawn[:, rows] = resampling.counts(part, unit, resamples, 2 * seed + number)
    return drawn


def _published(
    law: Law, fitted: FittedLaw, theta: Array, own: tuple[int, ...]
) -> tuple[Array, Array]:
    """Published parameters (B, p) of both groups."""
    values = fitted.problem.natural(theta)
    one = values[:, : len(law.parameters)]
    other = one.copy()
    other[:, list(own)] = values[:, len(law.parameters) :]
    return one, other


def _common_budget(observations: Observations, groups: Groups, cost: TokenCost) -> float:
    """Return the largest budget that both groups reach."""
    variables = observations.variables
    flops = variables["c"] if "c" in variables else cost.flops(variables["n"], variables["d"])
    return float(min(flops[groups.second].max(), flops[~groups.second].max()))


def _ratio(law: Law, one: Array, other: Array, at: float, cost: TokenCost) -> tuple[Array, Array]:
    """C of one group over that of the other for equal loss (B,), and that loss (B,)."""
    if law.variables == ("c",):
        loss = allocation.loss_at(law, {"c": at})(one)
        name = "c"
    else:
        loss = allocation.optimal(law, at, cost)["loss"](one)
        name = "C"
    rows = zip(other[:, None, :], loss, strict=True)
    needed = [allocation.needed(law, float(x), cost)[name](row)[0] for row, x in rows]
    return at / np.array(needed), loss


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
