"""The curves of an IsoFLOP analysis: losses of one budget against N, fitted to all budgets at once.

At a budget the loss is (E + p / N^alpha + q / D^beta)^gamma, with E, p and q its own, and alpha,
beta and gamma shared by all: the shape that Hoffmann's law (gamma 1) and Kaplan's (E 0) take there,
whatever a token costs, for N and D are those of the runs. How E, p and q depend on the budget is
not assumed, so that the growth of the minima with C remains a finding.

Budgets meet in the shared parameters alone, so that a Newton step is one small system per budget
and one for what is shared (Schur's complement): many budgets and resamples advance together.

Shapes: B starts or resamples x K budgets x m runs of a budget; shorter budgets are padded with
runs of weight 0.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.law import Array, TwoPowers
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError

Bounds = tuple[tuple[Array, Array], tuple[Array, Array]]  # of own, of shared: low, high
OWN, SHARED = 3, 3  # E, p, q of each budget; alpha, beta, log gamma of all
EXPONENTS = (0.15, 0.4, 0.8)  # of starts
LEAST, MOST = 1e-6, 1e9  # of E, p and q, in units of the lowest loss: there a term is gone
EXPONENT_ENDS, LOG_GAMMA_ENDS = (1e-3, 4.0), (np.log(1e-2), np.log(1e1))
BENT = (-2.4, -1.6, -0.8, 0.4)  # starts of log gamma
CLEAR = 10.0  # difference of BIC that counts as very strong evidence (Kass and Raftery 1995)
WIDE = 0.03  # a Huber threshold beyond the noise of any training
EFFICIENT = 1.345  # standard deviations
FAR = 3.0
STEPS = 300
COARSE, FINE = 1e-2, 1e-11  # predicted relative decrease of the objective at which to stop
ROUNDING = 1e-13  # log residuals below this are arithmetic noise
EXACT = 1e-6  # root mean square log residual of an exact fit


@dataclass(frozen=True)
class Runs:
    """Runs by budget, all (K, m): log N, log D and log loss about `centre`, weights."""

    log_n: Array
    log_d: Array
    log_loss: Array
    weights: Array
    centre: tuple[float, float, float]

    @cached_property
    def anchors(self) -> Array:
        """Log N and log D (K, 3, 2) of the smallest, a middle and the largest model of a budget."""
        order = np.argsort(np.where(self.real, self.log_n, np.inf), axis=1, kind="stable")
        last = self.real.sum(axis=1) - 1
        rows = np.take_along_axis(order, np.stack([0 * last, last // 2, last], axis=1), axis=1)
        places = (np.take_along_axis(x, rows, axis=1) for x in (self.log_n, self.log_d))
        return np.stack(list(places), axis=-1)

    @property
    def real(self) -> NDArray[np.bool_]:
        """Which entries are runs, not padding."""
        return self.weights > 0.0


def by_budget(codes: NDArray[np.int64], n: Array, d: Array, loss: Array, weights: Array) -> Runs:
    """Sort runs, each (n,), into budgets by their codes 0 to K - 1."""
    members = [np.flatnonzero(codes == k) for k in range(codes.max() + 1)]
    longest = max(map(len, members))
    index = np.array([np.resize(rows, longest) for rows in members])
    real = np.arange(longest) < np.array([[len(rows)] for rows in members])
    log_n, log_d, log_loss = np.log(n), np.log(d), np.log(loss)
    centre = float(log_n.mean()), float(log_d.mean()), float(log_loss.min())
    return Runs(
        log_n[index] - centre[0],
        log_d[index] - centre[1],
        log_loss[index] - centre[2],
        np.where(real, weights[index] / weights.mean(), 0.0),
        centre,
    )


@dataclass(frozen=True)
class Curves:
    """B sets of curves: own (B, K, 3) is E, p, q; shared (B, 3) is alpha, beta, log gamma.

    value (B,): the objective. settled (B,): whether a minimum was reached, bounds included.
    """

    own: Array
    shared: Array
    value: Array
    settled: NDArray[np.bool_]

    def take(self, rows: Any) -> "Curves":
        """Return the sets of an index or mask."""
        return Curves(self.own[rows], self.shared[rows], self.value[rows], self.settled[rows])

    def powers(self, runs: Runs) -> TwoPowers:
        """The two powers (B, K) of N and D whose sum is least where a curve is."""
        alpha, beta = self.shared[:, 0, None], self.shared[:, 1, None]
        return TwoPowers(
            floor=np.zeros_like(alpha),
            log_a=np.log(self.own[..., 1]) + alpha * runs.centre[0],
            alpha=alpha,
            log_b=np.log(self.own[..., 2]) + beta * runs.centre[1],
            beta=beta,
            outer=np.ones_like(alpha),
        )

    def repeat(self, count: int) -> "Curves":
        """The first set, as often as asked."""
        return self.take(np.zeros(count, dtype=int))


def predicted(runs: Runs, curves: Curves) -> Array:
    """Log losses (B, K, m) of the curves at the runs."""
    by_n, by_d = _falling(runs, curves.shared)
    level, p, q = (curves.own[..., i, None] for i in range(OWN))
    return np.exp(curves.shared[:, 2, None, None]) * np.log(level + p * by_n + q * by_d)


def loss_along(runs: Runs, curves: Curves, budget: int, log_n: Array, log_d: Array) -> Array:
    """Losses of the first set of curves at a budget's log N and log D (m,)."""
    x, z = log_n - runs.centre[0], log_d - runs.centre[1]
    (level, p, q), (alpha, beta, log_gamma) = curves.own[0, budget], curves.shared[0]
    whole = level + p * np.exp(-alpha * x) + q * np.exp(-beta * z)
    return np.exp(np.exp(log_gamma) * np.log(whole) + runs.centre[2])


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
    pairs = np.array([(a, b, g) for g in log_gammas for a in EXPONENTS for b in EXPONENTS])
    by_n, by_d = _falling(runs, pairs)
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


