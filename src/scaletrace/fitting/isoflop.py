"""IsoFLOP analysis: the best N and D of each budget, and how they grow with it.

A parabola in log N is biased on curves that are not symmetric, even without noise. Here each
budget has a curve of its own, of the shape that the laws take there (`isoflop_curves`). Its best N
is where the curve is lowest along constant C, and its best D is C over what a token costs at that
N: at constant exact FLOPs N D is not constant, and neither is a + b one (compare approach 2 of
Hoffmann et al. 2022, arXiv:2203.15556).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting import isoflop_curves
from scaletrace.fitting.allocation import log_optimum, lowest_on_budget
from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.isoflop_curves import Curves, Runs
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost

SAMPLES = 41  # of a budget's curve, for drawing
SAME_BUDGET = 0.02  # runs this close (relative) to the middle of a budget are of it
FEWEST = 5  # runs at a budget, for its three own parameters to be fitted
AT_MOST = 1000  # resamples


def budgets(flops: Array) -> NDArray[np.int64]:
    """Code of each run's budget (n,), ascending with it; -1 where fewer than five runs share it."""
    codes, start = np.empty(len(flops), dtype=np.int64), -np.inf
    code = -1
    for run in np.argsort(flops, kind="stable"):
        if np.log(flops[run]) > start + 2.0 * SAME_BUDGET:
            start, code = np.log(flops[run]), code + 1
        codes[run] = code
    enough = np.flatnonzero(np.bincount(codes) >= FEWEST)
    renamed = np.full(code + 1, -1)
    renamed[enough] = np.arange(len(enough))
    return renamed[codes]


def growth(centres: Array, values: Array) -> Array:
    """Slopes (…,) of values (…, K) against log C at the budgets (K,)."""
    x = centres - centres.mean()
    return values @ x / (x @ x)


def growth_of_law(law: Law, params: Array, minima: dict[str, Any], cost: TokenCost) -> Array:
    """The exponent a (B,) of a law over the budgets of `analyse` that have a minimum.

    params: published parameters (B, p).
    """
    used = [row["flops"] for row in minima["budgets"] if row["inside_measured_range"]]
    centres = np.log(np.array(used))
    return growth(centres, log_optimum(law, centres, cost, params[:, None, :]))


def analyse(
    observations: Observations,
    objective: Objective,
    resamples: int,
    seed: int,
    level: float,
    cost: TokenCost = SIX_N_D,
) -> dict[str, Any]:
    """Minima per budget, and N_opt ~ C^a, D_opt ~ C^b with intervals.

    Needs variables n, d, c; `cost` says what c is to n and d. a and b are slopes over the budgets,
    which is the local exponent at the middle one. Minima outside the measured N of their budget
    are reported and left out of the slopes. Resamples add fresh Gaussian noise of the fit's own
    size to its predictions: drawing among the few runs of a budget would leave minima without
    neighbours. A resample whose curve has a term at its bound has a minimum like any other.

    Raises:
        DesignError: fewer than three budgets with five runs, or with an interior minimum.
        NotConvergedError: no start, or no resample, reached a minimum.
    """
    codes = budgets(observations.variables["c"])
    data, codes = observations.take(codes >= 0), codes[codes >= 0]
    count = int(codes.max(initial=-1)) + 1
    if count < 3:
        raise DesignError(
            f"an IsoFLOP analysis needs at least 3 budgets with {FEWEST} runs each; found {count}"
        )
    n, d, c = (data.variables[v] for v in "ndc")
    runs = isoflop_curves.by_budget(codes, n, d, data.loss, data.weights)
    objective = isoflop_curves.suited(runs, objective)
    fitted = isoflop_curves.fit(runs, objective)
    centres = np.bincount(codes, np.log(c)) / np.bincount(codes)

    def minima(curves: Curves) -> Array:
        """Log N (B, K) where the curves are lowest on their budgets."""
        return lowest_on_budget(curves.powers(runs), centres, cost)

    best = minima(fitted)[0]
    smallest = np.array([n[codes == k].min() for k in range(count)])
    largest = np.array([n[codes == k].max() for k in range(count)])
    inside = (best > np.log(smallest)) & (best < np.log(largest))
    if inside.sum() < 3:
        raise DesignError("fewer than 3 budgets have their minimum inside the measured range of N")
    refits = _resample(runs, fitted, objective, min(resamples, AT_MOST), seed)
    if not refits.settled.any():
        raise NotConvergedError("isoflop: no resample has a minimum; add runs to each budget")
    drawn = minima(refits.take(refits.settled))

    def tokens(log_n: Array) -> Array:
        return centres - cost.log_flops_per_token(log_n)

    def interval(quantity: Any) -> dict[str, Any]:
        estimate, sample = quantity(best[None])[0], quantity(drawn)
        tail = 50.0 * (1.0 - level)
        return {
            "estimate": float(estimate),
            "se": float(sample.std()),
            "low": float(np.percentile(sample, tail)),
            "high": float(np.percentile(sample, 100.0 - tail)),
            "level": level,
            "method": "bootstrap with Gaussian noise",
        }

    rows = [
        {
            "flops": float(np.exp(centres[k])),
            "runs": int((codes == k).sum()),
            "n_opt": float(np.exp(best[k])),
            "d_opt": float(np.exp(tokens(best)[k])),
            "inside_measured_range": bool(inside[k]),
            **_drawn(runs, fitted, data.take(codes == k), k, best[k], centres[k], cost),
        }
        for k in range(count)
    ]
    at = centres[inside]
    return {
        "budgets": rows,
        "flop_convention": cost.convention,
        "a": interval(lambda log_n: growth(at, log_n[:, inside])),
        "b": interval(lambda log_n: growth(at, tokens(log_n)[:, inside])),
        "at_flops": float(np.exp(at.mean())),
        "resamples": len(refits.own),
        "resamples_failed": int((~refits.settled).sum()),
    }


def _drawn(
    runs: Runs,
    fitted: Curves,
    own: Observations,
    budget: int,
    minimum: float,
    log_c: float,
    cost: TokenCost,
) -> dict[str, Any]:
    """Return the loss at a budget's minimum, its own runs, and its curve through them."""
    log_n = np.log(own.variables["n"])
    ends = min(log_n.min(), minimum), max(log_n.max(), minimum)
    grid = np.append(np.linspace(*ends, SAMPLES), minimum)
    log_d = log_c - cost.log_flops_per_token(grid)
    losses = isoflop_curves.loss_along(runs, fitted, budget, grid, log_d).tolist()
    return {
        "loss_opt": losses.pop(),
        "curve": {"n": np.exp(grid[:-1]).tolist(), "loss": losses},
        "measured": {"n": own.variables["n"].tolist(), "loss": own.loss.tolist()},
    }


def _resample(runs: Runs, fitted: Curves, objective: Objective, count: int, seed: int) -> Curves:
    """Refit the fit's own predictions with fresh noise of the size of its residuals.

    That size is drawn too, as well as the residuals determine it: intervals are Student's.
    """
    random = np.random.default_rng(seed)
    freedom = isoflop_curves.spare(runs, fitted)
    sizes = np.sqrt(freedom / random.chisquare(freedom, size=(count, 1, 1)))
    noise = sizes * random.normal(size=(count, *runs.log_loss.shape))
    observed = isoflop_curves.predicted(runs, fitted) + noise * isoflop_curves.noise(runs, fitted)
    bend = bool(fitted.shared[0, 2] != 0.0)
    return isoflop_curves.minimise(runs, objective, fitted.repeat(count), observed, bend=bend)
