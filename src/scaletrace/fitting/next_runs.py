"""Which runs to make next: those that most shrink a goal's interval for the FLOPs they take.

A Bayesian c-optimal design. Log loss is taken to be the law, linear in its coordinates about each
of several draws of them, plus what the law gets wrong, a Gaussian process that bends over a decade
of each variable (Kennedy and O'Hagan 2001), plus noise that runs of one size may share. Runs far
from all others tell less of the goal than the law alone would have it, so that the proposed ones
do not all land in one corner. The design is greedy, then exchanged run by run (Fedorov 1972).

Shapes: B draws, n measured runs, m places where a run can be made, p coordinates of the law.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scaletrace.fitting.design import ALIKE
from scaletrace.fitting.goals import Goal
from scaletrace.fitting.law import Array, Law, logs_of

BENDS_OVER = np.log(10.0)  # of a variable: there the law's error is another one
PRIOR = {"exponent": 1.0, "level": 3.0}  # standard deviations of coordinates before any run
PRIOR_LOG = 5.0
STEP = 1e-5  # of a coordinate, for the slopes of a goal
MOST_MEASURED, NEARBY = 1000, 0.2  # of more runs, those so near (in logs) are taken together
SWEEPS = 5
MOST_SEEDS = 3  # runs at one place
LEAST_GAIN = 0.01  # of the mean log variance of the goal: a run that tells less is not worth a job
PRICES = (1.0, 0.5, 0.0)  # powers of the FLOPs by which greedy designs divide what a run tells

Variables = Mapping[str, Array]


@dataclass(frozen=True)
class Noise:
    """Standard deviations of log loss: of a run's noise, and of what the law gets wrong.

    shared: the part of the noise's variance that runs of one size have in common.
    """

    scale: float
    shared: float
    law_error: float


@dataclass(frozen=True)
class Belief:
    """Covariances (B, m + 1, m + 1) of log loss at the places and, last, of the goal.

    own: variance of a run's noise that no other shares.
    """

    covariance: Array
    own: float

    def spread(self, runs: Sequence[int] = ()) -> float:
        """Standard deviation of the goal once runs at these places are measured, over draws."""
        return float(np.sqrt(np.mean(self._goal(runs)[0])))

    def gains(self, runs: Sequence[int]) -> Array:
        """By how much one more run at each place lowers the mean log variance of the goal, (m,)."""
        variance, across, own = self._goal(runs)
        told = across**2 / (variance[:, None] * (own + self.own))
        return -np.log1p(-np.minimum(told, 1.0 - 1e-12)).mean(axis=0)

    def log_variance(self, runs: Sequence[int]) -> float:
        """Mean over the draws of the logarithm of the goal's variance."""
        return float(np.log(self._goal(runs)[0]).mean())

    def _goal(self, runs: Sequence[int]) -> tuple[Array, Array, Array]:
        """Variance of the goal (B,), its covariance with the places and theirs own (B, m)."""
        cov = self.covariance
        goal, across = cov[:, -1, -1], cov[:, -1, :-1]
        own = np.diagonal(cov, axis1=1, axis2=2)[:, :-1]
        if not len(runs):
            return goal, across, own
        rows = cov[:, list(runs), :]
        inner = rows[:, :, list(runs)] + self.own * np.eye(len(runs))
        root = np.linalg.inv(np.linalg.cholesky(inner))
        told = root @ rows
        to_goal = told[:, :, -1]
        return (
            np.maximum(goal - (to_goal**2).sum(axis=1), 1e-300),
            across - np.einsum("br,brm->bm", to_goal, told[:, :, :-1]),
            np.maximum(own - (told[:, :, :-1] ** 2).sum(axis=1), 0.0),
        )


def belief(
    law: Law, draws: Array, measured: Variables, places: Variables, goal: Goal, noise: Noise
) -> Belief:
    """What is known of the places and the goal after the measured runs.

    Args:
        law: as fitted.
        draws: published parameters (B, p) of resamples, about each of which it is linear.
        measured: variable -> values (n,) of the runs that were fitted.
        places: variable -> values (m,) where a run can be made.
        goal: what is wanted.
        noise: of runs and of the law.
    """
    measured, runs = _gathered(measured)
    centre = law.centre({name: logs_of(measured[name]) for name in law.variables})
    # A level of nothing has no logarithm.
    theta = law.internal(np.maximum(draws, 1e-12), centre)
    at_runs, at_places = (
        law.jet(theta, {name: logs_of(x[name]) - centre[name] for name in law.variables}).gradient
        for x in (measured, places)
    )
    here = [places, *([] if goal.at is None else [_arrays(goal.at)])]
    wanted = {name: np.concatenate([x[name] for x in here]) for name in places}
    # (B, n, p), and (B, m + 1, p) with the goal's slopes last.
    from_runs = at_runs.transpose(0, 2, 1)
    slopes = np.concatenate(
        [at_places.transpose(0, 2, 1), goal_slopes(law, goal, theta, centre)[:, None, :]], axis=1
    )
    same, across, there = (
        _law_error(x, y, noise)
        for x, y in ((measured, measured), (wanted, measured), (wanted,) * 2)
    )
    same = same + _shared(measured, measured, noise) + np.diag(_own(noise) / runs)
    many = len(places[law.variables[0]])
    across[:many] += _shared(places, measured, noise)
    there[:many, :many] += _shared(places, places, noise)
    if goal.at is None:  # the law's own parameters have no error of the law beside them
        across = np.concatenate([across, np.zeros((1, across.shape[1]))])
        there = np.pad(there, ((0, 1), (0, 1)))
    weights = np.linalg.solve(same, across.T).T  # (m + 1, n)
    prior = np.array([_prior(law, index) for index in range(len(law.parameters))])
    information = from_runs.transpose(0, 2, 1) @ np.linalg.solve(same, from_runs)
    known = np.linalg.inv(information + np.diag(prior**-2.0))
    rest = slopes - weights @ from_runs
    covariance = there - weights @ across.T + rest @ known @ rest.transpose(0, 2, 1)
    return Belief(0.5 * (covariance + covariance.transpose(0, 2, 1)), _own(noise))


