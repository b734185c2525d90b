"""Powers of N and D that act together, ((Nc/N)^(alpha_n/alpha_d) + Dc/D)^alpha_d (Kaplan 2020)."""

import numpy as np

from scaletrace.fitting.law import (
    Array,
    Centre,
    Columns,
    Jet,
    Law,
    Logs,
    Parameter,
    Term,
    TwoPowers,
    log_sum_exp,
    power,
)


def _jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates log Nc, alpha_n, log Dc, alpha_d."""
    log_nc, alpha_n, log_dc, alpha_d = (theta[:, i, None] for i in range(4))
    gap, ones = log_nc - logs["n"], np.ones(len(logs["n"]))
    ratio = alpha_n / alpha_d
    model = Term(
        ratio * gap,
        {0: ratio * ones, 1: gap / alpha_d, 3: -ratio * gap / alpha_d},
        {
            (0, 1): ones / alpha_d,
            (0, 3): -ratio / alpha_d * ones,
            (1, 3): -gap / alpha_d**2,
            (3, 3): 2.0 * ratio * gap / alpha_d**2,
        },
    )
    data = Term(log_dc - logs["d"], {2: ones})
    return power(log_sum_exp([model, data], 4), alpha_d, 3, logarithmic=False)


def _offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    del theta
    return {0: np.array(centre["n"]), 2: np.array(centre["d"])}


def _guesses(logs: Logs, log_loss: Array) -> Array:
    del logs
    middle = np.median(log_loss) - 0.35
    return np.array(
        [(middle / a, a, middle / b, b) for a in (0.05, 0.12, 0.3, 0.6) for b in (0.05, 0.12, 0.3)]
    )


def _two_powers(params: Columns) -> TwoPowers:
    exponent = params["alpha_n"] / params["alpha_d"]
    one = np.ones_like(exponent)
    return TwoPowers(
        floor=0.0 * one,
        log_a=exponent * np.log(params["Nc"]),
        alpha=exponent,
        log_b=np.log(params["Dc"]),
        beta=one,
        outer=params["alpha_d"],
    )


LAW = Law(
    name="kaplan",
    formula="((Nc/N)^(alpha_n/alpha_d) + Dc/D)^alpha_d",
    paper="Kaplan et al. 2020, arXiv:2001.08361",
    variables=("n", "d"),
    parameters=(
        Parameter("Nc", "location", variable="n"),
        Parameter("alpha_n", "exponent", 1e-3, 4.0, "n"),
        Parameter("Dc", "location", variable="d"),
        Parameter("alpha_d", "exponent", 1e-3, 4.0, "d"),
    ),
    jet=_jet,
    offsets=_offsets,
    guesses=_guesses,
    two_powers=_two_powers,
)
