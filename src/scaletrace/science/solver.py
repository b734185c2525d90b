"""One damped Newton method for all starts, all resamples and all profile points at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scaletrace.science.law import Array, Law
from scaletrace.science.objectives import Objective

CELLS = 1 << 15  # observations x coordinate vectors that advance together: fits a processor cache
STEPS = 200
AGREEMENT = 1e-6  # relative excess of the objective within which two starts found the same minimum


class NotConvergedError(ArithmeticError):
    """No start reached a minimum: the message says how far they came and what may help."""


@dataclass(frozen=True)
class Problem:
    """Observations prepared for a law: logs of the variables about `centre`, logs of the loss.

    logs: variable -> (n,); low, high: bounds (p,) of the coordinates; free: (p,) which to fit.
    """

    law: Law
    objective: Objective
    logs: Mapping[str, Array]
    log_loss: Array
    centre: Mapping[str, float]
    low: Array
    high: Array
    free: Array

    def natural(self, theta: Array) -> Array:
        """Published parameters of coordinates (…, p)."""
        return self.law.natural(theta, self.centre)


@dataclass(frozen=True)
class Minimum:
    """Where B coordinate vectors ended: theta (B, p), objective, gradient norm, flags (B,).

    gradient: largest component of the free gradient, relative to the total weight times delta.
    """

    theta: Array
    value: Array
    gradient: Array
    converged: Array


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


def minimise(problem: Problem, starts: Array, weights: Array) -> Minimum:
    """Minimise from every row of starts (B, p) under observation weights (B, n) or (1, n).

    Weights may have any overall scale: each row is divided by its mean, so that a multiple of
    the objective has the same path and the same minimum.
    """
    count = len(problem.log_loss)
    starts = np.clip(starts, problem.low, problem.high)
    rows = max(1, CELLS // count)
    pieces = []
    for first in range(0, len(starts), rows):
        part = slice(first, first + rows)
        share = weights if len(weights) == 1 else weights[part]
        share = np.broadcast_to(share, (len(starts[part]), count))
        share = share / share.mean(axis=1, keepdims=True)
        theta = starts[part]
        *rough, final = problem.objective.coarser()
        for stage in rough:
            theta = _newton(problem, stage, theta, share, tolerance=1e-3).theta
        pieces.append(_newton(problem, final, theta, share, tolerance=1e-10))
    return Minimum(
        *(
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in ("theta", "value", "gradient", "converged")
        )
    )


def derivatives(
    problem: Problem, theta: Array, weights: Array, objective: Objective | None = None
) -> tuple[Array, Array, Array]:
    """Objective (B,), gradient (B, p) and Hessian (B, p, p) at theta under weights (B, n)."""
    jet = problem.law.jet(theta, problem.logs)
    value, slope, curvature = (objective or problem.objective)(jet.value, problem.log_loss)
    slope, curvature = weights * slope, weights * curvature
    gradient = (jet.gradient @ slope[:, :, None])[:, :, 0]
    hessian = jet.curvature(slope)
    hessian += (jet.gradient * curvature[:, None, :]) @ jet.gradient.transpose(0, 2, 1)
    return np.einsum("bn,bn->b", weights, value), gradient, hessian


def _newton(
    problem: Problem, objective: Objective, starts: Array, weights: Array, tolerance: float
) -> Minimum:
    """Levenberg-damped Newton steps, projected on the bounds; stops when steps < tolerance."""
    theta = starts.copy()
    value, gradient, hessian = derivatives(problem, theta, weights, objective)
    damping = np.full(len(theta), 1e-3)
    done = np.zeros(len(theta), dtype=bool)
    for _ in range(STEPS):
        active = np.flatnonzero(~done)
        if not len(active):
            break
        here = theta[active]
        moves = _movable(problem, here, gradient[active])
        step = _step(hessian[active], gradient[active], damping[active], moves)
        target = np.clip(here + step, problem.low, problem.high)
        new = derivatives(problem, target, weights[active], objective)
        better = new[0] <= value[active]
        small = np.abs(target - here).max(axis=1) < tolerance
        # Near a minimum rounding decides whether a step is better; far from one damping shrinks
        # steps, which is no sign of a minimum.
        done[active] = small & (damping[active] <= 1e-2)
        stuck = damping[active] > 1e12
        done[active[stuck]] = True
        accepted = active[better]
        theta[accepted] = target[better]
        value[accepted], gradient[accepted], hessian[accepted] = (part[better] for part in new)
        damping[accepted] = np.maximum(damping[accepted] * 0.1, 1e-13)
        damping[active[~better]] *= 10.0
    moves = _movable(problem, theta, gradient)
    unit = weights.sum(axis=1) * (objective.delta if objective.name != "squared" else 1.0)
    norm = np.abs(np.where(moves, gradient, 0.0)).max(axis=1) / unit
    return Minimum(theta, value, norm, done & (norm < 1e-6))


def _movable(problem: Problem, theta: Array, gradient: Array) -> Array:
    """Coordinates (B, p) that are free and not pressed against a bound."""
    pressed = ((theta <= problem.low) & (gradient > 0)) | ((theta >= problem.high) & (gradient < 0))
    return problem.free & ~pressed


def _step(hessian: Array, gradient: Array, damping: Array, moves: Array) -> Array:
    """Solve (H + damping diag|H|) step = -gradient over the movable coordinates."""
    size = hessian.shape[-1]
    matrix = np.where(moves[:, :, None] & moves[:, None, :], hessian, 0.0)
    diagonal = np.abs(np.einsum("bii->bi", matrix))
    diagonal = np.where(diagonal > 0, diagonal, 1.0)
    scale = 1.0 / np.sqrt(diagonal)
    matrix = matrix * scale[:, :, None] * scale[:, None, :]
    index = np.arange(size)
    matrix[:, index, index] += damping[:, None]
    matrix[:, index, index] = np.where(moves, matrix[:, index, index], 1.0)
    right = np.where(moves, -gradient, 0.0) * scale
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(np.abs(values), 1e-14)
    inner = np.einsum("bij,bi->bj", vectors, right) / values
    return np.einsum("bij,bj->bi", vectors, inner) * scale
