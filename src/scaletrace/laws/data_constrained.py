"""Repeated data and too large models, E + A / N'^alpha + B / D'^beta (Muennighoff et al. 2023).

N' and D' are what N parameters and D tokens are worth where only U of the tokens are unique: what
is repeated, or larger than U needs, counts for less and less (R_D_star, R_N_star).
"""

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
)
from scaletrace.fitting.powers import constant, two_power_guesses


def _saturation(excess: Array, log_limit: Array) -> tuple[Array, ...]:
    """log(1 + R*(1 - exp(-R/R*))) for R = exp(excess) - 1 repetitions, R* = exp(log_limit).

    Returns the value h and its derivatives h_q, h_r, h_qq, h_qr, h_rr with respect to q = excess
    and r = log_limit; below q = 0 nothing is repeated and h = q.
    """
    limit = np.exp(log_limit)
    q = np.clip(excess, 0.0, 60.0)
    grown = np.exp(q)
    repeats = grown - 1.0
    decay = np.exp(-repeats / limit)
    inner = -limit * np.expm1(-repeats / limit)
    i_q = decay * grown
    i_r = inner - repeats * decay
    i_qq = i_q * (1.0 - grown / limit)
    i_qr = i_q * repeats / limit
    i_rr = i_r - repeats**2 * decay / limit
    whole = 1.0 + inner
    h_q, h_r = i_q / whole, i_r / whole
    single = excess < 0.0
    return (
        np.where(single, excess, np.log(whole)),
        np.where(single, 1.0, h_q),
        np.where(single, 0.0, h_r),
        np.where(single, 0.0, i_qq / whole - h_q**2),
        np.where(single, 0.0, i_qr / whole - h_q * h_r),
        np.where(single, 0.0, i_rr / whole - h_r**2),
    )


def _jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates E, log A, alpha, log B, beta, log R_D*, log R_N*.

    U_N, the N for which the unique tokens are compute-optimal, follows from A, alpha, B, beta:
    log U_N = (log(alpha A / (beta B)) + beta log U_D) / alpha.
    """
    n, d, u = logs["n"], logs["d"], logs["u"]
    _, a, alpha, b, beta, log_rd, log_rn = (theta[:, i, None] for i in range(7))
    ones = np.ones(len(n))

    h, _, h_r, _, _, h_rr = _saturation(d - u, log_rd)
    log_d = u + h
    tokens = Term(
        b - beta * log_d,
        {3: ones, 4: -log_d, 5: -beta * h_r},
        {(4, 5): -h_r, (5, 5): -beta * h_rr},
    )

    un = (np.log(alpha) - np.log(beta) + a - b + beta * u) / alpha
    un_first = {
        1: ones / alpha,
        2: (1.0 / alpha - un) / alpha,
        3: -ones / alpha,
        4: (u - 1.0 / beta) / alpha,
    }
    un_second = {
        (1, 2): -ones / alpha**2,
        (2, 2): -ones / alpha**3 - 2.0 * un_first[2] / alpha,
        (2, 3): ones / alpha**2,
        (2, 4): -un_first[4] / alpha,
        (4, 4): ones / (alpha * beta**2),
    }
    h, h_q, h_r, h_qq, h_qr, h_rr = _saturation(n - un, log_rn)
    log_n = un + h
    # First and second derivatives of log N' by the chain rule through U_N.
    first = {i: (1.0 - h_q) * du for i, du in un_first.items()}
    first[6] = h_r
    second = {
        (i, j): (1.0 - h_q) * un_second.get((i, j), 0.0) + h_qq * un_first[i] * un_first[j]
        for i in un_first
        for j in un_first
        if i <= j
    }
    second |= {(i, 6): -h_qr * du for i, du in un_first.items()}
    second[6, 6] = h_rr
    # z = log A - alpha log N': alpha also multiplies.
    z_first = {i: -alpha * value for i, value in first.items()}
    z_first[1] = z_first[1] + 1.0
    z_first[2] = z_first[2] - log_n
    z_second = {pair: -alpha * value for pair, value in second.items()}
    for i, value in first.items():
        pair = (min(i, 2), max(i, 2))
        z_second[pair] = z_second[pair] - value * (2.0 if i == 2 else 1.0)
    model = Term(a - alpha * log_n, z_first, z_second)
    return log_sum_exp([constant(theta, 0), model, tokens], 7)


def _offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    return {1: theta[..., 2] * centre["n"], 3: theta[..., 4] * centre["d"]}


def _guesses(logs: Logs, log_loss: Array) -> Array:
    rows = two_power_guesses(logs, log_loss)
    limits = [(np.log(rd), np.log(rn)) for rd in (3.0, 20.0) for rn in (3.0, 20.0)]
    return np.array([(*row, *limit) for row in rows for limit in limits])


def _two_powers(params: Columns) -> TwoPowers:
    """Two powers at the optimum, where nothing is repeated.

    Where a token costs other than 6 N, they are those of N itself, larger than U_N though it be.
    """
    return TwoPowers(
        floor=params["E"],
        log_a=np.log(params["A"]),
        alpha=params["alpha"],
        log_b=np.log(params["B"]),
        beta=params["beta"],
        outer=np.ones_like(params["E"]),
    )


LAW = Law(
    name="data_constrained",
    formula="E + A / N'^alpha + B / D'^beta",
    paper="Muennighoff et al. 2023, arXiv:2305.16264",
    variables=("n", "d", "u"),
    parameters=(
        Parameter("E", "level"),
        Parameter("A", "amplitude", variable="n"),
        Parameter("alpha", "exponent", 1e-3, 4.0, "n"),
        Parameter("B", "amplitude", variable="d"),
        Parameter("beta", "exponent", 1e-3, 4.0, "d"),
        Parameter("R_D_star", "scale", 1e-2, 1e5),
        Parameter("R_N_star", "scale", 1e-2, 1e5),
    ),
    jet=_jet,
    offsets=_offsets,
    guesses=_guesses,
    two_powers=_two_powers,
    counted_like={"u": "d"},
    may_be_constant=("u",),
)
