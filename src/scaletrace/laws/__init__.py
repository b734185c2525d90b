"""The parametric laws, each declared once: parameters, prediction, derivatives, starts, paper."""

from collections.abc import Mapping

import numpy as np

from scaletrace.fitting.law import (
    VARIABLES,
    Array,
    Centre,
    Jet,
    Law,
    Logs,
    Parameter,
    Term,
    log_sum_exp,
    power,
)


def _constant(theta: Array, index: int, count: int) -> Term:
    """E: the term that no scale removes."""
    return Term(
        np.broadcast_to(theta[:, index, None], (len(theta), count)), {index: np.ones(count)}
    )


def _power(theta: Array, amplitude: int, exponent: int, x: Array) -> Term:
    """A x^-alpha as log A - alpha log x."""
    value = theta[:, amplitude, None] - theta[:, exponent, None] * x
    return Term(value, {amplitude: np.ones(len(x)), exponent: -x})


def _starting_grid(log_loss: Array, exponents: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Rows (log E, log rest, *exponents): E at two shares of the lowest loss."""
    lowest, middle = np.exp(log_loss.min()), np.exp(np.median(log_loss))
    shares = (0.5, 0.9)
    return [
        (np.log(share * lowest), np.log(middle - share * lowest), *row)
        for share in shares
        for row in exponents
    ]


EXPONENT = {"kind": "exponent", "low": 0.0, "high": 4.0}


# --- One variable: E + A / x^alpha ---------------------------------------------------------------


def _one_power(name: str, variable: str, amplitude: str, exponent: str) -> Law:
    def jet(theta: Array, logs: Logs) -> Jet:
        x = logs[variable]
        return log_sum_exp([_constant(theta, 0, len(x)), _power(theta, 1, 2, x)], 3)

    def guesses(logs: Logs, log_loss: Array) -> Array:
        return np.array(_starting_grid(log_loss, [(0.08,), (0.25,), (0.6,), (1.2,)]))

    symbol = variable.upper()
    return Law(
        name=name,
        formula=f"E + {amplitude} / {symbol}^{exponent}",
        paper="Hestness et al. 2017, arXiv:1712.00409; Henighan et al. 2020, arXiv:2010.14701",
        variables=(variable,),
        parameters=(
            Parameter("E", "level"),
            Parameter(amplitude, "amplitude", variable=variable),
            Parameter(exponent, variable=variable, **EXPONENT),
        ),
        jet=jet,
        offsets=lambda theta, centre: {1: theta[..., 2] * centre[variable]},
        guesses=guesses,
    )


# --- Chinchilla: E + A / N^alpha + B / D^beta ----------------------------------------------------


def _chinchilla_jet(theta: Array, logs: Logs) -> Jet:
    n, d = logs["n"], logs["d"]
    return log_sum_exp(
        [_constant(theta, 0, len(n)), _power(theta, 1, 2, n), _power(theta, 3, 4, d)], 5
    )


def _chinchilla_guesses(logs: Logs, log_loss: Array) -> Array:
    exponents = [(a, b) for a in (0.15, 0.4, 0.8) for b in (0.15, 0.4, 0.8)]
    grid = _starting_grid(log_loss, exponents)
    half = np.log(2.0)
    return np.array([(e, rest - half, a, rest - half, b) for e, rest, a, b in grid])


CHINCHILLA_PARAMETERS = (
    Parameter("E", "level"),
    Parameter("A", "amplitude", variable="n"),
    Parameter("alpha", variable="n", **EXPONENT),
    Parameter("B", "amplitude", variable="d"),
    Parameter("beta", variable="d", **EXPONENT),
)


def _chinchilla_offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    return {1: theta[..., 2] * centre["n"], 3: theta[..., 4] * centre["d"]}


# --- Kaplan: ((Nc/N)^(alpha_n/alpha_d) + Dc/D)^alpha_d -------------------------------------------


def _kaplan_jet(theta: Array, logs: Logs) -> Jet:
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


def _kaplan_guesses(logs: Logs, log_loss: Array) -> Array:
    middle = np.median(log_loss) - 0.35
    return np.array(
        [(middle / a, a, middle / b, b) for a in (0.05, 0.12, 0.3, 0.6) for b in (0.05, 0.12, 0.3)]
    )


# --- Repeated data: E + A / N'^alpha + B / D'^beta -----------------------------------------------


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


def _data_constrained_jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates log E, log A, alpha, log B, beta, log R_D*, log R_N*.

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
    return log_sum_exp([_constant(theta, 0, len(n)), model, tokens], 7)


def _data_constrained_guesses(logs: Logs, log_loss: Array) -> Array:
    rows = _chinchilla_guesses(logs, log_loss)
    limits = [(np.log(rd), np.log(rn)) for rd in (3.0, 20.0) for rn in (3.0, 20.0)]
    return np.array([(*row, *limit) for row in rows for limit in limits])


# --- Over-training: E + (a M^eta + b M^-eta) C^-eta, M = D/N -------------------------------------


def _overtraining_jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates log E, log a, log b, eta."""
    ratio, c = logs["d"] - logs["n"], logs["c"]
    return log_sum_exp(
        [
            _constant(theta, 0, len(c)),
            _power(theta, 1, 3, c - ratio),
            _power(theta, 2, 3, c + ratio),
        ],
        4,
    )


def _overtraining_offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    ratio = centre["d"] - centre["n"]
    return {
        1: theta[..., 3] * (centre["c"] - ratio),
        2: theta[..., 3] * (centre["c"] + ratio),
    }


def _overtraining_guesses(logs: Logs, log_loss: Array) -> Array:
    grid = _starting_grid(log_loss, [(0.05,), (0.15,), (0.4,)])
    return np.array(
        [
            (e, rest + np.log(share), rest + np.log1p(-share), eta)
            for e, rest, eta in grid
            for share in (0.2, 0.8)
        ]
    )


# --- One break: a + b x^-c0 (1 + (x/d1)^(1/f1))^(-c1 f1) -----------------------------------------


def _broken_jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates log a, log b, c0, c1, log d1, log f1."""
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
    return log_sum_exp([_constant(theta, 0, len(x)), term], 6)


def _broken_guesses(logs: Logs, log_loss: Array) -> Array:
    x = logs["n"]
    breaks = np.quantile(x, [0.3, 0.7])
    return np.array(
        [
            (e, rest, c0, c1, where, np.log(width))
            for e, rest, c0 in _starting_grid(log_loss, [(0.1,), (0.4,)])
            for c1 in (-0.3, 0.3)
            for where in breaks
            for width in (0.3, 1.0)
        ]
    )


LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        _one_power("power_n", "n", "A", "alpha"),
        _one_power("power_d", "d", "B", "beta"),
        _one_power("power_c", "c", "A", "alpha"),
        Law(
            name="chinchilla",
            formula="E + A / N^alpha + B / D^beta",
            paper="Hoffmann et al. 2022, arXiv:2203.15556",
            variables=("n", "d"),
            parameters=CHINCHILLA_PARAMETERS,
            jet=_chinchilla_jet,
            offsets=_chinchilla_offsets,
            guesses=_chinchilla_guesses,
        ),
        Law(
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
            jet=_kaplan_jet,
            offsets=lambda theta, centre: {0: np.array(centre["n"]), 2: np.array(centre["d"])},
            guesses=_kaplan_guesses,
        ),
        Law(
            name="data_constrained",
            formula="E + A / N'^alpha + B / D'^beta",
            paper="Muennighoff et al. 2023, arXiv:2305.16264",
            variables=("n", "d", "u"),
            parameters=(
                *CHINCHILLA_PARAMETERS[:2],
                Parameter("alpha", "exponent", 1e-3, 4.0, "n"),
                CHINCHILLA_PARAMETERS[3],
                Parameter("beta", "exponent", 1e-3, 4.0, "d"),
                Parameter("R_D_star", "scale", 1e-2, 1e5),
                Parameter("R_N_star", "scale", 1e-2, 1e5),
            ),
            jet=_data_constrained_jet,
            offsets=_chinchilla_offsets,
            guesses=_data_constrained_guesses,
        ),
        Law(
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
            jet=_overtraining_jet,
            offsets=_overtraining_offsets,
            guesses=_overtraining_guesses,
        ),
        Law(
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
            jet=_broken_jet,
            offsets=lambda theta, centre: {
                1: theta[..., 2] * centre["n"],
                4: np.array(centre["n"]),
            },
            guesses=_broken_guesses,
        ),
    )
}


def predict(law: Law, params: Mapping[str, float], values: Mapping[str, Array]) -> Array:
    """Loss (n,) of `law` at natural values of its variables, each (n,), for named parameters."""
    vector = np.array([params[name] for name in law.names])[None]
    zero = dict.fromkeys(VARIABLES, 0.0)
    logs = {name: np.log(np.asarray(value, dtype=float)) for name, value in values.items()}
    return np.exp(law.jet(law.internal(vector, zero), logs).value[0])
