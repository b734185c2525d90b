"""IsoFLOP analysis: the best N of each budget, and how it grows with the budget.

A parabola in log N is biased on curves that are not symmetric, even without noise. Here each
budget has its own (E + p/N^alpha + q N^beta)^gamma: the shape that falling powers of N and of
D = C/(6 N) take at constant C, of Hoffmann's law (gamma 1) as of Kaplan's (E 0), with alpha, beta
and gamma shared by all budgets. How E, p and q depend on the budget is not assumed, so that the
growth of the minima with C remains a finding (compare approach 2 of Hoffmann et al. 2022,
arXiv:2203.15556).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import FittedLaw, Observations, fit
from scaletrace.fitting.law import Array, Jet, Law, Logs, Parameter, Term, log_sum_exp, power
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.profiles import noise_scale
from scaletrace.fitting.solver import NotConvergedError, minimise, problem_of

SAME_BUDGET = 0.02  # budgets this close (relative) are one
SAMPLES = 41  # of a budget's curve, for drawing
FEWEST = 5  # runs at a budget, for its three own parameters to be fitted


CLEAR = 10.0  # difference of BIC that counts as very strong evidence (Kass and Raftery 1995)
AT_MOST = 200  # resamples, for each refits every budget


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
    """Minima per budget, and N_opt ~ C^a, D_opt ~ C^b with intervals.

    Needs variables n, d, c. Minima outside the measured N of their budget are reported and left
    out of the power laws. Resamples add fresh Gaussian noise of the fit's own size to its
    predictions: drawing among the few runs of a budget would leave minima without neighbours.

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
    fitted = _fit(data, law, objective)
    log_n, log_c = np.log(data.variables["n"]), np.log(data.variables["c"])
    centres = np.bincount(codes, log_c) / np.bincount(codes)
    area = np.bincount(codes, log_n + np.log(data.variables["d"])) / np.bincount(codes)
    minima = _minima(fitted, fitted.theta[None])[0]
    low = np.array([log_n[codes == k].min() for k in range(count)])
    high = np.array([log_n[codes == k].max() for k in range(count)])
    inside = (minima > low) & (minima < high)
    if inside.sum() < 3:
        raise DesignError("fewer than 3 budgets have their minimum inside the measured range of N")
    random, resamples = np.random.default_rng(seed), min(resamples, AT_MOST)
    noise = noise_scale(fitted) * random.normal(size=(resamples, len(data)))
    observed = fitted.problem.log_loss - fitted.log_residuals + noise
    starts = np.broadcast_to(fitted.theta, (resamples, len(fitted.theta)))
    refits = minimise(fitted.problem, starts, fitted.weights[None], observed, near=True)
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
            "method": "bootstrap with Gaussian noise",
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
            **_drawn(fitted, data.take(codes == k), k, minima[k]),
        }
        for k in range(count)
    ]
    return {
        "budgets": rows,
        "a": interval(float(a), growth(draws)),
        "b": interval(float(b), growth(area - draws)),
        "resamples": resamples,
        "resamples_failed": int((~refits.converged).sum()),
    }


