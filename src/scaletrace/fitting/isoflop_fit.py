"""The fit of all curves of an IsoFLOP analysis, and the noise that it leaves."""

from dataclasses import replace

import numpy as np

from scaletrace.fitting.isoflop_curves import OWN, Curves, Runs, falling, predicted
from scaletrace.fitting.isoflop_solver import MOST, ROUNDING, minimise
from scaletrace.fitting.law import Array
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError

EXPONENTS = (0.15, 0.4, 0.8)  # of starts
BENT = (-2.4, -1.6, -0.8, 0.4)  # starts of log gamma
CLEAR = 10.0  # difference of BIC that counts as very strong evidence (Kass and Raftery 1995)
WIDE = 0.03  # a Huber threshold beyond the noise of any training
EFFICIENT = 1.345  # standard deviations
FAR = 3.0  # robust standard deviations, beyond which a residual counts as if it were nearer
EXACT = 1e-6  # root mean square log residual of an exact fit


def suited(runs: Runs, objective: Objective) -> Objective:
    """Widen a Huber threshold to the noise of the runs, where it is narrower.

    A budget has three parameters of its own and few runs. Under a threshold far below the noise
    its curve goes through three of them, and which three is a matter of the start; at 1.345
    standard deviations the fit keeps 95 % of the efficiency of least squares, and still resists
    outliers (Huber 1981).
    """
    if objective.name not in ("huber", "asymmetric"):
        return objective
    wide = replace(objective, delta=max(WIDE, objective.delta))
    size = float(noise(runs, _lowest(minimise(runs, wide, _starts(runs))))[runs.real].mean())
    return replace(objective, delta=max(objective.delta, EFFICIENT * size))


def noise(runs: Runs, curves: Curves) -> Array:
    """Standard deviation (K, m) of the noise of log loss at each run, by one set of curves.

    Far residuals are counted as if they were nearer, so that outliers do not decide.
    """
    rest = np.sqrt(runs.weights) * (runs.log_loss - predicted(runs, curves)[0])
    larger = runs.real.sum() / spare(runs, curves)
    far = FAR * 1.4826 * np.median(np.abs(rest[runs.real])) * np.sqrt(larger) + ROUNDING
    size = np.sqrt((np.clip(rest, -far, far)[runs.real] ** 2).mean() * larger)
    return size / np.sqrt(np.where(runs.real, runs.weights, 1.0))


def spare(runs: Runs, curves: Curves) -> int:
    """Degrees of freedom that the runs have beyond the curves' parameters, at least one."""
    fitted = curves.own[0].size + 2 + int(curves.shared[0, 2] != 0.0)
    return max(1, int(runs.real.sum()) - fitted)


def fit(runs: Runs, objective: Objective) -> Curves:
    """Fit with gamma held at 1, or free where that explains the losses better by BIC.

    Raises:
        NotConvergedError: no start reached a minimum.
    """
    plain = _lowest(minimise(runs, objective, _starts(runs)))
    if not plain.settled[0]:
        raise NotConvergedError("isoflop: no start reached a minimum; add runs to each budget")
    count = int(runs.real.sum())
    if _squares(runs, plain) <= count * EXACT**2:
        return plain
    bent = _lowest(minimise(runs, objective, _starts(runs, BENT), bend=True))
    better = count * np.log(_squares(runs, plain) / max(_squares(runs, bent), 1e-300))
    return bent if bent.settled[0] and better > CLEAR + np.log(count) else plain


def _squares(runs: Runs, curves: Curves) -> float:
    """Sum of the squared log residuals of one set of curves."""
    return float(((runs.log_loss - predicted(runs, curves)[0])[runs.real] ** 2).sum())


def _lowest(curves: Curves) -> Curves:
    """The set of the least objective among those that reached a minimum, else among all."""
    value = np.where(curves.settled | ~curves.settled.any(), curves.value, np.inf)
    return curves.take([int(value.argmin())])


def _starts(runs: Runs, log_gammas: tuple[float, ...] = (0.0,)) -> Curves:
    """Curves of least squares for several exponents."""
    # Where gamma is free too, equal exponents are enough to reach every basin.
    pairs = [(a, b) for a in EXPONENTS for b in EXPONENTS if a == b or len(log_gammas) == 1]
    pairs = np.array([(a, b, g) for g in log_gammas for a, b in pairs])
    by_n, by_d = falling(runs, pairs)
    columns = np.stack([np.ones_like(by_n), by_n, by_d], axis=-2)
    root = np.sqrt(runs.weights)
    # Relative residuals of loss^(1 / gamma).
    inner = runs.log_loss / np.exp(pairs[:, 2, None, None])
    scaled = columns * (root * np.exp(-inner))[:, :, None, :]
    square = scaled @ scaled.swapaxes(-1, -2)
    ridge = 1e-9 * np.trace(square, axis1=-2, axis2=-1)
    square += ridge[..., None, None] * np.eye(OWN)
    own = np.linalg.solve(square, scaled @ root[..., None])[..., 0]
    # A little of each term is left, so that its slope is seen.
    own = np.clip(own, 1e-2, MOST)
    return Curves(own, pairs, np.full(len(pairs), np.inf), np.zeros(len(pairs), dtype=bool))
