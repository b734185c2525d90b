"""Newton's method for all curves of an IsoFLOP analysis, all resamples at once.

Budgets meet in the shared parameters alone, so that a step is one small system per budget and one
for what is shared (Schur's complement): many budgets and resamples advance together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.isoflop_curves import OWN, SHARED, Curves, Runs, falling
from scaletrace.fitting.law import Array
from scaletrace.fitting.penalties import Objective

Bounds = tuple[tuple[Array, Array], tuple[Array, Array]]  # of own, of shared: low, high
LEAST, MOST = 1e-6, 1e9  # of E, p and q, in units of the lowest loss: there a term is gone
EXPONENT_ENDS, LOG_GAMMA_ENDS = (1e-3, 4.0), (np.log(1e-2), np.log(1e1))
STEPS = 300  # of starts, of which the best counts
COARSE, FINE = 1e-2, 1e-11  # predicted relative decrease of the objective at which to stop
ROUNDING = 1e-13  # log residuals below this are arithmetic noise


def minimise(
    runs: Runs,
    objective: Objective,
    begin: Curves,
    observed: Array | None = None,
    *,
    bend: bool = False,
    steps: int = STEPS,
) -> Curves:
    """Minimise the sum of penalties from every set of curves.

    observed (B, K, m): log losses in place of the runs' own, such as resamples'. bend: fit gamma
    too, which else is 1.
    """
    seen = np.broadcast_to(
        runs.log_loss if observed is None else observed, (len(begin.own), *runs.log_loss.shape)
    )
    *rough, final = objective.coarser()
    curves = begin
    for coarser in rough:
        curves = _newton(runs, coarser, curves, seen, bend, COARSE, steps)
    return _newton(runs, final, curves, seen, bend, FINE, steps)


def _newton(
    runs: Runs,
    objective: Objective,
    begin: Curves,
    seen: Array,
    bend: bool,
    stop: float,
    steps: int,
) -> Curves:
    """Levenberg-damped Newton steps, projected on the bounds."""
    own, shared = begin.own.copy(), begin.shared.copy()
    bounds = _bounds(bend=bend)
    at = _surface(runs, objective, own, shared, seen)
    floor = runs.real.sum() * ROUNDING**2
    damping, going = np.full(len(own), 1e-2), np.ones(len(own), dtype=bool)
    settled = ~going
    for _ in range(steps):
        rows = np.flatnonzero(going)
        if not len(rows):
            break
        here, place = at.take(rows), (own[rows], shared[rows])
        step = _step(here, place, damping[rows], bounds)
        new_shared = np.clip(place[1] + step[1], *bounds[1])
        new_own = _follow(runs, place, step[0], new_shared, bounds)
        new = _surface(runs, objective, new_own, new_shared, seen[rows])
        promised = -(here.own_slope * (new_own - place[0])).sum(axis=(1, 2))
        promised -= (here.shared_slope * (new_shared - place[1])).sum(axis=1)
        flat = promised <= stop * here.value + floor
        settled[rows] = flat & (damping[rows] <= 1e-2)
        going[rows] = ~settled[rows] & (damping[rows] < 1e12)
        better = new.value <= here.value
        own[rows[better]], shared[rows[better]] = new_own[better], new_shared[better]
        at.put(rows[better], new.take(better))
        damping[rows] *= np.where(better, 0.1, 10.0)
    return Curves(own, shared, at.value, settled)


def _follow(
    runs: Runs, place: tuple[Array, Array], step: Array, shared: Array, bounds: Bounds
) -> Array:
    """E, p and q at other exponents, so that three losses of a budget change as the step says.

    E, p and q make up for one another as exponents change, along a valley that bends: straight
    steps in them leave it at once. Losses at three runs hardly change along it. What the step
    leaves at a bound stays there, and the others come as near as they can.
    """
    (own, before), low, high = place, *bounds[0]
    old, new = _at_anchors(runs, before), _at_anchors(runs, shared)
    change = (shared - before)[:, None, None, :2]
    moved = -own[..., None, 1:] * old[..., 1:] * runs.anchors * change
    losses = (old @ (own + step)[..., None])[..., 0] + moved.sum(axis=-1)
    own = np.clip(own + step, low, high)
    free = (own > low) & (own < high)
    for _ in range(2):
        columns = new * free[..., None, :]
        square = columns.swapaxes(-1, -2) @ columns
        square[..., range(OWN), range(OWN)] += ~free
        lacking = losses[..., None] - new @ own[..., None]
        nearer = own + np.linalg.solve(square, columns.swapaxes(-1, -2) @ lacking)[..., 0] * free
        own = np.clip(nearer, low, high)
        if (own == nearer).all():
            break
        free &= (own > low) & (own < high)
    return own


def _at_anchors(runs: Runs, shared: Array) -> Array:
    """What E, p and q are multiplied by at the anchors (B, K, 3, 3)."""
    powers = np.exp(-shared[:, None, None, :2] * runs.anchors)
    return np.concatenate([np.ones((*powers.shape[:-1], 1)), powers], axis=-1)


@dataclass(frozen=True)
class _Surface:
    """The objective about B sets of curves, its slopes and second derivatives, by block.

    scale: per coordinate a curvature that is never zero, from parabolas that touch the penalties
    from above.
    """

    value: Array
    own_slope: Array  # (B, K, 3)
    shared_slope: Array  # (B, 3)
    own: Array  # (B, K, 3, 3)
    cross: Array  # (B, K, 3, 3): own by shared
    shared: Array  # (B, 3, 3)
    own_scale: Array  # (B, K, 3)
    shared_scale: Array  # (B, 3)

    def take(self, rows: Any) -> "_Surface":
        return _Surface(*(values[rows] for values in vars(self).values()))

    def put(self, rows: Any, other: "_Surface") -> None:
        for name, values in vars(self).items():
            values[rows] = getattr(other, name)


def _surface(runs: Runs, objective: Objective, own: Array, shared: Array, seen: Array) -> _Surface:
    by_n, by_d = falling(runs, shared)
    p, q = own[..., 1, None], own[..., 2, None]
    whole = own[..., 0, None] + p * by_n + q * by_d
    gamma = np.exp(shared[:, 2, None, None])
    log_loss = gamma * np.log(whole)
    # Slopes of log(whole) in E, p, q, alpha, beta; then gamma as a factor.
    a, b, x, z = by_n / whole, by_d / whole, runs.log_n, runs.log_d
    slopes = np.stack([1.0 / whole, a, b, -p * x * a, -q * z * b], axis=-2)  # (B, K, 5, m)
    value, slope, curvature = objective(log_loss, seen)
    weighted = runs.weights * slope
    gradient = np.concatenate([gamma[..., None] * slopes, log_loss[..., None, :]], axis=-2)
    bending = (gamma * weighted)[..., None, :]
    hessian = (gradient * (runs.weights * curvature)[..., None, :]) @ gradient.swapaxes(-1, -2)
    hessian[..., :5, :5] -= (slopes * bending) @ slopes.swapaxes(-1, -2)
    bent = bending[..., 0, :]
    for i, j, second in (
        (1, 3, -x * a),
        (2, 4, -z * b),
        (3, 3, p * x**2 * a),
        (4, 4, q * z**2 * b),
    ):
        entry = (bent * second).sum(axis=-1)
        hessian[..., i, j] += entry
        if i != j:
            hessian[..., j, i] += entry
    total = (gradient @ weighted[..., None])[..., 0]  # (B, K, 6)
    hessian[..., 5, :] += total
    hessian[..., :5, 5] += total[..., :5]
    distance = np.maximum(np.abs(log_loss - seen), ROUNDING)
    touching = (np.abs(weighted) / distance).sum(axis=(1, 2)) / runs.real.sum()
    squares = (runs.real[:, None, :] * gradient**2).sum(axis=-1)
    squares *= touching[:, None, None]
    shared_scale = squares[..., OWN:].sum(axis=1)
    return _Surface(
        (runs.weights * value).sum(axis=(1, 2)),
        total[..., :OWN],
        total[..., OWN:].sum(axis=1),
        hessian[..., :OWN, :OWN],
        hessian[..., :OWN, OWN:],
        hessian[..., OWN:, OWN:].sum(axis=1),
        squares[..., :OWN] + 1e-100,
        np.maximum(shared_scale, 1e-12 * shared_scale.max(axis=1, keepdims=True)) + 1e-100,
    )


def _step(
    at: _Surface, place: tuple[Array, Array], damping: Array, bounds: Bounds
) -> tuple[Array, Array]:
    """Downhill Newton step over the coordinates that are not pressed against a bound.

    Where a block curves downwards its curvature is taken absolute, so that the step goes downhill.
    """
    own_moves = _movable(place[0], at.own_slope, bounds[0])
    shared_moves = _movable(place[1], at.shared_slope, bounds[1])
    unit, shared_unit = at.own_scale**-0.5 * own_moves, at.shared_scale**-0.5 * shared_moves
    block = at.own * unit[..., None] * unit[..., None, :]
    block[..., range(OWN), range(OWN)] += ~own_moves
    values, vectors = np.linalg.eigh(block)
    values = np.maximum(np.abs(values), 1e-14) + damping[:, None, None]
    cross = vectors.swapaxes(-1, -2) @ (at.cross * unit[..., None] * shared_unit[:, None, None])
    right = (vectors.swapaxes(-1, -2) @ (-at.own_slope * unit)[..., None])[..., 0]
    # Schur's complement: what the shared parameters feel when every budget follows them.
    middle = at.shared * shared_unit[:, :, None] * shared_unit[:, None, :]
    middle[:, range(SHARED), range(SHARED)] += ~shared_moves
    middle -= np.einsum("bkis,bki,bkit->bst", cross, 1.0 / values, cross)
    rest = -at.shared_slope * shared_unit - np.einsum("bkis,bki->bs", cross, right / values)
    sizes, axes = np.linalg.eigh(middle)
    sizes = np.maximum(np.abs(sizes), 1e-14) + damping[:, None]
    along = np.einsum("bij,bj->bi", axes, np.einsum("bij,bi->bj", axes, rest) / sizes)
    inner = (right - np.einsum("bkis,bs->bki", cross, along)) / values
    return (vectors @ inner[..., None])[..., 0] * unit, along * shared_unit


def _bounds(*, bend: bool) -> Bounds:
    """Lower and upper ends of what is a budget's own, and of what is shared."""
    shared = np.array([EXPONENT_ENDS, EXPONENT_ENDS, LOG_GAMMA_ENDS if bend else (0.0, 0.0)])
    return (np.full(OWN, LEAST), np.full(OWN, MOST)), (shared[:, 0], shared[:, 1])


def _movable(place: Array, slope: Array, ends: tuple[Array, Array]) -> NDArray[np.bool_]:
    low, high = ends
    return ~(((place <= low) & (slope > 0.0)) | ((place >= high) & (slope < 0.0))) & (low < high)
