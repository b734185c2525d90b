"""One damped Newton method for all starts, all resamples and all profile points at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.design import DesignError
from scaletrace.fitting.law import Array, Law, logs_of
from scaletrace.fitting.penalties import Objective

CELLS = 1 << 15  # observations x coordinate vectors that advance together: fits a processor cache
STEPS = 1000  # Newton steps at most: a regular fit takes 10 to 40, a flat valley hundreds
STEPS_NEAR = 200  # from the minimum of a similar problem
STEPS_ROUGH = 40  # under a wider threshold: what still moves there goes on under the next
COARSE, FINE = 1e-2, 1e-12  # predicted relative decrease of the objective at which to stop
AT_REST = 1e-8  # the same for springs, whose resting points are read to a few digits
LONGEST = 2.0  # a step of a logarithm: beyond it terms vanish that a parabola knows nothing of
ROUNDING = 1e-13  # log residuals below this are arithmetic noise
EXACT = 1e-6  # root mean square log residual of an exact fit, whose gradient is all rounding
STATIONARY = 1e-6  # relative gradient of a minimum
DIFFERENCE = 1e-6  # of a coordinate, for slopes of a quantity
AGREEMENT = 1e-6  # relative excess of the objective within which two starts found the same minimum


class NotConvergedError(ArithmeticError):
    """No start reached a minimum: the message says how far they came and what may help."""


@dataclass(frozen=True)
class Problem:
    """Observations prepared for a law: logs of the variables about `centre`, logs of the loss.

    logs: variable -> (n,); low, high: bounds (p,) of the coordinates; free (p,): which to fit.
    """

    law: Law
    objective: Objective
    logs: Mapping[str, Array]
    log_loss: Array
    centre: Mapping[str, float]
    low: Array
    high: Array
    free: NDArray[np.bool_]

    @property
    def logarithmic(self) -> NDArray[np.bool_]:
        """Which coordinates (p,) are logarithms."""
        return np.array([parameter.logarithmic for parameter in self.law.parameters])

    def natural(self, theta: Array) -> Array:
        """Published parameters of coordinates (…, p)."""
        return self.law.natural(theta, self.centre)

    def take(self, rows: NDArray[Any]) -> "Problem":
        """Return the problem of the observations of an index or mask, about the same centre."""
        logs = {name: x[rows] for name, x in self.logs.items()}
        return replace(self, logs=logs, log_loss=self.log_loss[rows])


@dataclass(frozen=True)
class Minimum:
    """Where B coordinate vectors ended: theta (B, p), objective, gradient norm, flags (B,).

    gradient: largest correlation between the penalties' slopes and a free coordinate's
    derivatives, 0 at a minimum and about 1 at most, whatever the units and the objective.
    """

    theta: Array
    value: Array
    gradient: Array
    converged: NDArray[np.bool_]

    def take(self, rows: NDArray[Any] | slice) -> "Minimum":
        """Return the rows of an index or mask."""
        return Minimum(
            self.theta[rows], self.value[rows], self.gradient[rows], self.converged[rows]
        )


def joined(minima: Sequence[Minimum]) -> Minimum:
    """Return the rows of several, one after another."""
    return Minimum(
        *(
            np.concatenate([getattr(minimum, name) for minimum in minima])
            for name in ("theta", "value", "gradient", "converged")
        )
    )


@dataclass(frozen=True)
class Spring:
    """A pull of a quantity of the coordinates, (B, p) -> (B,), towards targets (B,).

    Adds stiffness / 2 x (quantity - target)^2 to the objective; stiffness (B,).
    """

    quantity: Callable[[Array], Array]
    target: Array
    stiffness: Array

    def take(self, rows: NDArray[Any] | slice) -> "Spring":
        """Return the springs of an index, mask or slice."""
        return Spring(self.quantity, self.target[rows], self.stiffness[rows])

    def slope(self, theta: Array) -> Array:
        """Derivatives (B, p) of the quantity."""
        return self.about(theta)[1]

    def about(self, theta: Array) -> tuple[Array, Array]:
        """Values (B,) of the quantity and its derivatives (B, p), by central differences."""
        batch, width = theta.shape
        steps = DIFFERENCE * np.eye(width)
        places = np.concatenate([theta[None], theta + steps[:, None], theta - steps[:, None]])
        here, *around = self.quantity(places.reshape(-1, width)).reshape(-1, batch)
        up, down = np.reshape(around, (2, width, batch))
        return here, ((up - down) / (2.0 * DIFFERENCE)).T


def problem_of(
    law: Law,
    variables: Mapping[str, Array],
    loss: Array,
    objective: Objective,
    fixed: Mapping[str, float] | None = None,
) -> Problem:
    """Take logs, centre them, set bounds. `fixed` holds parameters at published values.

    A fixed amplitude or location must not move with an exponent or the centre: coordinates are
    then left about zero.

    Raises:
        DesignError: a value that these observations' bounds exclude, such as a level above them.
    """
    fixed = fixed or {}
    logs = {name: logs_of(variables[name]) for name in law.variables}
    log_loss = np.log(np.asarray(loss, dtype=float))
    centre = law.centre(logs)
    low, high = law.bounds({name: x - centre[name] for name, x in logs.items()}, log_loss)
    shifts = law.offsets(low, centre), law.offsets(high, centre)
    if any(law.index(name) in shifts[0] for name in fixed):
        for index in shifts[0]:
            ends = shifts[0][index], shifts[1][index]
            low[index] += min(ends)
            high[index] += max(ends)
        centre = dict.fromkeys(centre, 0.0)
    logs = {name: x - centre[name] for name, x in logs.items()}
    _require_allowed(law, fixed, low, high)
    free = np.array([name not in fixed for name in law.names])
    free[[index for index, _ in law.same]] = False
    return Problem(law, objective, logs, log_loss, centre, low, high, free)


def _require_allowed(law: Law, fixed: Mapping[str, float], low: Array, high: Array) -> None:
    """Refuse values of `fixed` beyond the bounds (p,) of the coordinates, with what is allowed."""
    faults = []
    for name, value in fixed.items():
        index = law.index(name)
        ends = low[index], high[index]
        if law.parameters[index].logarithmic:
            ends = np.exp(ends[0]), np.exp(ends[1])
        if not ends[0] <= value <= ends[1]:
            faults.append(
                f"{name} held at {value:g}; these losses allow {ends[0]:.4g} to {ends[1]:.4g}"
            )
    if faults:
        raise DesignError(f"{law.name}: {'; '.join(faults)}")


def minimise(
    problem: Problem,
    starts: Array,
    weights: Array,
    observed: Array | None = None,
    spring: Spring | None = None,
    *,
    near: bool = False,
) -> Minimum:
    """Minimise from every row of starts (B, p) under observation weights (B, n) or (1, n).

    Weights may have any overall scale: each row is divided by its mean, so that a multiple of
    the objective has the same path and the same minimum. near: the starts are minima of a
    similar problem, so that no coarser threshold need come first. observed (B, n): log
    losses to fit in place of the problem's own. spring: tied to the rows, and part of the value.
    """
    count = len(problem.log_loss)
    starts = np.clip(starts, problem.low, problem.high)
    *rough, final = problem.objective.coarser()
    rows, steps = max(1, CELLS // count), STEPS_NEAR if near else STEPS
    pieces = []
    for first in range(0, len(starts), rows):
        part = slice(first, first + rows)
        share = weights if len(weights) == 1 else weights[part]
        share = np.broadcast_to(share, (len(starts[part]), count))
        share = share / share.mean(axis=1, keepdims=True)
        seen = problem.log_loss[None] if observed is None else observed[part]
        seen = np.broadcast_to(seen, share.shape)
        pull = spring.take(part) if spring else None
        theta = starts[part]
        for objective in [] if near else rough:
            theta = _newton(problem, objective, theta, share, seen, pull, COARSE, STEPS_ROUGH).theta
        stop = AT_REST if spring else FINE
        pieces.append(_newton(problem, final, theta, share, seen, pull, stop, steps))
    return joined(pieces)


@dataclass(frozen=True)
class Surface:
    """The objective about B coordinate vectors.

    value (B,), gradient (B, p), hessian (B, p, p), and scale (B, p): per coordinate, a curvature
    that is never zero, from the parabolas that touch the penalties from above.
    """

    value: Array
    gradient: Array
    hessian: Array
    scale: Array

    def take(self, rows: NDArray[Any]) -> "Surface":
        """Return the rows of an index or mask."""
        return Surface(self.value[rows], self.gradient[rows], self.hessian[rows], self.scale[rows])

    def put(self, rows: NDArray[Any], other: "Surface") -> None:
        """Overwrite rows."""
        for name in ("value", "gradient", "hessian", "scale"):
            getattr(self, name)[rows] = getattr(other, name)


def surface(
    problem: Problem,
    objective: Objective,
    theta: Array,
    weights: Array,
    observed: Array,
    spring: Spring | None = None,
) -> Surface:
    """Objective and derivatives at theta (B, p) under weights and log losses (B, n)."""
    batch, width = theta.shape
    total, touching = np.zeros(batch), np.zeros(batch)
    gradient, squares = np.zeros((batch, width)), np.zeros((batch, width))
    hessian = np.zeros((batch, width, width))
    # Pieces fit a processor cache.
    for first in range(0, len(problem.log_loss), CELLS):
        part = slice(first, first + CELLS)
        weight, seen = weights[:, part], observed[:, part]
        jet = problem.law.jet(theta, {name: x[part] for name, x in problem.logs.items()})
        value, slope, curvature = objective(jet.value, seen)
        distance = np.maximum(np.abs(jet.value - seen), ROUNDING)
        weighted = weight * slope
        total += np.einsum("bn,bn->b", weight, value)
        touching += np.einsum("bn,bn->b", np.abs(weighted), 1.0 / distance)
        gradient += (jet.gradient @ weighted[:, :, None])[:, :, 0]
        bent = (jet.gradient * (weight * curvature)[:, None, :]) @ jet.gradient.transpose(0, 2, 1)
        hessian += jet.curvature(weighted) + bent
        squares += np.einsum("bpn,bpn->bp", jet.gradient, jet.gradient)
    scale = (touching / len(problem.log_loss))[:, None] * squares
    # A term that has vanished still needs a scale.
    scale = np.maximum(scale, 1e-12 * scale.max(axis=1, keepdims=True)) + 1e-100
    if spring is not None:
        value, along = spring.about(theta)
        stretch = value - spring.target
        total += 0.5 * spring.stiffness * stretch**2
        gradient += (spring.stiffness * stretch)[:, None] * along
        pull = np.sqrt(spring.stiffness)[:, None] * along
        hessian += pull[:, :, None] * pull[:, None, :]
        scale = scale + pull**2
    return Surface(total, gradient, hessian, scale)


def _newton(
    problem: Problem,
    objective: Objective,
    starts: Array,
    weights: Array,
    observed: Array,
    spring: Spring | None,
    stop: float,
    steps: int,
) -> Minimum:
    """Levenberg-damped Newton steps, projected on the bounds.

    Ends where a hardly damped step promises a relative decrease of the objective below `stop`.
    """
    theta = starts.copy()
    at = surface(problem, objective, theta, weights, observed, spring)
    floor = len(problem.log_loss) * ROUNDING**2
    damping = np.full(len(theta), 1e-2)
    going = np.ones(len(theta), dtype=bool)
    for _ in range(steps):
        rows = np.flatnonzero(going)
        if not len(rows):
            break
        here, local = theta[rows], at.take(rows)
        step = _step(local, damping[rows], _movable(problem, here, local.gradient))
        longest = np.abs(np.where(problem.logarithmic, step, 0.0)).max(axis=1, keepdims=True)
        step *= np.minimum(1.0, LONGEST / np.maximum(longest, LONGEST))
        target = np.clip(here + step, problem.low, problem.high)
        pull = spring.take(rows) if spring else None
        new = surface(problem, objective, target, weights[rows], observed[rows], pull)
        promised = -np.einsum("bp,bp->b", local.gradient, target - here)
        flat = promised <= stop * local.value + floor
        going[rows] = ~(flat & (damping[rows] <= 1e-2)) & (damping[rows] < 1e12)
        better = new.value <= local.value
        theta[rows[better]] = target[better]
        at.put(rows[better], new.take(better))
        damping[rows] *= np.where(better, 0.1, 10.0)
    force = np.where(_movable(problem, theta, at.gradient), np.abs(at.gradient), 0.0)
    norm = (force / np.sqrt(at.scale * (at.value + floor)[:, None])).max(axis=1)
    exact = at.value <= len(problem.log_loss) * EXACT**2
    # The promised decrease is of second order in the gradient.
    stationary = STATIONARY * max(1.0, np.sqrt(stop / FINE))
    return Minimum(theta, at.value, norm, exact | (~going & (norm < stationary)))


def _movable(problem: Problem, theta: Array, gradient: Array) -> NDArray[np.bool_]:
    """Coordinates (B, p) that are free and not pressed against a bound."""
    pressed = ((theta <= problem.low) & (gradient > 0)) | ((theta >= problem.high) & (gradient < 0))
    return problem.free & ~pressed


def _step(at: Surface, damping: Array, moves: NDArray[np.bool_]) -> Array:
    """Downhill Newton step (B, p) over the movable coordinates, by eigenvalues.

    Along directions of negative curvature the step goes downhill too: sizes are taken absolute.
    """
    unit = 1.0 / np.sqrt(at.scale)
    both = moves[:, :, None] & moves[:, None, :]
    matrix = np.where(both, at.hessian, 0.0) * unit[:, :, None] * unit[:, None, :]
    index = np.arange(matrix.shape[-1])
    matrix[:, index, index] = np.where(moves, matrix[:, index, index], 1.0)
    values, vectors = np.linalg.eigh(matrix)
    right = np.where(moves, -at.gradient, 0.0) * unit
    inner = np.einsum("bij,bi->bj", vectors, right)
    inner /= np.maximum(np.abs(values), 1e-14) + damping[:, None]
    return np.where(moves, np.einsum("bij,bj->bi", vectors, inner) * unit, 0.0)
