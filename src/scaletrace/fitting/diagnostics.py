"""What a careful reader would ask of a fit, answered as data: code, cause and remedy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from scaletrace.fitting.allocation import optimal, trades_off
from scaletrace.fitting.fit import FittedLaw, Observations, first_steps
from scaletrace.fitting.intervals import IDENTIFIED
from scaletrace.fitting.solver import minimise
from scaletrace.fitting.token_cost import TokenCost

Warnings = list[dict[str, str]]
UNLIKELY = 0.01  # probability at which shared noise counts as seen
MANY_FAILED = 0.05
LEFT_OUT = 200  # observations up to which each is left out in turn
MOST_MOVING = 5  # of more, so many for each exponent


def warning(code: str, message: str, **more: str) -> dict[str, str]:
    """Return one warning: a code for programs, a sentence for people."""
    return {"code": code, "message": message, **more}


def optimisation(fitted: FittedLaw, failed: int, resamples: int) -> Warnings:
    """Warn of parameters on a bound, starts that disagree, resamples that did not converge."""
    warnings = []
    certificate = fitted.certificate
    for name in certificate["on_bound"]:
        warnings.append(
            warning(
                "parameter_on_bound",
                f"{name} ended on its bound, {fitted.params[name]:.3g}: the data do not ask for "
                "its term; use a simpler law, or fix it",
                parameter=name,
            )
        )
    agreeing, starts = certificate["starts_agreeing"], certificate["starts"]
    if agreeing < min(2, starts):
        warnings.append(
            warning(
                "starts_disagree",
                f"{agreeing} of {starts} starts reached the lowest minimum: there may be a lower "
                "one; compare with a simpler law",
            )
        )
    if failed > MANY_FAILED * resamples:
        warnings.append(
            warning(
                "resamples_failed",
                f"{failed} of {resamples} resamples had no minimum and were left out: too few "
                "runs or sizes for this law; add sizes or use a simpler law",
            )
        )
    return warnings


def shared_noise(
    fitted: FittedLaw, cluster: NDArray[np.int64], unit: str
) -> tuple[dict[str, Any], Warnings]:
    """Test whether residuals of one cluster resemble one another, by analysis of variance.

    Returns the intraclass correlation with its p value, and a warning if it is significant.
    """
    labels = np.unique(cluster, return_inverse=True)[1]
    sizes = np.bincount(labels)
    groups, count = len(sizes), len(labels)
    if groups < 2 or count - groups < 2:
        return {"intraclass_correlation": None, "p": None}, []
    # Clipped, so that single far points do not decide.
    residuals = fitted.log_residuals
    scale = 1.4826 * np.median(np.abs(residuals)) + np.finfo(float).tiny
    residuals = np.clip(residuals / scale, -3.0, 3.0)
    means = np.bincount(labels, residuals) / sizes
    between = float((sizes * (means - residuals.mean()) ** 2).sum() / (groups - 1))
    within = float(((residuals - means[labels]) ** 2).sum() / (count - groups))
    typical = (count - (sizes**2).sum() / count) / (groups - 1)
    correlation = (between - within) / max(between + (typical - 1.0) * within, 1e-300)
    p = float(fdtrc(groups - 1, count - groups, between / max(within, 1e-300)))
    figures = {"intraclass_correlation": correlation, "p": p}
    if p >= UNLIKELY:
        return figures, []
    what = f"residuals correlate by {correlation:.2f} within a cluster (p = {p:.1g}): "
    if unit == "cluster":
        what += "the cluster bootstrap allows for it; a law that bends otherwise may remove it"
    else:
        what += f"resampling single {unit}s gives too narrow intervals; resample clusters"
    return figures, [warning("correlated_residuals", what)]


def widened_by(correlation: Mapping[str, float | None], cluster: NDArray[np.int64]) -> float:
    """Factor by which noise that runs of one cluster share widens variances, where it is seen.

    1 + (m - 1) r, with m runs in a cluster and intraclass correlation r (Kish 1965).
    """
    p, shared = correlation["p"], correlation["intraclass_correlation"]
    if p is None or shared is None or p >= UNLIKELY:
        return 1.0
    sizes = np.bincount(np.unique(cluster, return_inverse=True)[1])
    return 1.0 + (float((sizes**2).sum() / sizes.sum()) - 1.0) * max(shared, 0.0)


def influence(
    fitted: FittedLaw, errors: Mapping[str, float | None], names: list[str]
) -> tuple[dict[str, Any], Warnings]:
    """Refit without each observation in turn; warn where an exponent moves by more than its error.

    Of many observations only those are left out that one Newton step says move an exponent most.
    errors: standard error by parameter, or None. names: of the observations, for the message.
    """
    count = len(fitted.problem.log_loss)
    if count - 1 <= fitted.problem.free.sum():
        return {}, []
    exponents = [
        index
        for index, parameter in enumerate(fitted.law.parameters)
        if parameter.kind == "exponent" and fitted.problem.free[index]
    ]
    if not exponents:
        return {}, []
    rows = _most_influential(fitted, exponents)
    weights = np.broadcast_to(fitted.weights, (len(rows), count)).copy()
    weights[np.arange(len(rows)), rows] = 0.0
    starts = np.broadcast_to(fitted.theta, (len(rows), len(fitted.theta)))
    minimum = minimise(fitted.problem, starts, weights, near=True)
    moves = np.where(minimum.converged[:, None], minimum.theta - fitted.theta, 0.0)
    figures, warnings = {}, []
    for index in exponents:
        parameter = fitted.law.parameters[index]
        worst = int(np.argmax(np.abs(moves[:, index])))
        move, error = float(moves[worst, index]), errors.get(parameter.name)
        name = names[rows[worst]]
        figures[parameter.name] = {"observation": name, "move": move}
        if error and abs(move) > error:
            warnings.append(
                warning(
                    "influential_point",
                    f"without {name}, {parameter.name} moves by {move:+.3g}, more than "
                    f"its standard error {error:.2g}: check that run, and show the fit without it",
                    parameter=parameter.name,
                )
            )
    return figures, warnings


def _most_influential(fitted: FittedLaw, exponents: list[int]) -> NDArray[np.int64]:
    """Observations to leave out: all of few; of many those whose first step moves most."""
    count = len(fitted.problem.log_loss)
    if count <= LEFT_OUT:
        return np.arange(count)
    steps = np.abs(first_steps(fitted))
    largest = [np.argsort(steps[:, index])[-MOST_MOVING:] for index in exponents]
    return np.unique(np.concatenate(largest))


def optimum(
    fitted: FittedLaw, observations: Observations, cost: TokenCost
) -> tuple[dict[str, Any], Warnings]:
    """Warn where the compute-optimal D/N at the largest budget lies outside the measured D/N.

    The budget is in the convention of `cost`; `flops_6nd` is 6 N D of the optimum.
    """
    if not trades_off(fitted.law):
        return {}, []
    n, d = observations.variables["n"], observations.variables["d"]
    flops = float(cost.flops(n, d).max())
    params = np.array([list(fitted.params.values())])
    best = {name: float(q(params)[0]) for name, q in optimal(fitted.law, flops, cost).items()}
    ratio = best["D_opt"] / best["N_opt"]
    low, high = float((d / n).min()), float((d / n).max())
    figures = {
        "flops": flops,
        "flop_convention": cost.convention,
        "flops_6nd": 6.0 * best["N_opt"] * best["D_opt"],
        **best,
        "measured_d_over_n": [low, high],
    }
    if not np.isfinite(ratio) or low <= ratio <= high:
        return figures, []
    side = "above" if ratio > high else "below"
    return figures, [
        warning(
            "optimum_outside_range",
            f"at the largest budget the optimal D/N is {ratio:.3g}, {side} every measured D/N "
            f"({low:.3g} to {high:.3g}): the optimum is extrapolated; train runs on both sides",
        )
    ]


def weakly_identified(intervals: Mapping[str, Mapping[str, Any]]) -> Warnings:
    """Say of each weakly identified quantity which range the data allow."""
    warnings = []
    for name, interval in intervals.items():
        if interval["verdict"] == IDENTIFIED:
            continue
        low, high = interval["low"], interval["high"]
        if low is None and high is None:
            ends = "any value"
        elif high is None:
            ends = f"anything above {low:.3g}"
        elif low is None:
            ends = f"anything below {high:.3g}"
        else:
            ends = f"{low:.3g} to {high:.3g}"
        warnings.append(
            warning(
                "weakly_identified",
                f"{name} is weakly identified: the data allow {ends}; widen the range of the "
                f"design, add runs, or fix a parameter that is known",
                parameter=name,
            )
        )
    return warnings
