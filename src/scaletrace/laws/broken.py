"""A power of N that bends once, a + b N^-c0 (1 + (N/d1)^(1/f1))^(-c1 f1) (Caballero 2022)."""

import numpy as np

from scaletrace.fitting.law import (
    Array,
    Centre,
    Jet,
    Law,
    Logs,
    Parameter,
    Term,
    log_sum_exp,
)
from scaletrace.fitting.powers import constant, starting_grid


def _jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates a, log b, c0, c1, log d1, log f1."""
    x = logs["n"]
    _, b, c0, c1, log_d1, log_f1 = (theta[:, i, None] for i in range(6))
    f1, ones = np.exp(log_f1), np.ones(len(x))
    t = (x - log_d1) / f1
    soft = np.logaddexp(0.0, t)
    step = 1.0 / (1.0 + np.exp(-np.clip(t, -500.0, 500.0)))
    slope = step * (1.0 - step)
    bend = f1 * (soft - step * t)
    term = Term(
        b - c0 * x - c1 * f1 * soft,
        {1: ones, 2: -x, 3: -f1 * soft, 4: c1 * step, 5: -c1 * bend},
        {
            (3, 4): step,
            (3, 5): -bend,
            (4, 4): -c1 * slope / f1,
            (4, 5): -c1 * slope * t,
            (5, 5): -c1 * (bend + f1 * slope * t**2),
        },
    )
    return log_sum_exp([constant(theta, 0), term], 6)


def _offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    return {1: theta[..., 2] * centre["n"], 4: np.array(centre["n"])}


def _guesses(logs: Logs, log_loss: Array) -> Array:
    x = logs["n"]
    breaks = np.quantile(x, [0.3, 0.7])
    return np.array(
        [
            (e, rest, c0, c1, where, np.log(width))
            for e, rest, c0 in starting_grid(log_loss, [(0.1,), (0.4,)])
            for c1 in (-0.3, 0.3)
            for where in breaks
            for width in (0.3, 1.0)
        ]
    )


LAW = Law(
    name="broken",
    formula="a + b N^-c0 (1 + (N/d1)^(1/f1))^(-c1 f1)",
    paper="Caballero et al. 2022, arXiv:2210.14891",
    variables=("n",),
    parameters=(
        Parameter("a", "level"),
        Parameter("b", "amplitude", variable="n"),
        Parameter("c0", "exponent", -1.0, 4.0, "n"),
        Parameter("c1", "exponent", -4.0, 4.0, "n"),
        Parameter("d1", "location", variable="n"),
        Parameter("f1", "scale", 1e-2, 1e2),
    ),
    jet=_jet,
    offsets=_offsets,
    guesses=_guesses,
)
