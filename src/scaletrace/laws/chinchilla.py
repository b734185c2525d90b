"""A sum of powers of N and D, E + A / N^alpha + B / D^beta (Hoffmann et al. 2022)."""

import numpy as np

from scaletrace.fitting.law import (
    Array,
    Centre,
    Columns,
    Jet,
    Law,
    Logs,
    Parameter,
    TwoPowers,
    log_sum_exp,
)
from scaletrace.fitting.powers import EXPONENT, constant, falling, two_power_guesses


def _jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates E, log A, alpha, log B, beta."""
    n, d = logs["n"], logs["d"]
    return log_sum_exp([constant(theta, 0), falling(theta, 1, 2, n), falling(theta, 3, 4, d)], 5)


def _offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    return {1: theta[..., 2] * centre["n"], 3: theta[..., 4] * centre["d"]}


def _two_powers(params: Columns) -> TwoPowers:
    return TwoPowers(
        floor=params["E"],
        log_a=np.log(params["A"]),
        alpha=params["alpha"],
        log_b=np.log(params["B"]),
        beta=params["beta"],
        outer=np.ones_like(params["E"]),
    )


LAW = Law(
    name="chinchilla",
    formula="E + A / N^alpha + B / D^beta",
    paper="Hoffmann et al. 2022, arXiv:2203.15556",
    variables=("n", "d"),
    parameters=(
        Parameter("E", "level"),
        Parameter("A", "amplitude", variable="n"),
        Parameter("alpha", variable="n", **EXPONENT),
        Parameter("B", "amplitude", variable="d"),
        Parameter("beta", variable="d", **EXPONENT),
    ),
    jet=_jet,
    offsets=_offsets,
    guesses=two_power_guesses,
    two_powers=_two_powers,
)