def minimise(
    runs: Runs,
    objective: Objective,
    begin: Curves,
    observed: Array | None = None,
    *,
    bend: bool = False,
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
        curves = _newton(runs, coarser, curves, seen, bend, COARSE)
    return _newton(runs, final, curves, seen, bend, FINE)


def _newton(
    runs: Runs, objective: Objective, begin: Curves, seen: Array, bend: bool, stop: float
) -> Curves:
    """Levenberg-damped Newton steps, projected on the bounds."""
    own, shared = begin.own.copy(), begin.shared.copy()
    bounds = _bounds(bend=bend)
    at = _surface(runs, objective, own, shared, seen)
    floor = runs.real.sum() * ROUNDING**2
    damping, going = np.full(len(own), 1e-2), np.ones(len(own), dtype=bool)
    settled = ~going
    for _ in range(STEPS):
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
    by_n, by_d = _falling(runs, shared)
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


def _falling(runs: Runs, shared: Array) -> tuple[Array, Array]:
    """N^-alpha and D^-beta (B, K, m)."""
    alpha, beta = shared[:, 0, None, None], shared[:, 1, None, None]
    return np.exp(-alpha * runs.log_n), np.exp(-beta * runs.log_d)


def _bounds(*, bend: bool) -> Bounds:
    """Lower and upper ends of what is a budget's own, and of what is shared."""
    shared = np.array([EXPONENT_ENDS, EXPONENT_ENDS, LOG_GAMMA_ENDS if bend else (0.0, 0.0)])
    return (np.full(OWN, LEAST), np.full(OWN, MOST)), (shared[:, 0], shared[:, 1])


def _movable(place: Array, slope: Array, ends: tuple[Array, Array]) -> NDArray[np.bool_]:
    low, high = ends
    return ~(((place <= low) & (slope > 0.0)) | ((place >= high) & (slope < 0.0))) & (low < high)
