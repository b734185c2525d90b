"""Bootstrap resamples as observation weights, so that they advance together in the solver.

What is resampled says what is assumed to be independent: single observations, whole clusters
(everything trained at one size shares its noise), or seeds within a size (the sizes are as given).
"""

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import FittedLaw, Observations
from scaletrace.fitting.law import Array
from scaletrace.fitting.solver import minimise

ASSUMES = {
    "observation": "noise is independent from run to run",
    "cluster": "noise is independent from cluster to cluster; runs of one cluster may share it",
    "seed": "noise is independent from seed to seed; the sizes stay as they are",
}


def counts(observations: Observations, unit: str, resamples: int, seed: int) -> Array:
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
    result = np.ones((resamples, len(observations)))
    several = False
    for cluster in np.unique(observations.cluster):
        inside = observations.cluster == cluster
        members = _codes(observations.seed[inside])
        several |= members.max() > 0
        result[:, inside] = _draw(random, members.max() + 1, resamples)[:, members]
    if not several:
        raise DesignError("resampling seeds needs a size with two or more seeds")
    return result


def refit(fitted: FittedLaw, resampled: Array) -> tuple[Array, int]:
    """Refit every resample (B, n) from the fit. Return theta (converged, p) and how many failed."""
    minimum = minimise(
        fitted.problem,
        np.broadcast_to(fitted.theta, (len(resampled), len(fitted.theta))),
        resampled * fitted.weights,
        near=True,
    )
    return minimum.theta[minimum.converged], int((~minimum.converged).sum())


def _draw(random: np.random.Generator, groups: int, resamples: int) -> Array:
    return random.multinomial(groups, np.full(groups, 1.0 / groups), size=resamples).astype(float)


def _codes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1]
