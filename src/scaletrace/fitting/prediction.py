"""Two intervals of a prediction: of the law's mean, and of a run that will be measured.

The first holds what the parameters leave open. The second adds the noise from run to run and the
law's own error where it is carried outward (`fitting.law_error`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from scaletrace.fitting import profiles
from scaletrace.fitting.allocation import Quantity
from scaletrace.fitting.fit import FittedLaw
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.law_error import LawError, distance
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import problem_of
from scaletrace.fitting.tied import tied
from scaletrace.formats.fit import Answering


@dataclass(frozen=True)
class Uncertain:
    """What predictions of a fit rest on.

    fitted: with its observations. draws (B, p): published parameters of resamples, may be none.
    weak: whether anything is weakly identified, so that draws pile up and profiles are needed.
    noise: standard deviation of log loss from run to run. shared: factor by which noise that runs
    of one cluster share widens variances.
    """

    fitted: FittedLaw
    draws: Array
    weak: bool
    level: float
    law_error: LawError
    noise: float
    shared: float = 1.0

    @cached_property
    def inside(self) -> dict[str, Array]:
        """Variables of the runs that were fitted."""
        problem = self.fitted.problem
        return {name: np.exp(x + problem.centre[name]) for name, x in problem.logs.items()}

    @property
    def spare(self) -> int:
        """Degrees of freedom that are left for the noise."""
        problem = self.fitted.problem
        return max(1, len(problem.log_loss) - int(problem.free.sum()))


def known_of(fit: Answering, law: Law) -> Uncertain | None:
    """Return what predictions of a written fit rest on; None where it does not hold its runs."""
    runs, ahead, chosen = fit.runs, fit.ahead, fit.settings
    if runs is None or ahead is None:
        return None
    law = tied(law, chosen.tied)
    variables = {name: np.array(values, dtype=float) for name, values in runs.variables.items()}
    objective = Objective(chosen.objective, chosen.delta, chosen.above)
    fixed = {name: value for name, value in chosen.fixed.items() if name in law.names}
    problem = problem_of(law, variables, np.array(runs.loss), objective, fixed)
    weights = np.array(runs.weight)
    params = np.array([fit.params[name] for name in law.names])
    theta = np.clip(law.internal(params, problem.centre), problem.low, problem.high)
    fitted = FittedLaw(problem, weights / weights.mean(), theta, 0.0, {})
    fitted = replace(fitted, value=float(fitted.surface.value[0]))
    draws = np.array(fit.draws.values, dtype=float).reshape(-1, len(law.names))
    weak = any(interval.weak for interval in fit.intervals.values())
    error = LawError(ahead.law_error.rate, ahead.law_error.steps)
    return Uncertain(fitted, draws, weak, chosen.level, error, ahead.noise, ahead.shared)


def of_mean(known: Uncertain, quantity: Quantity, *, logarithmic: bool = True) -> tuple[float, ...]:
    """Interval (low, high) of a quantity of the published parameters (B, p) -> (B,).

    Percentiles of the resamples. Where something is weakly identified these miss what the data
    allow: then the wider of them and the profile likelihood. An end may be -inf or inf.
    logarithmic: the profile runs along the logarithm.
    """
    low, high = np.inf, -np.inf
    if len(known.draws):
        low, high = percentiles(quantity(known.draws), known.level)
    if not known.weak and len(known.draws):
        return low, high
    fitted = known.fitted

    def along(theta: Array) -> Array:
        values = quantity(fitted.problem.natural(theta))
        # A quantity that is infinite has no slope to climb.
        return np.log(np.clip(values, 1e-300, 1e300)) if logarithmic else values

    rise = known.shared * profiles.threshold(fitted, known.level)
    limits = profiles.profile(fitted, along, rise)
    ends = (
        -np.inf if limits.open_low else limits.low,
        np.inf if limits.open_high else limits.high,
    )
    if logarithmic:
        with np.errstate(over="ignore"):
            ends = float(np.exp(ends[0])), float(np.exp(ends[1]))
    return min(low, ends[0]), max(high, ends[1])


def percentiles(sample: Array, level: float) -> tuple[float, float]:
    """Return the ends (low, high) that hold a part `level` of a sample (B,), which may be inf."""
    tail = (1.0 - level) / 2.0
    return (
        float(np.quantile(sample, tail, method="lower")),
        float(np.quantile(sample, 1.0 - tail, method="higher")),
    )


def of_a_run(
    known: Uncertain,
    estimate: float,
    mean: tuple[float, ...],
    point: Mapping[str, float],
) -> tuple[float, float]:
    """Interval of the loss that one run will measure at a point.

    estimate, mean: the law's loss there and its interval.
    The three parts are independent, so that their half-widths add by squares, in log loss.
    """
    place = {name: np.array([value]) for name, value in point.items()}
    far = float(distance(known.inside, place)[0])
    upper = (1.0 + known.level) / 2.0
    noise = stdtrit(known.spare, upper) * known.noise
    error = stdtrit(known.law_error.steps, upper) * known.law_error.rate * far
    with np.errstate(divide="ignore"):
        down, up = np.log(estimate / np.array(mean))
    low = np.exp(-np.sqrt(down**2 + noise**2 + error**2))
    high = np.exp(np.sqrt(up**2 + noise**2 + error**2))
    return float(estimate * low), float(estimate * high)


def run_noise(fitted: FittedLaw, level: float) -> float:
    """Standard deviation of a run's log loss, as far as residuals show it.

    The noise of the objective hardly sees outliers; the residuals' own quantile at `level` does.
    """
    spare = max(1, len(fitted.problem.log_loss) - int(fitted.problem.free.sum()))
    residuals = np.abs(fitted.log_residuals) * np.sqrt(len(fitted.log_residuals) / spare)
    wide = float(np.quantile(residuals, level)) / float(stdtrit(np.inf, (1.0 + level) / 2.0))
    return max(fitted.noise, wide)
