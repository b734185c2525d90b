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

from scaletrace.fitting import isoflop_curves, isoflop_fit, isoflop_solver, progress
from scaletrace.fitting.allocation import lowest_on_budget, powers_through
from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.isoflop_curves import Curves, Runs
from scaletrace.fitting.law import Array, TwoPowers
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost

SAMPLES = 41  # of a budget's curve, for drawing
SAME_BUDGET = 0.02  # runs this close (relative) to the middle of a budget are of it
FEWEST = 5  # runs at a budget, for its three own parameters to be fitted
AT_MOST = 1000  # resamples
PATIENT = 3000  # Newton steps of a resample: each has a minimum, along however flat a valley
STEP = 1e-3  # of log C, for local exponents


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


def growth(centres: Array, log_n: Array, exponents: Array, cost: TokenCost) -> tuple[Array, Array]:
    """Local exponents a and b (B,) of N_opt and D_opt at the middle of the budgets (K,).

    log_n: the minima (B, K). They are the slopes over the budgets where C is a multiple of N D.
    Else the optima of a law bend, and the slope of a chord over the budgets is not that of their
    middle: the difference is added that two powers of the curves' own exponents (B, 2) have, of
    which the optimum in the middle is where the minima have theirs.
    """
    x, middle = centres - centres.mean(), float(centres.mean())

    def slopes(values: Array) -> Array:
        return values @ x / (x @ x)

    alpha, beta = exponents[:, 0], exponents[:, 1]
    powers = powers_through(alpha, beta, log_n.mean(axis=1), middle, cost)
    places = np.concatenate([centres, middle + STEP * np.array([-0.5, 0.5])])
    model = lowest_on_budget(TwoPowers(*(np.asarray(p)[..., None] for p in powers)), places, cost)
    both = []
    for found, bent in (
        (log_n, model),
        (-cost.log_flops_per_token(log_n) + centres, places - cost.log_flops_per_token(model)),
    ):
        local = (bent[:, -1] - bent[:, -2]) / STEP
        both.append(slopes(found) + local - slopes(bent[:, :-2]))
    return both[0], both[1]


def analyse(
    observations: Observations,
    objective: Objective,
    resamples: int,
    seed: int,
    level: float,
    cost: TokenCost = SIX_N_D,
) -> dict[str, Any]:
    """Minima per budget, and N_opt ~ C^a, D_opt ~ C^b with intervals.

    Needs variables n, d, c; `cost` says what c is to n and d. a and b are local exponents at the
    middle of the budgets (`growth`). Minima outside the measured N of their budget
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
    objective = isoflop_fit.suited(runs, objective)
    fitted = isoflop_fit.fit(runs, objective)
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
    resamples = min(resamples, AT_MOST)
    progress.report("resampling the IsoFLOP curves", 0, resamples)
    refits = _resample(runs, fitted, objective, resamples, seed)
    if not refits.settled.any():
        raise NotConvergedError("isoflop: no resample has a minimum; add runs to each budget")
    refits = refits.take(refits.settled)
    at = centres[inside]

    def exponents(curves: Curves) -> tuple[Array, Array]:
        return growth(at, minima(curves)[:, inside], curves.shared, cost)

    found = {
        name: _interval(float(estimate[0]), sample, level)
        for name, estimate, sample in zip("ab", exponents(fitted), exponents(refits), strict=True)
    }
    best_d = centres - cost.log_flops_per_token(best)
    rows = [
        {
            "flops": float(np.exp(centres[k])),
            "runs": int((codes == k).sum()),
            "n_opt": float(np.exp(best[k])),
            "d_opt": float(np.exp(best_d[k])),
            "inside_measured_range": bool(inside[k]),
            **_drawn(runs, fitted, data.take(codes == k), k, best[k], centres[k], cost),
        }
        for k in range(count)
    ]
    return {
        "budgets": rows,
        "flop_convention": cost.convention,
        **found,
        "at_flops": float(np.exp(at.mean())),
        "resamples": resamples,
        "resamples_failed": resamples - len(refits.own),
    }


def _interval(estimate: float, sample: Array, level: float) -> dict[str, Any]:
    tail = 50.0 * (1.0 - level)
    return {
        "estimate": estimate,
        "se": float(sample.std()),
        "low": float(np.percentile(sample, tail)),
        "high": float(np.percentile(sample, 100.0 - tail)),
        "level": level,
        "method": "bootstrap with Gaussian noise",
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
    freedom = isoflop_fit.spare(runs, fitted)
    sizes = np.sqrt(freedom / random.chisquare(freedom, size=(count, 1, 1)))
    noise = sizes * random.normal(size=(count, *runs.log_loss.shape))
    observed = isoflop_curves.predicted(runs, fitted) + noise * isoflop_fit.noise(runs, fitted)
    bend = bool(fitted.shared[0, 2] != 0.0)
    return isoflop_solver.minimise(
        runs, objective, fitted.repeat(count), observed, bend=bend, steps=PATIENT
    )