def _drawn(fitted: FittedLaw, own: Observations, budget: int, minimum: float) -> dict[str, Any]:
    """Return the loss at a budget's minimum, its own runs, and its curve through them."""
    log_n = np.log(own.variables["n"])
    ends = min(log_n.min(), minimum), max(log_n.max(), minimum)
    grid = np.append(np.linspace(*ends, SAMPLES), minimum)
    law = _shape(np.full(len(grid), budget), (len(fitted.theta) - 3) // 3)
    logs = {"n": grid - fitted.problem.centre["n"]}
    losses = np.exp(law.jet(fitted.theta[None], logs).value[0]).tolist()
    return {
        "loss_opt": losses.pop(),
        "curve": {"n": np.exp(grid[:-1]).tolist(), "loss": losses},
        "measured": {"n": own.variables["n"].tolist(), "loss": own.loss.tolist()},
    }


def _fit(data: Observations, law: Law, objective: Objective) -> FittedLaw:
    """Fit with gamma held at 1, or free where that explains the losses better by BIC."""
    plain = fit(data, law, objective, {"gamma": 1.0})
    problem = problem_of(law, data.variables, data.loss, objective)
    starts = np.concatenate([law.guesses(problem.logs, problem.log_loss), plain.theta[None]])
    starts[:, -1] = np.linspace(-2.0, 0.5, len(starts))
    try:
        bent = fit(data, law, objective, starts=starts)
    except NotConvergedError:
        return plain
    squares = [max(float((f.log_residuals**2).sum()), 1e-300) for f in (plain, bent)]
    better = len(data) * np.log(squares[0] / squares[1])
    return bent if better > CLEAR + np.log(len(data)) else plain


def _minima(fitted: FittedLaw, theta: Array) -> Array:
    """Log N at the minimum of each budget (B, budgets): alpha p N^-alpha = beta q N^beta."""
    count = (theta.shape[1] - 3) // 3
    p, q = theta[:, count : 2 * count], theta[:, 2 * count : 3 * count]
    alpha, beta = theta[:, -3, None], theta[:, -2, None]
    return fitted.problem.centre["n"] + (np.log(alpha) + p - np.log(beta) - q) / (alpha + beta)


def _shape(codes: NDArray[np.int64], count: int) -> Law:
    """Law of one study: coordinates log E, log p, log q per budget, alpha, beta, log gamma."""
    size = 3 * count + 3
    member = [(codes == k).astype(float) for k in range(count)]

    def jet(theta: Array, logs: Logs) -> Jet:
        n = logs["n"]
        own = theta[:, codes], theta[:, count + codes], theta[:, 2 * count + codes]
        falling = dict(enumerate(member, start=count)) | {size - 3: -n}
        rising = dict(enumerate(member, start=2 * count)) | {size - 2: n}
        inner = log_sum_exp(
            [
                Term(own[0], dict(enumerate(member))),
                Term(own[1] - theta[:, -3, None] * n, falling),
                Term(own[2] + theta[:, -2, None] * n, rising),
            ],
            size,
        )
        return power(inner, np.exp(theta[:, -1, None]), size - 1, logarithmic=True)

    def guesses(logs: Logs, log_loss: Array) -> Array:
        del logs
        lowest = np.array([log_loss[codes == k].min() for k in range(count)])
        rows = []
        for share in (0.5, 0.9):
            level = lowest + np.log(share)
            rest = lowest + np.log((1.0 - share) / 2.0)
            for alpha in (0.15, 0.4, 0.8):
                for beta in (0.15, 0.4, 0.8):
                    rows.append([*level, *rest, *rest, alpha, beta, 0.0])
        return np.array(rows)

    return Law(
        name="isoflop",
        formula="(E_C + p_C / N^alpha + q_C N^beta)^gamma",
        paper="compare Hoffmann et al. 2022, arXiv:2203.15556, approach 2",
        variables=("n",),
        parameters=(
            *(Parameter(f"E_{k}", "amplitude") for k in range(count)),
            *(Parameter(f"p_{k}", "amplitude", variable="n") for k in range(count)),
            *(Parameter(f"q_{k}", "amplitude", variable="n") for k in range(count)),
            Parameter("alpha", "exponent", 1e-3, 4.0, "n"),
            Parameter("beta", "exponent", 1e-3, 4.0, "n"),
            Parameter("gamma", "scale", 1e-2, 1e1),
        ),
        jet=jet,
        offsets=lambda theta, centre: {
            **{count + k: theta[..., -3] * centre["n"] for k in range(count)},
            **{2 * count + k: -theta[..., -2] * centre["n"] for k in range(count)},
        },
        guesses=guesses,
    )
