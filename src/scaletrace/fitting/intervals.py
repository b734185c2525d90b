"""Intervals for parameters and derived quantities, and the verdict whether they are identified."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from scaletrace.fitting import profiles, progress
from scaletrace.fitting.allocation import derived
from scaletrace.fitting.fit import FittedLaw
from scaletrace.fitting.law import Array, Parameter
from scaletrace.fitting.profiles import Profile

IDENTIFIED, WEAK = "identified", "weakly identified"
# Where the design cannot carry a parameter, the range is what losses this accurate would allow.
MODEL_ERROR = 1e-3
ORDER = ("level", "exponent", "amplitude", "location", "scale")
SPREAD = 10.0  # a location or scale known to no better than this factor is weakly identified


def intervals(
    fitted: FittedLaw, draws: Array, unit: str, level: float, unsupported: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Interval of every free parameter and derived quantity, by name.

    draws: coordinates (B, p) of resamples of `unit`. unsupported: names that the design cannot
    carry whatever the noise. An identified quantity gets the percentiles and standard deviation
    of the draws; a weakly identified one has no standard error, and its range is the wider of
    percentiles and profile, with null for an end that the data leave open.
    """
    law = fitted.law
    rise = profiles.threshold(fitted, level)
    loose = profiles.threshold(fitted, level, least_noise=MODEL_ERROR)
    values = law_values(fitted, draws)
    estimates = law_values(fitted, fitted.theta[None])[0]
    result: dict[str, dict[str, Any]] = {}

    def add(
        name: str, estimate: float, sample: Array, limits: Profile, weak: bool, floor: float | None
    ) -> None:
        tail = 50.0 * (1.0 - level)
        low, high = map(float, np.percentile(sample, [tail, 100.0 - tail]))
        weak = weak or limits.open or name in unsupported
        allowed = (min(low, limits.low), max(high, limits.high)) if weak else (low, high)
        ends = (
            floor if limits.open_low else allowed[0],
            None if limits.open_high else allowed[1],
        )
        result[name] = {
            "estimate": estimate,
            "se": None if weak else float(sample.std()),
            "low": ends[0],
            "high": ends[1],
            "level": level,
            "method": f"range of profile likelihood and {unit} bootstrap"
            if weak
            else f"{unit} bootstrap",
            "verdict": WEAK if weak else IDENTIFIED,
            "profile": {
                "low": None if limits.open_low else limits.low,
                "high": None if limits.open_high else limits.high,
                **{"open_low": limits.open_low, "open_high": limits.open_high},
            },
        }

    # The level first, for what falls towards an open end is open itself, then exponents, for an
    # amplitude is as well identified as the exponent of its variable.
    vague: set[str] = set()
    level_open = False
    order = sorted(range(len(law.names)), key=lambda i: ORDER.index(law.parameters[i].kind))
    for place, i in enumerate(order):
        progress.report("intervals", place, len(order))
        parameter = law.parameters[i]
        if not fitted.problem.free[i]:
            continue
        limits = _limits(
            fitted,
            lambda theta, i=i: _coordinate(fitted, theta, i),
            loose if parameter.name in unsupported else rise,
            logarithmic=parameter.logarithmic,
        )
        weak = level_open or _too_wide(parameter, limits, float(estimates[i]), fitted, vague)
        level_open |= parameter.kind == "level" and limits.open
        if parameter.kind == "exponent" and (weak or limits.open):
            vague.add(parameter.variable)
        floor = 0.0 if parameter.kind in ("level", "exponent") and parameter.low >= 0.0 else None
        add(parameter.name, float(estimates[i]), values[:, i], limits, weak, floor)
    for index, other in law.same:
        if law.names[other] in result:
            result[law.names[index]] = result[law.names[other]]
    for name, quantity in derived(law).items():
        limits = _limits(
            fitted,
            lambda theta, quantity=quantity: quantity(law_values(fitted, theta)),
            loose if name in unsupported else rise,
        )
        weak = level_open or limits.high - limits.low > 0.5
        add(name, float(quantity(estimates)), quantity(values), limits, weak, None)
    return result


def law_values(fitted: FittedLaw, theta: Array) -> Array:
    """Published parameters (B, p) of coordinates (B, p)."""
    return fitted.problem.natural(theta)


def _limits(
    fitted: FittedLaw, quantity: Callable[[Array], Array], rise: float, *, logarithmic: bool = False
) -> Profile:
    limits = profiles.profile(fitted, quantity, rise)
    if not logarithmic:
        return limits
    with np.errstate(over="ignore"):
        low, high = np.exp([limits.low, limits.high])
    return Profile(float(low), float(high), limits.open_low, limits.open_high)


def _coordinate(fitted: FittedLaw, theta: Array, index: int) -> Array:
    """A parameter as a function of coordinates, logarithmic ones as their logarithm."""
    offsets = fitted.law.offsets(theta, fitted.problem.centre)
    return theta[:, index] + offsets.get(index, np.zeros(len(theta)))


def _too_wide(
    parameter: Parameter, limits: Profile, estimate: float, fitted: FittedLaw, vague: set[str]
) -> bool:
    """Whether an interval says too little to be used as a number.

    An exponent: wider than its value. A level: wider than what is left of the lowest loss above
    it. An amplitude or location: its exponent is vague. A scale: no better than a factor of ten.
    """
    if parameter.kind == "exponent":
        return limits.high - limits.low > abs(estimate)
    if parameter.kind == "level":
        return limits.high - limits.low > np.exp(fitted.problem.log_loss.min()) - estimate
    if parameter.kind == "scale":
        return limits.high > SPREAD * limits.low
    return parameter.variable in vague