def _gathered(measured: Variables) -> tuple[Variables, Array]:
    """Of very many runs, the middle of each group of near ones; with the numbers of runs (n,)."""
    logs = np.log(np.stack(list(measured.values())))
    if logs.shape[1] <= MOST_MEASURED:
        return measured, np.ones(logs.shape[1])
    codes, runs = np.unique(
        np.round(logs / NEARBY), axis=1, return_inverse=True, return_counts=True
    )[1:]
    middles = np.array([np.bincount(codes.ravel(), x) / runs for x in logs])
    return dict(zip(measured, np.exp(middles), strict=True)), runs.astype(float)


def choose(about: Belief, flops: Array, spend: float) -> list[int]:
    """Places (indices into m) of runs that together take at most `spend` FLOPs, best first.

    flops (m,): of a run at each place. A place may come several times, as runs of other seeds.
    Where nothing tells enough, none.
    """
    designs = [_exchanged(about, flops, spend, _greedy(about, flops, spend, p)) for p in PRICES]
    return _ordered(about, min(designs, key=about.log_variance))


def _worth(about: Belief, flops: Array, left: float, runs: list[int]) -> Array:
    """By how much a run at each place (m,) lowers the log variance; -inf where none may be."""
    many = np.bincount(runs, minlength=len(flops)) >= MOST_SEEDS
    return np.where(many | (flops > left), -np.inf, about.gains(runs))


def _greedy(about: Belief, flops: Array, spend: float, price: float) -> list[int]:
    runs: list[int] = []
    left = spend
    while True:
        worth = _worth(about, flops, left, runs)
        worth = np.where(worth >= LEAST_GAIN, worth / flops**price, -np.inf)
        if np.isneginf(worth).all():
            return runs
        runs.append(int(worth.argmax()))
        left -= flops[runs[-1]]


def _exchanged(about: Belief, flops: Array, spend: float, runs: list[int]) -> list[int]:
    """Move each run to the place where it tells most, or drop it, until none moves."""
    for _ in range(SWEEPS):
        before = list(runs)
        for run in before:
            others = list(runs)
            others.remove(run)
            worth = _worth(about, flops, spend - flops[others].sum(), others)
            best = int(worth.argmax())
            if worth[best] < LEAST_GAIN:
                runs = others
            elif worth[best] > worth[run] + 1e-9:
                runs = [*others, best]
        if sorted(runs) == sorted(before):
            break
    return runs


def _ordered(about: Belief, runs: list[int]) -> list[int]:
    """Order runs so that each tells most beside those before it."""
    ordered: list[int] = []
    left = list(runs)
    while left:
        gains = about.gains(ordered)
        ordered.append(max(left, key=lambda place: gains[place]))
        left.remove(ordered[-1])
    return ordered


def goal_slopes(law: Law, goal: Goal, theta: Array, centre: Mapping[str, float]) -> Array:
    """Derivatives (B, p) of a goal, or its logarithm, by the coordinates, central differences."""

    def value(coordinates: Array) -> Array:
        found = goal.quantity(law.natural(coordinates, centre))
        return np.log(found) if goal.logarithmic else found

    steps = STEP * np.eye(theta.shape[1])
    return np.stack([(value(theta + s) - value(theta - s)) / (2.0 * STEP) for s in steps], axis=1)


def _prior(law: Law, index: int) -> float:
    parameter = law.parameters[index]
    return PRIOR_LOG if parameter.logarithmic else PRIOR[parameter.kind]


def _own(noise: Noise) -> float:
    return (1.0 - noise.shared) * noise.scale**2


def _law_error(one: Variables, other: Variables, noise: Noise) -> Array:
    """Covariance (n, m) of what the law gets wrong."""
    names = [name for name in ("n", "d") if name in one] or list(one)
    squares = sum(
        (np.log(one[name])[:, None] - np.log(other[name])[None, :]) ** 2 for name in names
    )
    return noise.law_error**2 * np.exp(-0.5 * squares / BENDS_OVER**2)


def _shared(one: Variables, other: Variables, noise: Noise) -> Array:
    """Covariance (n, m) of the noise that runs of one size share."""
    if "n" not in one or noise.shared <= 0.0:
        return np.zeros((1, 1))
    apart = np.abs(np.log(one["n"])[:, None] - np.log(other["n"])[None, :])
    return np.where(apart <= ALIKE, noise.shared * noise.scale**2, 0.0)


def _arrays(point: Mapping[str, float]) -> dict[str, Array]:
    return {name: np.array([value]) for name, value in point.items()}
