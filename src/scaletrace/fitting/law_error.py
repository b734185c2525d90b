"""How far a law errs beyond the scales that it was fitted to, learnt from the scales at hand.

The law is fitted below a few scales in turn, and asked about the runs above. What its errors there
exceed the uncertainty of its parameters and the noise of runs by is the law's own: it is taken to
grow with the distance outward in log scale, at a rate that is drawn anew for each step outward.
This is the idea of rolling-origin validation (Tashman 2000) with the distance taken into account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.design import distinct
from scaletrace.fitting.fit import FittedLaw, Observations, explore, starting_points
from scaletrace.fitting.law import FLOPS_PER_PARAMETER_AND_TOKEN, Array, Law, logs_of
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import problem_of

SHARES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the runs, below which the law is fitted
FEWEST_SCALES = 3
# What is assumed before anything is seen: a relative error for each e-fold of scale, and the
# number of steps that it counts for.
ASSUMED, WORTH = 1e-3, 1.0


@dataclass(frozen=True)
class LawError:
    """Error of log loss for each e-fold outward: its scale, and from how many steps it is known."""

    rate: float
    steps: float


def learn(
    observations: Observations, law: Law, objective: Objective, fixed: Mapping[str, float]
) -> LawError:
    """Fit below some scales, predict above, and return what the errors leave unexplained."""
    scale = scale_of(observations.variables)
    bounds = (np.quantile(scale, share, method="lower") * (1.0 + 1e-9) for share in SHARES)
    parts = [scale <= bound for bound in dict.fromkeys(bounds)]
    parts = [below for below in parts if _tells(law, len(fixed), observations, scale, below)]
    subs = _lowest(observations, law, objective, fixed, parts) if parts else []
    rates = [
        _rate(sub, observations.take(below), observations.take(~below))
        for sub, below in zip(subs, parts, strict=True)
        if np.isfinite(sub.value)
    ]
    if not rates:
        return LawError(ASSUMED, WORTH)
    rate, variance = np.array(rates).T
    weights = 1.0 / (variance + ASSUMED**2)
    excess = float((weights * (rate**2 - variance)).sum() / weights.sum())
    # A step whose uncertainty hides the law's error says little of it.
    worth = float((weights / weights.max()).sum())
    pooled = (worth * max(excess, 0.0) + WORTH * ASSUMED**2) / (worth + WORTH)
    return LawError(float(np.sqrt(pooled)), worth + WORTH)


def scale_of(variables: Mapping[str, Array]) -> Array:
    """Return what runs are ordered by: 6 N D where both are known, else the variable itself."""
    if {"n", "d"} <= set(variables):
        return FLOPS_PER_PARAMETER_AND_TOKEN * variables["n"] * variables["d"]
    return np.asarray(next(variables[v] for v in ("c", "n", "d", "s1") if v in variables))


def distance(inside: Mapping[str, Array], points: Mapping[str, Array]) -> Array:
    """E-folds (m,) by which points, each (m,), lie beyond runs, in variables or scale: the most."""
    inside = {**inside, "scale": scale_of(inside)}
    points = {**points, "scale": scale_of(points)}
    # An annealing area may be zero, and has no scale.
    shared = [name for name in inside if name in points and inside[name].min() > 0.0]
    beyond = [
        np.maximum(
            np.log(points[name] / inside[name].max()), np.log(inside[name].min() / points[name])
        )
        for name in shared
    ]
    return np.maximum(np.max(beyond, axis=0), 0.0)


def log_gradient(fitted: FittedLaw, points: Mapping[str, Array]) -> tuple[Array, Array]:
    """Log loss (m,) at points and its derivatives (m, p) by coordinate."""
    law, centre = fitted.law, fitted.problem.centre
    logs = {name: logs_of(points[name]) - centre[name] for name in law.variables}
    jet = law.jet(fitted.theta[None], logs)
    return jet.value[0], jet.gradient[0].T


def covariance(fitted: FittedLaw, noise: float) -> Array:
    """Covariance (p, p) of the coordinates for independent Gaussian noise of log loss."""
    jet = fitted.law.jet(fitted.theta[None], fitted.problem.logs)
    free = fitted.problem.free
    slopes = jet.gradient[0][free] * np.sqrt(fitted.weights)
    result = np.zeros((len(free), len(free)))
    inverse = np.linalg.pinv(slopes @ slopes.T, rcond=1e-12, hermitian=True)
    result[np.ix_(free, free)] = noise**2 * inverse
    return result


def _tells(
    law: Law, fixed: int, observations: Observations, scale: Array, below: NDArray[np.bool_]
) -> bool:
    """Whether the law can be fitted to the runs below, and asked about others."""
    inside = observations.take(below)
    return (
        not below.all()
        and len(inside) >= len(law.names) - fixed + 2
        and distinct(scale[below]) >= FEWEST_SCALES
        and all(distinct(inside.variables[v]) >= 2 for v in law.varied)
    )


def _lowest(
    observations: Observations,
    law: Law,
    objective: Objective,
    fixed: Mapping[str, float],
    parts: Sequence[NDArray[np.bool_]],
) -> list[FittedLaw]:
    """Return the law fitted to each part of the observations, all in one batch."""
    problem = problem_of(law, observations.variables, observations.loss, objective, dict(fixed))
    starts = starting_points(problem, fixed)
    minimum = explore(problem, starts, np.stack([part * observations.weights for part in parts]))
    fits = []
    for row, part in enumerate(parts):
        one = minimum.take(slice(row * len(starts), (row + 1) * len(starts)))
        best = int(one.value.argmin())
        weights = observations.weights[part] / observations.weights[part].mean()
        # Its sum was taken with weights whose mean is one over all observations.
        value = float(one.value[best]) * float(part.mean())
        fits.append(FittedLaw(problem.take(part), weights, one.theta[best], value, {}))
    return fits


def _rate(sub: FittedLaw, inside: Observations, outside: Observations) -> tuple[float, float]:
    """Mean error for each e-fold outward, by least squares, and what parameters and noise add."""
    noise, names = sub.noise, sub.law.variables
    far = distance({v: inside.variables[v] for v in names}, outside.variables)
    predicted, slopes = log_gradient(sub, outside.variables)
    errors = np.log(outside.loss) - predicted
    share = far / max(float(far @ far), 1e-300)
    along = share @ slopes
    variance = along @ covariance(sub, noise) @ along + noise**2 * float(share @ share)
    return float(share @ errors), float(variance)
