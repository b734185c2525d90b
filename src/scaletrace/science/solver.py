"""One damped Newton method for all starts, all resamples and all profile points at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.science.law import Array, Law
from scaletrace.science.objectives import Objective

CELLS = 1 << 15  # observations x coordinate vectors that advance together: fits a processor cache
STEPS = 200  # Newton steps at most; a regular fit takes 10 to 40
COARSE, FINE = 1e-2, 1e-12  # predicted relative decrease of the objective at which to stop
ROUNDING = 1e-13  # log residuals below this are arithmetic noise
STATIONARY = 1e-6  # relative gradient of a minimum
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

    def natural(self, theta: Array) -> Array:
        """Published parameters of coordinates (…, p)."""
        return self.law.natural(theta, self.centre)


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


def prepare(
    law: Law,
    variables: Mapping[str, Array],
    loss: Array,
    objective: Objective,
    fixed: Mapping[str, float] | None = None,
    *,
    centred: bool = True,
) -> Problem:
    """Take logs, centre them, set bounds. `fixed` holds parameters at published values.

    A fixed amplitude must mean the same at every exponent, so coordinates are then not centred.
    """
    fixed = fixed or {}
    logs = {name: np.log(np.asarray(variables[name], dtype=float)) for name in law.variables}
    log_loss = np.log(np.asarray(loss, dtype=float))
    centre = {name: float(x.mean()) for name, x in logs.items()}
    if "u" in centre:
        centre["u"] = centre["d"]
    low, high = law.bounds({name: x - centre[name] for name, x in logs.items()}, log_loss)
    if fixed or not centred:
        low_offset, high_offset = law.offsets(low, centre), law.offsets(high, centre)
        for index in low_offset:
            low[index] += min(low_offset[index], high_offset[index])
            high[index] += max(low_offset[index], high_offset[index])
        centre = dict.fromkeys(centre, 0.0)
    logs = {name: x - centre[name] for name, x in logs.items()}
    free = np.array([name not in fixed for name in law.names])
    return Problem(law, objective, logs, log_loss, centre, low, high, free)


def minimise(problem: Problem, starts: Array, weights: Array, *, near: bool = False) -> Minimum:
    """Minimise from every row of starts (B, p) under observation weights (B, n) or (1, n).

    Weights may have any overall scale: each row is divided by its mean, so that a multiple of
    the objective has the same path and the same minimum. near: the starts are minima of a
    similar problem, so that the coarsest threshold need not come first.
    """
    count = len(problem.log_loss)
    starts = np.clip(starts, problem.low, problem.high)
    *rough, final = problem.objective.coarser()
    rows = max(1, CELLS // count)
    pieces = []
    for first in range(0, len(starts), rows):
        part = slice(first, first + rows)
        share = weights if len(weights) == 1 else weights[part]
        share = np.broadcast_to(share, (len(starts[part]), count))
        share = share / share.mean(axis=1, keepdims=True)
        theta = starts[part]
        for objective in rough[1:] if near else rough:
            theta = _newton(problem, objective, theta, share, COARSE).theta
        pieces.append(_newton(problem, final, theta, share, FINE))
    return Minimum(
        *(
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in ("theta", "value", "gradient", "converged")
        )
    )


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
    problem: Problem, theta: Array, weights: Array, objective: Objective | None = None
) -> Surface:
    """Objective and derivatives at theta (B, p) under weights (B, n)."""
    jet = problem.law.jet(theta, problem.logs)
    value, slope, curvature = (objective or problem.objective)(jet.value, problem.log_loss)
    distance = np.maximum(np.abs(jet.value - problem.log_loss), ROUNDING)
    weighted = weights * slope
    touching = np.einsum("bn,bn->b", np.abs(weighted), 1.0 / distance) / len(problem.log_loss)
    hessian = jet.curvature(weighted)
    hessian += (jet.gradient * (weights * curvature)[:, None, :]) @ jet.gradient.transpose(0, 2, 1)
    scale = touching[:, None] * np.einsum("bpn,bpn->bp", jet.gradient, jet.gradient)
    # A term that has vanished still needs a scale.
    scale = np.maximum(scale, 1e-12 * scale.max(axis=1, keepdims=True)) + 1e-100
    return Surface(
        np.einsum("bn,bn->b", weights, value),
        (jet.gradient @ weighted[:, :, None])[:, :, 0],
        hessian,
        scale,
    )


def _newton(
    problem: Problem, objective: Objective, starts: Array, weights: Array, stop: float
) -> Minimum:
    """Levenberg-damped Newton steps, projected on the bounds.

    Ends where a hardly damped step promises a relative decrease of the objective below `stop`.
    """
    theta = starts.copy()
    at = surface(problem, theta, weights, objective)
    floor = len(problem.log_loss) * ROUNDING**2
    damping = np.full(len(theta), 1e-2)
    going = np.ones(len(theta), dtype=bool)
    for _ in range(STEPS):
        rows = np.flatnonzero(going)
        if not len(rows):
            break
        here, local = theta[rows], at.take(rows)
        step = _step(local, damping[rows], _movable(problem, here, local.gradient))
        target = np.clip(here + step, problem.low, problem.high)
        new = surface(problem, target, weights[rows], objective)
        promised = -np.einsum("bp,bp->b", local.gradient, target - here)
        flat = promised <= stop * local.value + floor
        going[rows] = ~(flat & (damping[rows] <= 1e-2)) & (damping[rows] < 1e12)
        better = new.value <= local.value
        theta[rows[better]] = target[better]
        at.put(rows[better], new.take(better))
        damping[rows] *= np.where(better, 0.1, 10.0)
    pull = np.where(_movable(problem, theta, at.gradient), np.abs(at.gradient), 0.0)
    norm = (pull / np.sqrt(at.scale * (at.value + floor)[:, None])).max(axis=1)
    exact = at.value <= floor
    return Minimum(theta, at.value, norm, ~going & (exact | (norm < STATIONARY)))


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
    return np.einsum("bij,bj->bi", vectors, inner) * unit
