"""What a fit says of the runs to make next: a list within a budget, and what they would tell."""

from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.fitting import allocation
from scaletrace.fitting.goals import Goal, goal_of
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.next_runs import Belief, Noise, belief, choose
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost
from scaletrace.formats.fit import Planning

DRAWS = 12  # of the fit's resamples, about which the law is taken as linear
LARGER_N, LARGER_D = 4.0, 8.0  # the grid ends at these multiples of the largest measured
LARGER_C = 16.0
OTHER_RATIO = 2.0  # the grid's D/N goes beyond the measured ones by this factor
PLACES = 20  # of each variable
LAW_ERROR, LEAST_LAW_ERROR = 0.25, 5e-4  # what the law gets wrong: of the noise; of log loss
AHEAD = 10.0  # the goal where none is given: the best loss of this multiple of the largest budget


@dataclass(frozen=True)
class Run:
    """A run to make, `seeds` times; N and D are None where the law knows FLOPs alone."""

    n: float | None
    d: float | None
    flops: float
    seeds: int


@dataclass(frozen=True)
class Estimate:
    """A goal's estimate with an interval."""

    estimate: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class Proposal:
    """Runs that shrink the interval of a goal, and by how much as far as the fit can say.

    flops: of all of them. measured: variable -> values (n,) of the runs that were fitted.
    """

    goal: str
    spend: float
    flops: float
    convention: str
    runs: list[Run]
    before: Estimate
    after: Estimate
    measured: dict[str, list[float]]


def next_runs(
    fit: Planning,
    spend: float,
    goal: str | None = None,
    smallest: float | None = None,
    largest: float | None = None,
) -> Proposal:
    """Propose the runs that most shrink the interval of a goal for `spend` FLOPs.

    Args:
        fit: a law of N and D or of C, with its draws and residuals.
        spend: FLOPs, by the fit's own convention.
        goal: `loss@N,D`, `loss@C`, `N_opt@C`, `D_opt@C`, a parameter or `a`; the best loss of ten
            times the largest measured budget where left out.
        smallest: least N to train; the least that was measured where left out.
        largest: largest N to train; four times the largest that was measured where left out.

    Raises:
        BadInput: not such a law or goal, no place in the limits, or no run that `spend` pays for.
    """
    law = kinds.load("laws", fit.law).LAW
    cost = TokenCost(**vars(fit.token_cost)) if fit.token_cost else SIX_N_D
    if not np.isfinite(spend) or spend <= 0.0:
        raise BadInput(f"--spend {spend}: a positive number of FLOPs is needed")
    if fit.diagnostics.noise is None:
        raise BadInput("this fit does not say its noise: fit again with this release")
    measured = _measured(law, fit)
    places, flops = _places(law, measured, cost, spend, smallest, largest)
    wanted = goal_of(goal or _default_goal(law, fit, measured, cost), law, cost)
    about = belief(law, _draws(law, fit, wanted), measured, places, wanted, _noise(fit))
    chosen = choose(about, flops, spend)
    return Proposal(
        goal=wanted.name,
        spend=spend,
        flops=float(flops[chosen].sum()),
        convention=cost.words,
        runs=[
            Run(_at(places, "n", place), _at(places, "d", place), float(flops[place]), seeds)
            for place, seeds in Counter(chosen).items()
        ],
        before=_estimate(law, fit, wanted, about, []),
        after=_estimate(law, fit, wanted, about, chosen),
        measured={name: values.tolist() for name, values in measured.items()},
    )


def _measured(law: Law, fit: Planning) -> dict[str, Array]:
    known = {"n", "d"} <= set(law.variables) or law.variables == ("c",)
    if law.describes != "loss" or not known:
        raise BadInput(
            f"{law.name} is {law.describes} = {law.formula}; next takes a fit of the loss by a law "
            "of N and D or of C, which say what a run costs"
        )
    columns = {name: fit.data.columns[name] for name in law.variables}
    try:
        values = {
            name: np.array([float(row[column]) for row in fit.residuals])
            for name, column in columns.items()
        }
    except (KeyError, TypeError, ValueError):
        raise BadInput(f"the fit's residuals lack {', '.join(columns.values())}") from None
    if not all(len(x) and np.isfinite(x).all() and x.min() > 0.0 for x in values.values()):
        raise BadInput("the fit's residuals hold what is no positive number")
    return values


