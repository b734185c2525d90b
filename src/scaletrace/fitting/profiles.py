"""Profile-likelihood intervals of parameters and of any quantity that follows from them.

A spring is tied between the quantity and a target, and the objective is minimised again. Wherever
the quantity comes to rest, no other parameters with that value of it fit better, so every resting
point lies on its profile. One mechanism serves parameters and derived quantities, and it shows
where a profile never rises: there the data do not bound the quantity.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from scipy.special import fdtri

from scaletrace.fitting.fit import FittedLaw
from scaletrace.fitting.law import Array
from scaletrace.fitting.solver import Spring, minimise, surface

ASSUMES = "noise is independent and Gaussian in log loss"
FURTHER = np.array([0.25, 0.5, 1.0, 2.0])  # of a step outward: to where springs are tied
OUTWARD = 8  # steps, each from the last place and twice as far
NEARLY = 0.5  # of the rise: from there its root is extended where no spring comes to rest further
ROUNDS = 3  # then the bracket is divided this often
CLOSE = 0.02  # or until it is this part of the distance
STIFF = 100.0  # a spring whose energy at full stretch is this multiple of the threshold


@dataclass(frozen=True)
class Profile:
    """An interval; an end is open where the data exclude no value on that side."""

    low: float
    high: float
    open_low: bool
    open_high: bool

    @property
    def open(self) -> bool:
        """Whether either end is open."""
        return self.open_low or self.open_high


def threshold(fitted: FittedLaw, level: float, least_noise: float = 0.0) -> float:
    """Rise of the objective that bounds an interval at confidence `level`.

    Twice the rise over E[slope^2] / E[curvature] is the quasi-likelihood ratio of an M-estimate
    (Heritier and Ronchetti 1994), compared with F(1, n - p); for squares this is the usual test.
    """
    _, slope_squared, curvature = fitted.moments(max(fitted.noise, least_noise))
    return 0.5 * float(fdtri(1, fitted.spare, level)) * slope_squared / curvature


def profile(fitted: FittedLaw, quantity: Callable[[Array], Array], rise: float) -> Profile:
    """Interval of `quantity`, a function (B, p) -> (B,) of coordinates, within `rise`."""
    one = np.ones(1)
    if not Spring(quantity, one, one).slope(fitted.theta[None])[0][fitted.problem.free].any():
        given = float(quantity(fitted.theta[None])[0])  # by the form of the law
        return Profile(given, given, False, False)
    reach = _reach(fitted, quantity, rise)
    below, above = (_search(fitted, quantity, rise, reach, side) for side in (-1.0, 1.0))
    (low, open_low), (high, open_high) = _together(fitted, quantity, [below, above])
    return Profile(low, high, open_low, open_high)


class _Wanted(NamedTuple):
    """Springs (T,) that a search wants to be tied, and theta where they start."""

    targets: Array
    stiffness: Array
    start: Array


def _together(
    fitted: FittedLaw, quantity: Callable[[Array], Array], searches: list["_Search"]
) -> list[tuple[float, bool]]:
    """Return what searches return, whose springs are minimised in one batch at each turn."""
    ends: dict[int, tuple[float, bool]] = {}
    wanted = {place: next(search) for place, search in enumerate(searches)}
    while wanted:
        turn = list(wanted.items())
        targets, stiffness = (
            np.concatenate([getattr(one, name) for _, one in turn])
            for name in ("targets", "stiffness")
        )
        starts = np.concatenate([np.tile(one.start, (len(one.targets), 1)) for _, one in turn])
        came = iter(_rest(fitted, Spring(quantity, targets, stiffness), starts))
        for place, one in turn:
            points = [at for at in islice(came, len(one.targets)) if np.isfinite(at.value)]
            try:
                wanted[place] = searches[place].send(points)
            except StopIteration as stop:
                ends[place] = stop.value
                del wanted[place]
    return [ends[place] for place in range(len(searches))]


def _search(
    fitted: FittedLaw, quantity: Callable[[Array], Array], rise: float, reach: float, side: float
) -> "_Search":
    """End of the interval on one side, and whether it is open."""
    centre = float(quantity(fitted.theta[None])[0])
    inner, outer = _At(centre, 0.0, fitted.theta), _At(side * np.inf, np.inf, fitted.theta)
    step = reach
    for _ in range(OUTWARD):
        before = inner
        targets = inner.value + side * step * FURTHER
        inner, outer = yield from _narrow(centre, rise, inner, outer, targets, reach)
        if np.isfinite(outer.height):
            break
        # Where no spring came to rest, shorter ones may.
        step = 0.25 * step if inner is before else 2.0 * abs(inner.value - centre)
    else:
        if inner.height < NEARLY * rise:
            return inner.value, True
        return float(centre + (inner.value - centre) * np.sqrt(rise / inner.height)), False
    for _ in range(ROUNDS):
        if abs(outer.value - inner.value) <= CLOSE * abs(outer.value - centre):
            break
        root = _root(inner, outer, rise)
        around = 0.4 * CLOSE * (root - centre)
        targets = np.array([root - around, root + around])
        inner, outer = yield from _narrow(centre, rise, inner, outer, targets, reach)
    return _root(inner, outer, rise), False


class _At(NamedTuple):
    """Where a spring came: the quantity, the rise of the objective, theta, and whether to rest."""

    value: float
    height: float
    theta: Array
    rests: bool = True


_Search = Generator[_Wanted, list[_At], tuple[float, bool]]


def _root(inner: _At, outer: _At, rise: float) -> float:
    """Where the objective has risen by `rise`: the root of its rise is nearly linear."""
    low, high, goal = (np.sqrt(max(x, 0.0)) for x in (inner.height, outer.height, rise))
    part = (goal - low) / (high - low) if high > low else 1.0
    return float(inner.value + part * (outer.value - inner.value))


def _narrow(
    centre: float, rise: float, inner: _At, outer: _At, targets: Array, reach: float
) -> Generator[_Wanted, list[_At], tuple[_At, _At]]:
    """Return the closest points below and above `rise` after springs to `targets`.

    Where a spring has not come to rest the objective could still fall: such a point is within the
    interval if it is below, and says nothing if it is above.
    """
    side = np.sign(outer.value - centre)
    # Springs that yield little compared with what is left to search.
    stiffness = 2.0 * STIFF * rise / np.minimum(np.abs(targets - centre), reach) ** 2
    resting = yield _Wanted(targets, stiffness, inner.theta)
    for at in sorted(resting, key=lambda point: side * point.value):
        if side * at.value <= side * inner.value:
            continue
        if side * at.value >= side * outer.value:
            break
        if at.height >= rise and not at.rests:
            continue
        if at.height >= rise:
            outer = at
            break
        inner = at
    return inner, outer


def _rest(fitted: FittedLaw, spring: Spring, starts: Array) -> list[_At]:
    """Where springs (T,) come from starts (T, p); a value of NaN where that is nothing finite."""
    problem = fitted.problem
    with np.errstate(all="ignore"):  # a step too far is not finite, and is not accepted
        minimum = minimise(problem, starts, fitted.weights[None], None, spring, near=True)
        shape = (len(starts), len(problem.log_loss))
        weights = np.broadcast_to(fitted.weights, shape)
        observed = np.broadcast_to(problem.log_loss, shape)
        at = surface(problem, problem.objective, minimum.theta, weights, observed)
        values = spring.quantity(minimum.theta)
    return [
        _At(
            float(value) if np.isfinite(value) and np.isfinite(height) else np.nan,
            *(float(height - fitted.value), theta, bool(rests)),
        )
        for value, height, theta, rests in zip(
            values, at.value, minimum.theta, minimum.converged, strict=True
        )
    ]


def _reach(fitted: FittedLaw, quantity: Callable[[Array], Array], rise: float) -> float:
    """Distance at which the objective is expected to have risen by `rise`; at most 1.

    By the curvature that noise of the fit's size has on average: the objective's own at its
    minimum rests on the few residuals below the threshold, and may even be negative.
    """
    problem, free, one = fitted.problem, fitted.problem.free, np.ones(1)
    along = Spring(quantity, one, one).slope(fitted.theta[None])[0][free]
    slopes = problem.law.jet(fitted.theta[None], problem.logs).gradient[0][free]
    curvature = fitted.moments(fitted.noise)[2]
    information = curvature * (slopes * fitted.weights) @ slopes.T
    spread = along @ np.linalg.pinv(information, rcond=1e-10, hermitian=True) @ along
    return float(np.clip(np.sqrt(2.0 * rise * max(spread, 0.0)), 1e-9, 1.0))
