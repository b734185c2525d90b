"""A fitted law sampled for drawing: predicted loss with a pointwise band, from the draws."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scaletrace.fitting.fit import FittedLaw, Observations
from scaletrace.fitting.law import Array

POINTS = 100
BEYOND = 1.5  # a curve ends this factor above the largest observed value
SERIES = 40  # curves at most for one variable held: more cannot be told apart


def curve(
    fitted: FittedLaw,
    draws: Array,
    observations: Observations,
    columns: Mapping[str, str],
    tail: float,
) -> dict[str, Any]:
    """Sample the law between the smallest and 1.5 x the largest value of its variables.

    One variable: {"x_column", "x", "loss", "low", "high"}. N and D: {"against_n", "against_d"},
    each {"x_column", "held_column", "series": [{"held", "x", "loss", "low", "high"}, …]} with a
    series per distinct value of the variable held. Laws in other variables: {}.
    draws: coordinates (B, p) of the resamples; tail: per cent outside the band on either side.
    """
    variables = fitted.law.variables
    if len(variables) == 1:
        (x,) = variables
        grid = _grid(observations.variables[x])
        band = _band(fitted, draws, {x: grid}, tail)
        return {"x_column": columns[x], "x": grid.tolist(), **band}
    if variables != ("n", "d"):
        return {}
    return {
        f"against_{x}": {
            "x_column": columns[x],
            "held_column": columns[held],
            "series": [
                {"held": float(value), "x": grid.tolist(), **band}
                for grid in [_grid(observations.variables[x])]
                for value in _distinct(observations.variables[held])
                for band in [_band(fitted, draws, {x: grid, held: np.full(POINTS, value)}, tail)]
            ],
        }
        for x, held in (("n", "d"), ("d", "n"))
    }


def log_predictions(fitted: FittedLaw, draws: Array, variables: Mapping[str, Array]) -> Array:
    """Log loss (B, m) of coordinates (B, p) at natural values of the variables, each (m,)."""
    centre = fitted.problem.centre
    logs = {name: np.log(variables[name]) - centre[name] for name in fitted.law.variables}
    return fitted.law.jet(draws, logs).value


def _band(
    fitted: FittedLaw, draws: Array, variables: Mapping[str, Array], tail: float
) -> dict[str, list[float]]:
    loss = np.exp(log_predictions(fitted, fitted.theta[None], variables)[0])
    if not len(draws):
        return {"loss": loss.tolist(), "low": loss.tolist(), "high": loss.tolist()}
    spread = np.exp(log_predictions(fitted, draws, variables))
    low, high = np.percentile(spread, [tail, 100.0 - tail], axis=0)
    return {"loss": loss.tolist(), "low": low.tolist(), "high": high.tolist()}


def _grid(values: Array) -> Array:
    return np.geomspace(values.min(), BEYOND * values.max(), POINTS)


def _distinct(values: Array) -> list[float]:
    """Distinct values; of very many, evenly spaced ones."""
    distinct = np.unique(values)
    if len(distinct) > SERIES:
        distinct = distinct[np.linspace(0, len(distinct) - 1, SERIES).round().astype(int)]
    return distinct.tolist()
