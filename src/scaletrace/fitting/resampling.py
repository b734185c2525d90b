"""Bootstrap resamples as observation weights, so that they advance together in the solver.

What is resampled says what is assumed to be independent: single observations, whole clusters
(everything trained at one size shares its noise), or seeds within a size (the sizes are as given).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting import progress
from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import (
    FittedLaw,
    Observations,
    each_under_each,
    first_steps,
    starting_points,
    without_level,
)
from scaletrace.fitting.law import Array
from scaletrace.fitting.solver import AGREEMENT, CELLS, EXACT, minimise

WHAT = "resampling"
ASSUMES = {
    "observation": "noise is independent from run to run",
    "cluster": "noise is independent from cluster to cluster; runs of one cluster may share it",
    "seed": "noise is independent from seed to seed; the sizes stay as they are",
}


def counts(observations: Observations, unit: str, resamples: int, seed: int) -> NDArray[np.uint16]:
    """Draw how often each observation occurs in each resample: (resamples, n).

    Raises:
        DesignError: unit is `seed` and no size has two seeds.
    """
    random = np.random.default_rng(seed)
    if unit == "observation":
        groups = np.arange(len(observations))
        return _draw(random, len(observations), resamples)[:, groups]
    if unit == "cluster":
        members = _codes(observations.cluster)
        return _draw(random, members.max() + 1, resamples)[:, members]
    result = np.ones((resamples, len(observations)), dtype=np.uint16)
    several = False
    for cluster in np.unique(observations.cluster):
        inside = observations.cluster == cluster
        members = _codes(observations.seed[inside])
        several |= members.max() > 0
        result[:, inside] = _draw(random, members.max() + 1, resamples)[:, members]
    if not several:
        raise DesignError("resampling seeds needs a size with two or more seeds")
    return result


def refit(fitted: FittedLaw, resampled: NDArray[np.uint16]) -> tuple[Array, int]:
    """Refit every resample (B, n). Return theta (converged, p) and how many have no minimum.

    Each starts from the fit; where that leads nowhere, from there without a level, and at last
    from all of the law's own starts. Of very many observations one Newton step is the refit: the
    next ones would move it by a thirtieth of its spread.
    """
    theta, converged = np.empty((len(resampled), len(fitted.theta))), np.zeros(len(resampled), bool)
    if resampled.shape[1] > CELLS:
        problem, steps = fitted.problem, first_steps(fitted)
        moved = np.empty((len(resampled), len(fitted.theta)))
        for place, draw in enumerate(resampled):
            progress.report(WHAT, place, len(resampled))
            moved[place] = (draw - 1.0) @ steps
        return np.clip(fitted.theta - moved, problem.low, problem.high), 0
    rows = max(1, CELLS // resampled.shape[1])
    for first in range(0, len(resampled), rows):
        progress.report(WHAT, first, len(resampled))
        part = np.arange(first, min(first + rows, len(resampled)))
        weights = resampled[part] * fitted.weights
        starts = np.broadcast_to(fitted.theta, (len(weights), len(fitted.theta)))
        reached = minimise(fitted.problem, starts, weights, near=True)
        theta[part], converged[part] = reached.theta, reached.converged
        lost = np.flatnonzero(~reached.converged)
        if not len(lost):
            continue
        level_gone = without_level(fitted.problem, reached.theta[lost], weights[lost])
        sound = level_gone.converged & (level_gone.value <= reached.value[lost])
        theta[part[lost[sound]]] = level_gone.theta[sound]
        converged[part[lost[sound]]] = True
        if not sound.all():
            rest = lost[~sound]
            theta[part[rest]], converged[part[rest]] = _afresh(fitted, weights[rest])
    return theta[converged], int((~converged).sum())


def _afresh(fitted: FittedLaw, weights: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Lowest point (B, p) that any start reaches under weights (B, n), and whether a minimum."""
    problem = fitted.problem
    starts = starting_points(problem, {})
    starts[:, ~problem.free] = fitted.theta[~problem.free]
    batch, count = len(weights), len(starts)
    every = each_under_each(starts, weights)
    minima = minimise(problem, *every), without_level(problem, *every)

    def by_resample(values: list[Array] | list[NDArray[np.bool_]]) -> NDArray[Any]:
        """Return values of both searches, (B, 2 S, …)."""
        return np.concatenate([v.reshape(batch, count, *v.shape[1:]) for v in values], axis=1)

    value = by_resample([minimum.value for minimum in minima])
    lowest = value.min(axis=1, keepdims=True)
    near = value <= lowest * (1.0 + AGREEMENT) + weights.shape[1] * EXACT**2
    sound = near & by_resample([minimum.converged for minimum in minima])
    best = np.where(sound, value, value + np.ptp(value) + 1.0).argmin(axis=1)
    theta = by_resample([minimum.theta for minimum in minima])
    return theta[np.arange(batch), best], sound.any(axis=1)


def _draw(random: np.random.Generator, groups: int, resamples: int) -> NDArray[np.uint16]:
    result = np.empty((resamples, groups), dtype=np.uint16)  # of many observations there are many
    for row in result:
        row[:] = np.bincount(random.integers(groups, size=groups), minlength=groups)
    return result


def _codes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1]
