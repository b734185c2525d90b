"""How well the law of the smaller scales predicts the larger: the test that matters."""

from typing import Any

import numpy as np

from scaletrace.fitting.design import ALIKE, alike
from scaletrace.fitting.fit import Observations, explore, starting_points
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import problem_of

STEPS = 3  # the largest scales held out in turn


def rolling(
    observations: Observations, law: Law, objective: Objective, fixed: dict[str, float]
) -> dict[str, Any]:
    """Fit below each of the largest values of N (of D or C where N is not known), predict at it.

    Each fit starts afresh from the law's own starts. Returns {"variable", "steps": [{"at",
    "fitted_on", "largest_fitted", "observed", "predicted", "relative_error"}, …], largest scale
    first, "rms_relative_error", "largest_relative_error"}; steps is empty where too few scales
    remain. Errors are means over the runs at that scale of predicted / observed - 1, by logs.
    """
    if law.along is not None:  # the points of a curve are no scales
        return _summary(law.along, [])
    variable = next(v for v in ("n", "d", "c") if v in observations.variables)
    x = observations.variables[variable]
    scales = _scales(x)
    problem = problem_of(law, observations.variables, observations.loss, objective, fixed)
    starts = starting_points(problem, fixed)
    free = int(problem.free.sum())
    held = []
    for at in scales[::-1][:STEPS]:
        below = x < at * (1.0 - ALIKE)
        if below.sum() > free and len(_scales(x[below])) >= min(3, free):
            held.append((at, below))
    steps = []
    if held:
        weights = np.stack([below * observations.weights for _, below in held])
        minimum = explore(problem, starts, weights)
        values = np.where(minimum.converged, minimum.value, np.inf)
        values = values.reshape(len(held), len(starts))
        for row, (at, below) in enumerate(held):
            if not np.isfinite(values[row].min()):
                continue
            theta = minimum.theta[row * len(starts) + int(values[row].argmin())]
            here = np.abs(np.log(x / at)) <= ALIKE
            predicted = law.jet(theta[None], problem.logs).value[0][here]
            observed = problem.log_loss[here]
            steps.append(
                {
                    "at": float(at),
                    "fitted_on": int(below.sum()),
                    "largest_fitted": float(x[below].max()),
                    "observed": float(np.exp(observed.mean())),
                    "predicted": float(np.exp(predicted.mean())),
                    "relative_error": float(np.expm1((predicted - observed).mean())),
                }
            )
    return _summary(variable, steps)


def _summary(variable: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    errors = np.array([step["relative_error"] for step in steps])
    return {
        "variable": variable,
        "steps": steps,
        "largest_relative_error": float(errors[0]) if len(errors) else None,
        "rms_relative_error": float(np.sqrt((errors**2).mean())) if len(errors) else None,
    }


def _scales(values: Array) -> Array:
    """Distinct values, ascending, those within 0.1 % counted once."""
    ordered = np.sort(values)
    return ordered[np.unique(alike(ordered), return_index=True)[1]]
