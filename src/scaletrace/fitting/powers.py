"""Powers and what they start from: the pieces that several laws are made of."""

import numpy as np

from scaletrace.fitting.law import Array, Jet, Law, Level, Logs, Parameter, Term, log_sum_exp

EXPONENT = {"kind": "exponent", "low": 0.0, "high": 4.0}


def constant(theta: Array, index: int) -> Level:
    """E, the term that no scale removes."""
    return Level(theta[:, index, None], index)


def falling(theta: Array, amplitude: int, exponent: int, x: Array) -> Term:
    """A x^-alpha as log A - alpha log x, for logs x (n,) and two coordinates by their index."""
    value = theta[:, amplitude, None] - theta[:, exponent, None] * x
    return Term(value, {amplitude: np.ones(len(x)), exponent: -x})


def starting_grid(log_loss: Array, exponents: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Rows (E, log rest, *exponents): E at two shares of the lowest loss."""
    lowest, middle = np.exp(log_loss.min()), np.exp(np.median(log_loss))
    shares = (0.5, 0.9)
    return [
        (share * lowest, np.log(middle - share * lowest), *row)
        for share in shares
        for row in exponents
    ]


def two_power_guesses(logs: Logs, log_loss: Array) -> Array:
    """Starts (S, 5) of E + A / N^alpha + B / D^beta: both powers have half of what falls."""
    del logs
    exponents = [(a, b) for a in (0.15, 0.4, 0.8) for b in (0.15, 0.4, 0.8)]
    grid = starting_grid(log_loss, exponents)
    half = np.log(2.0)
    return np.array([(e, rest - half, a, rest - half, b) for e, rest, a, b in grid])


def one_power(name: str, variable: str, amplitude: str, exponent: str) -> Law:
    """Law of one variable x: E + A / x^alpha, with the names of A and alpha as given.

    Hestness et al. 2017; Henighan et al. 2020.
    """

    def jet(theta: Array, logs: Logs) -> Jet:
        x = logs[variable]
        return log_sum_exp([constant(theta, 0), falling(theta, 1, 2, x)], 3)

    def guesses(logs: Logs, log_loss: Array) -> Array:
        del logs
        return np.array(starting_grid(log_loss, [(0.08,), (0.25,), (0.6,), (1.2,)]))

    def inverse(params: Array, loss: float) -> Array:
        level, size, rate = np.moveaxis(params, -1, 0)
        with np.errstate(divide="ignore"):
            gap = np.log(np.maximum(loss - level, 0.0))
        return np.exp((np.log(size) - gap) / rate)

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
        inverse=inverse,
    )


def optimum_power(name: str, exponent: str) -> Law:
    """Law of the best N or D of a budget, k C^a; `name` is n_opt or d_opt, the column's.

    Hoffmann et al. 2022, approaches 1 and 2: a line through log optima against log C.
    """

    def jet(theta: Array, logs: Logs) -> Jet:
        x = logs["c"]
        value = theta[:, 0, None] + theta[:, 1, None] * x
        return log_sum_exp([Term(value, {0: np.ones(len(x)), 1: x})], 2)

    def guesses(logs: Logs, log_loss: Array) -> Array:
        del logs
        return np.array([(np.median(log_loss), rate) for rate in (0.3, 0.48, 0.7)])

    def inverse(params: Array, optimum: float) -> Array:
        size, rate = np.moveaxis(params, -1, 0)
        with np.errstate(divide="ignore"):
            return np.exp((np.log(optimum) - np.log(size)) / rate)

    return Law(
        name=name,
        formula=f"k C^{exponent}",
        paper="Hoffmann et al. 2022, arXiv:2203.15556",
        variables=("c",),
        parameters=(
            Parameter("k", "amplitude", variable="c"),
            Parameter(exponent, variable="c", **EXPONENT),
        ),
        jet=jet,
        offsets=lambda theta, centre: {0: -theta[..., 1] * centre["c"]},
        guesses=guesses,
        inverse=inverse,
        describes=name,
    )
