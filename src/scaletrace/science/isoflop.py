"""IsoFLOP analysis: the best N of each budget, and how it grows with the budget.

A parabola in log N is biased on curves that are not symmetric, even without noise. Here each
budget has its own E + p/N^alpha + q N^beta, the shape that any sum of a falling term in N and a
falling term in D = C/(6 N) takes at constant C, with alpha and beta shared by all budgets. What
is not assumed is how E, p and q depend on the budget, so that the growth of the minima with C
remains a finding (compare approach 2 of Hoffmann et al. 2022, arXiv:2203.15556).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.science.designs import DesignError
from scaletrace.science.fitting import Fit, Observations, fit
from scaletrace.science.law import Array, Jet, Law, Logs, Parameter, Term, log_sum_exp
from scaletrace.science.objectives import Objective
from scaletrace.science.solver import NotConvergedError, minimise

SAME_BUDGET = 0.02  # budgets this close (relative) are one
FEWEST = 5  # runs at a budget, for its three own parameters to be fitted


def budgets(flops: Array) -> NDArray[np.int64]:
    """Code of each run's budget (n,), ascending with it; -1 where fewer than five runs share it."""
    order = np.argsort(flops, kind="stable")
    codes = np.empty(len(flops), dtype=np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(np.diff(np.log(flops[order])) > SAME_BUDGET)])
    enough = np.flatnonzero(np.bincount(codes) >= FEWEST)
    renamed = np.full(codes.max() + 1, -1)
    renamed[enough] = np.arange(len(enough))
    return renamed[codes]


def analyse(
    observations: Observations, objective: Objective, resamples: int, seed: int, level: float
) -> dict[str, Any]:
    """Minima per budget, and N_opt ~ C^a, D_opt ~ C^b with bootstrap intervals.

    Needs variables n, d, c. Minima outside the measured N of their budget are reported and left
    out of the power laws. Resamples draw runs within each budget.

    Raises:
        DesignError: fewer than three budgets with five runs, or with an interior minimum.
        NotConvergedError: no start reached a minimum.
    """
    codes = budgets(observations.variables["c"])
    data, codes = observations.take(codes >= 0), codes[codes >= 0]
    count = int(codes.max(initial=-1)) + 1
    if count < 3:
        raise DesignError(
            f"an IsoFLOP analysis needs at least 3 budgets with {FEWEST} runs each; found {count}"
        )
    law = _shape(codes, count)
    fitted = fit(data, law, objective)
    log_n, log_c = np.log(data.variables["n"]), np.log(data.variables["c"])
    centres = np.bincount(codes, log_c) / np.bincount(codes)
    area = np.bincount(codes, log_n + np.log(data.variables["d"])) / np.bincount(codes)
    minima = _minima(fitted, fitted.theta[None])[0]
    low = np.array([log_n[codes == k].min() for k in range(count)])
    high = np.array([log_n[codes == k].max() for k in range(count)])
    inside = (minima > low) & (minima < high)
    if inside.sum() < 3:
        raise DesignError("fewer than 3 budgets have their minimum inside the measured range of N")
    random = np.random.default_rng(seed)
    weights = np.ones((resamples, len(data)))
    for k in range(count):
        here = np.flatnonzero(codes == k)
        weights[:, here] = random.multinomial(len(here), [1 / len(here)] * len(here), resamples)
    starts = np.broadcast_to(fitted.theta, (resamples, len(fitted.theta)))
    refits = minimise(fitted.problem, starts, weights * fitted.weights, near=True)
    if not refits.converged.any():
        raise NotConvergedError("isoflop: no resample has a minimum; add runs to each budget")
    draws = _minima(fitted, refits.theta[refits.converged])
    tail = 50.0 * (1.0 - level)

    def growth(values: Array) -> Array:
        """Slopes (B,) of values (B, budgets) against log C, over budgets with a minimum."""
        x = centres[inside] - centres[inside].mean()
        return values[:, inside] @ x / (x @ x)

    def interval(estimate: float, sample: Array) -> dict[str, Any]:
        return {
            "estimate": estimate,
            "se": float(sample.std()),
            "low": float(np.percentile(sample, tail)),
            "high": float(np.percentile(sample, 100.0 - tail)),
            "level": level,
            "method": "bootstrap over runs within budgets",
        }

    a = growth(minima[None])[0]
    b = growth((area - minima)[None])[0]
    rows = [
        {
            "flops": float(np.exp(centres[k])),
            "runs": int((codes == k).sum()),
            "n_opt": float(np.exp(minima[k])),
            "d_opt": float(np.exp(area[k] - minima[k])),
            "inside_measured_range": bool(inside[k]),
        }
        for k in range(count)
    ]
    return {
        "budgets": rows,
        "a": interval(float(a), growth(draws)),
        "b": interval(float(b), growth(area - draws)),
        "resamples_failed": int((~refits.converged).sum()),
    }


def _minima(fitted: Fit, theta: Array) -> Array:
    """Log N at the minimum of each budget (B, budgets): alpha p N^-alpha = beta q N^beta."""
    count = (theta.shape[1] - 2) // 3
    p, q = theta[:, count : 2 * count], theta[:, 2 * count : 3 * count]
    alpha, beta = theta[:, -2, None], theta[:, -1, None]
    return fitted.problem.centre["n"] + (np.log(alpha) + p - np.log(beta) - q) / (alpha + beta)


def _shape(codes: NDArray[np.int64], count: int) -> Law:
    """The law of one IsoFLOP study: coordinates log E, log p, log q per budget, alpha, beta."""
    size = 3 * count + 2
    member = [(codes == k).astype(float) for k in range(count)]

    def jet(theta: Array, logs: Logs) -> Jet:
        n = logs["n"]
        own = theta[:, codes], theta[:, count + codes], theta[:, 2 * count + codes]
        falling = dict(enumerate(member, start=count)) | {size - 2: -n}
        rising = dict(enumerate(member, start=2 * count)) | {size - 1: n}
        return log_sum_exp(
            [
                Term(own[0], dict(enumerate(member))),
                Term(own[1] - theta[:, -2, None] * n, falling),
                Term(own[2] + theta[:, -1, None] * n, rising),
            ],
            size,
        )

    def guesses(logs: Logs, log_loss: Array) -> Array:
        del logs
        lowest = np.array([log_loss[codes == k].min() for k in range(count)])
        rows = []
        for share in (0.5, 0.9):
            level = lowest + np.log(share)
            rest = lowest + np.log((1.0 - share) / 2.0)
            for alpha in (0.15, 0.4, 0.8):
                for beta in (0.15, 0.4, 0.8):
                    rows.append([*level, *rest, *rest, alpha, beta])
        return np.array(rows)

    return Law(
        name="isoflop",
        formula="E_C + p_C / N^alpha + q_C N^beta",
        paper="compare Hoffmann et al. 2022, arXiv:2203.15556, approach 2",
        variables=("n",),
        parameters=(
            *(Parameter(f"E_{k}", "level") for k in range(count)),
            *(Parameter(f"p_{k}", "amplitude", variable="n") for k in range(count)),
            *(Parameter(f"q_{k}", "amplitude", variable="n") for k in range(count)),
            Parameter("alpha", "exponent", 1e-3, 4.0, "n"),
            Parameter("beta", "exponent", 1e-3, 4.0, "n"),
        ),
        jet=jet,
        offsets=lambda theta, centre: {
            **{count + k: theta[..., -2] * centre["n"] for k in range(count)},
            **{2 * count + k: -theta[..., -1] * centre["n"] for k in range(count)},
        },
        guesses=guesses,
    )