def _places(
    law: Law,
    measured: dict[str, Array],
    cost: TokenCost,
    spend: float,
    smallest: float | None,
    largest: float | None,
) -> tuple[dict[str, Array], Array]:
    """Where a run can be made: a grid over and beyond the measured range, and its FLOPs (m,)."""
    if law.variables == ("c",):
        c = _grid(measured["c"].min(), LARGER_C * measured["c"].max())
        flops = c[c <= spend]
        places = {"c": flops}
    else:
        low, high = smallest or measured["n"].min(), largest or LARGER_N * measured["n"].max()
        if not (0.0 < low <= high < np.inf):
            raise BadInput(f"sizes from {low:g} to {high:g}: --smallest is at most --largest")
        d_grid = _grid(measured["d"].min(), LARGER_D * measured["d"].max())
        n, d = (grid.ravel() for grid in np.meshgrid(_grid(low, high), d_grid))
        every, ratio = cost.flops(n, d), measured["d"] / measured["n"]
        kept = (every <= spend) & (d / n <= OTHER_RATIO * ratio.max())
        kept &= d / n >= ratio.min() / OTHER_RATIO
        n, d, flops = n[kept], d[kept], every[kept]
        full = {"n": n, "d": d, "u": d, "c": flops}
        places = {name: full[name] for name in law.variables}
    if not len(flops):
        raise BadInput(
            f"--spend {spend:g}: no run from the smallest measured scale on costs so little; "
            "spend more, or allow smaller sizes with --smallest"
        )
    return places, flops


def _grid(low: float, high: float) -> Array:
    """Ascending values of three digits, a factor of 1.2 or more apart."""
    count = int(np.clip(np.log(high / low) / np.log(1.2) + 1, 1, PLACES))
    return np.unique([float(f"{x:.3g}") for x in np.geomspace(low, high, count)])


def _default_goal(law: Law, fit: Planning, measured: dict[str, Array], cost: TokenCost) -> str:
    if law.variables == ("c",):
        return f"loss@{AHEAD * measured['c'].max():.3g}"
    budget = AHEAD * float(cost.flops(measured["n"], measured["d"]).max())
    if not allocation.trades_off(law):
        return f"loss@{measured['n'].max() * AHEAD**0.5:.3g},{measured['d'].max() * AHEAD**0.5:.3g}"
    params = np.array([[fit.params[name] for name in law.names]])
    best = {k: float(q(params)[0]) for k, q in allocation.optimal(law, budget, cost).items()}
    return f"loss@{best['N_opt']:.3g},{best['D_opt']:.3g}"


def _draws(law: Law, fit: Planning, goal: Goal) -> Array:
    """Evenly taken draws (B, p) with the estimate first, as far as the goal is finite there."""
    every = np.array(fit.draws.values)
    some = every[np.linspace(0, len(every) - 1, min(DRAWS, len(every))).astype(int)]
    estimate = [fit.params[name] for name in law.names]
    draws = np.concatenate([[estimate], some])
    with np.errstate(all="ignore"):
        values = goal.quantity(draws)
    sound = np.isfinite(values) & ((values > 0.0) | (not goal.logarithmic))
    if not sound[0]:
        raise BadInput(f"goal {goal.name}: the fitted law gives no number there")
    return draws[sound]


def _noise(fit: Planning) -> Noise:
    scale = max(float(fit.diagnostics.noise or 0.0), 1e-6)
    correlation = fit.diagnostics.shared_noise.intraclass_correlation or 0.0
    return Noise(
        scale, float(np.clip(correlation, 0.0, 0.9)), max(LEAST_LAW_ERROR, LAW_ERROR * scale)
    )


def _estimate(law: Law, fit: Planning, goal: Goal, about: Belief, runs: list[int]) -> Estimate:
    params = np.array([[fit.params[name] for name in law.names]])
    middle, level = float(goal.quantity(params)[0]), fit.settings.level
    reach = NormalDist().inv_cdf(0.5 + level / 2.0) * about.spread(runs)
    if goal.logarithmic:
        with np.errstate(over="ignore"):
            low, high = middle * np.exp(-reach), middle * np.exp(reach)
    else:
        low, high = middle - reach, middle + reach
        if goal.name == law.level:
            low = max(low, 0.0)
    return Estimate(middle, float(low), float(high), level)


def _at(places: dict[str, Array], variable: str, place: int) -> float | None:
    return float(places[variable][place]) if variable in places else None
