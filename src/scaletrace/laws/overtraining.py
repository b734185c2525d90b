"""Tokens per parameter M = D/N beside compute, E + (a M^eta + b M^-eta) C^-eta (Gadre 2024)."""

import numpy as np

from scaletrace.fitting.law import (
    FLOPS_PER_PARAMETER_AND_TOKEN,
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
from scaletrace.fitting.powers import EXPONENT, constant, falling, starting_grid


def _jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates E, log a, log b, eta."""
    ratio, c = logs["d"] - logs["n"], logs["c"]
    return log_sum_exp(
        [
            constant(theta, 0),
            falling(theta, 1, 3, c - ratio),
            falling(theta, 2, 3, c + ratio),
        ],
        4,
    )


def _offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    ratio = centre["d"] - centre["n"]
    return {
        1: theta[..., 3] * (centre["c"] - ratio),
        2: theta[..., 3] * (centre["c"] + ratio),
    }


def _guesses(logs: Logs, log_loss: Array) -> Array:
    grid = starting_grid(log_loss, [(0.05,), (0.15,), (0.4,)])
    return np.array(
        [
            (e, rest + np.log(share), rest + np.log1p(-share), eta)
            for e, rest, eta in grid
            for share in (0.2, 0.8)
        ]
    )


def _two_powers(params: Columns) -> TwoPowers:
    """Two powers with C = 6 f N D: M/C = 1/(6 f N^2) and 1/(M C) = 1/(6 f D^2)."""
    eta = params["eta"]
    six = eta * np.log(FLOPS_PER_PARAMETER_AND_TOKEN)
    return TwoPowers(
        floor=params["E"],
        log_a=np.log(params["a"]) - six,
        alpha=2.0 * eta,
        log_b=np.log(params["b"]) - six,
        beta=2.0 * eta,
        outer=np.ones_like(params["E"]),
        compute=eta,
    )


LAW = Law(
    name="overtraining",
    formula="E + (a M^eta + b M^-eta) C^-eta, M = D/N",
    paper="Gadre et al. 2024, arXiv:2403.08540",
    variables=("n", "d", "c"),
    parameters=(
        Parameter("E", "level"),
        Parameter("a", "amplitude"),
        Parameter("b", "amplitude"),
        Parameter("eta", variable="c", **EXPONENT),
    ),
    jet=_jet,
    offsets=_offsets,
    guesses=_guesses,
    two_powers=_two_powers,
)
