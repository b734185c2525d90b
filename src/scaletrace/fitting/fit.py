"""One law fitted to one set of observations, with the certificate that says how well it went."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting import noise
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import (
    AGREEMENT,
    CELLS,
    Minimum,
    NotConvergedError,
    Problem,
    Spring,
    Surface,
    joined,
    minimise,
    problem_of,
    surface,
)

GRID, NARROWINGS = 17, 10  # values of an exponent, and how often their range is narrowed
SOME = 4000  # observations of very many, to see where starts lead
MOVED = 1e-8  # a smaller move from the start, in logs and exponents, is none


@dataclass(frozen=True)
class Observations:
    """What is fitted, one entry per run.

    variables: n, d, c, u as far as known, each (n,); loss (n,); cluster, seed: integer codes (n,)
    of what shares noise; weights (n,), any overall scale.
    """

    variables: Mapping[str, Array]
    loss: Array
    cluster: NDArray[np.int64]
    seed: NDArray[np.int64]
    weights: Array

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, rows: NDArray[Any]) -> "Observations":
        """Return the observations of an index or mask."""
        return Observations(
            {name: values[rows] for name, values in self.variables.items()},
            self.loss[rows],
            self.cluster[rows],
            self.seed[rows],
            self.weights[rows],
        )


@dataclass(frozen=True)
class FittedLaw:
    """A minimum: coordinates theta (p,), objective (sum over observations), how sure it is."""

    problem: Problem
    weights: Array
    theta: Array
    value: float
    certificate: dict[str, Any]

    @property
    def law(self) -> Law:
        """The fitted law."""
        return self.problem.law

    @property
    def params(self) -> dict[str, float]:
        """Published parameters by name."""
        values = self.problem.natural(self.theta)
        return dict(zip(self.law.names, map(float, values), strict=True))

    @property
    def surface(self) -> Surface:
        """The objective about the minimum, one row."""
        problem = self.problem
        return surface(
            problem,
            problem.objective,
            self.theta[None],
            self.weights[None],
            problem.log_loss[None],
        )

    @property
    def spare(self) -> int:
        """Observations that the parameters do not use up; at least one."""
        return max(1, len(self.problem.log_loss) - int(self.problem.free.sum()))

    @cached_property
    def noise(self) -> float:
        """Standard deviation of Gaussian log noise that explains the objective at its minimum.

        Solves value = (n - p) E[penalty(sigma z)].
        """
        return noise.scale(self.problem.objective, self._middle, self.value / self.spare)

    def moments(self, sigma: float) -> tuple[float, float, float]:
        """E[penalty], E[slope^2], E[curvature] of a run for log noise of standard deviation."""
        return noise.moments(self.problem.objective, self._middle, sigma)

    @cached_property
    def _middle(self) -> float:
        return float(np.median(self.problem.log_loss))

    @property
    def log_residuals(self) -> Array:
        """Log observed minus log predicted loss (n,)."""
        return self.problem.log_loss - self.law.jet(self.theta[None], self.problem.logs).value[0]


def fit(
    observations: Observations,
    law: Law,
    objective: Objective,
    fixed: Mapping[str, float] | None = None,
    starts: Array | None = None,
) -> FittedLaw:
    """Fit `law` from its own starts, or from `starts` (S, p) in internal coordinates.

    Raises:
        NotConvergedError: no start reached a minimum, or none moved.
    """
    problem = problem_of(law, observations.variables, observations.loss, objective, fixed)
    if starts is None:
        starts = starting_points(problem, fixed or {})
    weights = observations.weights / observations.weights.mean()
    minimum = explore(problem, starts, weights[None])
    if not minimum.converged[minimum.value.argmin()]:
        minimum = _along_the_valley(problem, minimum, weights)
        starts = np.resize(starts, minimum.theta.shape)
    order = np.argsort(minimum.value, kind="stable")
    lowest = minimum.value[order[0]]
    near = np.abs(minimum.value - lowest) <= AGREEMENT * lowest + 1e-14 * len(observations)
    candidates = np.flatnonzero(near & minimum.converged)
    if not len(candidates):
        raise NotConvergedError(
            f"{law.name}: none of {len(starts)} starts converged "
            f"(gradient {minimum.gradient[order[0]]:.1e} of the largest possible); "
            "the observations may not determine the law: fix a parameter or use a simpler law"
        )
    best = candidates[np.argmin(minimum.value[candidates])]
    theta = minimum.theta[best]
    moved = np.abs(theta - np.clip(starts[best], problem.low, problem.high)).max()
    if moved < MOVED and problem.free.any():
        raise NotConvergedError(f"{law.name}: the optimiser did not move from its start")
    at = surface(problem, objective, theta[None], weights[None], problem.log_loss[None])
    free = problem.free
    unit = np.sqrt(at.scale[0])
    scaled = (at.hessian[0] / unit / unit[:, None])[np.ix_(free, free)]
    at_bound = free & ((theta <= problem.low) | (theta >= problem.high))
    certificate = {
        "converged": True,
        "gradient_norm": float(minimum.gradient[best]),
        "smallest_hessian_eigenvalue": float(np.linalg.eigvalsh(scaled)[0]) if free.any() else None,
        "starts": len(starts),
        "starts_converged": int(minimum.converged.sum()),
        "starts_agreeing": int((near & minimum.converged).sum()),
        "distance_moved": float(moved),
        "on_bound": [name for name, on in zip(law.names, at_bound, strict=True) if on],
    }
    return FittedLaw(problem, weights, theta, float(minimum.value[best]), certificate)


def explore(problem: Problem, starts: Array, weights: Array) -> Minimum:
    """Minimise from every start (S, p) under each row of weights (W, n): W times S minima.

    Where observations are very many, first for some of them, and from there for all.
    """
    if weights.shape[1] <= CELLS:
        return minimise(problem, *each_under_each(starts, weights))
    some = np.random.default_rng(0).choice(weights.shape[1], SOME, replace=False)
    reached = minimise(problem.take(some), *each_under_each(starts, weights[:, some]))
    minima = []
    for theta, row in zip(np.split(reached.theta, len(weights)), weights, strict=True):
        distinct, which = np.unique(theta.round(6), axis=0, return_inverse=True)
        minima.append(minimise(problem, distinct, row[None], near=True).take(which))
    return joined(minima)


def each_under_each(starts: Array, weights: Array) -> tuple[Array, Array]:
    """Return starts (W * S, p) with weights (W * S, n), all of the first weights first."""
    shape = (len(weights), len(starts), weights.shape[1])
    under = np.broadcast_to(weights[:, None], shape)
    return np.tile(starts, (len(weights), 1)), under.reshape(-1, shape[2])


def _along_the_valley(problem: Problem, reached: Minimum, weights: Array) -> Minimum:
    """Search a flat curved valley by its exponent: hold it on a grid, solve, narrow the grid.

    Where losses hardly bend, E, A and alpha trade against one another over decades, and steps
    that keep to the valley's curved floor are short. With the exponent held they are not.
    """
    exponents = [
        index
        for index, parameter in enumerate(problem.law.parameters)
        if parameter.kind == "exponent" and problem.free[index]
    ]
    minima = [reached, without_level(problem, reached.theta, weights[None])]
    for index in exponents:
        best = reached.theta[reached.value.argmin()]
        targets = np.geomspace(1e-4, problem.high[index], GRID)
        for _ in range(NARROWINGS):
            spacing = np.gradient(targets)
            stiffness = 1e3 * reached.value.min() / spacing**2
            spring = Spring(lambda theta, i=index: theta[:, i], targets, stiffness)
            starts = np.repeat(best[None], GRID, axis=0)
            starts[:, index] = targets
            resting = minimise(problem, starts, weights[None], None, spring)
            value = resting.value - 0.5 * stiffness * (resting.theta[:, index] - targets) ** 2
            lowest = int(value.argmin())
            best = resting.theta[lowest]
            around = resting.theta[[max(lowest - 1, 0), min(lowest + 1, GRID - 1)], index]
            targets = np.linspace(around.min(), around.max(), GRID)
            if np.ptp(targets) < 1e-9:
                break
        minima.append(minimise(problem, best[None], weights[None], near=True))
    return joined(minima)


def without_level(problem: Problem, starts: Array, weights: Array) -> Minimum:
    """Minimise with the level held at its bound, zero, and let it go there.

    In a valley that leads to no level at all the steps towards it are ever shorter. starts (B, p),
    weights (B, n) or (1, n).
    """
    levels = np.array([parameter.kind == "level" for parameter in problem.law.parameters])
    levels &= problem.free
    held = replace(problem, free=problem.free & ~levels)
    gone = minimise(held, np.where(levels, problem.low, starts), weights)
    return minimise(problem, gone.theta, weights, near=True)


def first_steps(fitted: FittedLaw) -> Array:
    """Return the Newton step (n, p) that doubling each observation's weight calls for."""
    problem, free = fitted.problem, fitted.problem.free
    jet = problem.law.jet(fitted.theta[None], problem.logs)
    slope = problem.objective(jet.value, problem.log_loss[None])[1][0] * fitted.weights
    at = fitted.surface
    inverse = np.linalg.pinv(at.hessian[0][np.ix_(free, free)], rcond=1e-10, hermitian=True)
    steps = np.zeros((len(slope), len(free)))
    steps[:, free] = (slope * jet.gradient[0][free]).T @ inverse
    return steps


def starting_points(problem: Problem, fixed: Mapping[str, float]) -> Array:
    """Return the law's starting values about its centre, moved to the problem's coordinates."""
    law, moved = problem.law, problem.law.centre(problem.logs)
    about = {name: x - moved[name] for name, x in problem.logs.items()}
    centre = {name: problem.centre[name] + moved[name] for name in moved}
    values = law.natural(law.guesses(about, problem.log_loss), centre)
    for name, value in fixed.items():
        values[:, law.index(name)] = value
    return law.internal(values, problem.centre)
