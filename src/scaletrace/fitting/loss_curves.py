"""From loss curves to observations of a law of the learning rate's areas."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.errors import BadInput
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.preparation import Prepared
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.training_curves import TrainingCurve, read_trainings
from scaletrace.formats.curve import CurvePoint
from scaletrace.formats.runs_table import RunsTable

Indices = NDArray[np.int64]
# Of the annealing area, one of which the curves choose: it remembers falls for 10 to 1000 steps.
MOMENTA = tuple(1.0 - 1.0 / steps for steps in (10, 20, 50, 100, 200, 500, 1000))
TABLE_OPTIONS = (
    *("budget", "family", "n", "d", "flops", "unique", "loss", "loss_se", "cluster"),
    *("seed_column", "where", "scale", "metric", "envelope", "multiplier"),
)


def areas(rates: Array, momentum: float) -> tuple[Array, Array]:
    """Forward area S1 and annealing area S2 (S,) after each step of learning rates (S,).

    S1 is the sum of the rates. S2 is the sum of m, which remembers their falls,
    m_i = momentum m_(i-1) + (rate_(i-1) - rate_i), from the end of the warm-up on (Tissue et al.
    2024, arXiv:2408.11029). Both are in units of the learning rate times a step.
    """
    from scipy.signal import lfilter  # slow to load, and of use to no other law

    falls = -np.diff(rates, prepend=rates[0])
    falls[: warmed_up(rates)] = 0.0
    return np.cumsum(rates), np.cumsum(lfilter([1.0], [1.0, -momentum], falls))


def warmed_up(rates: Array) -> int:
    """Number of steps until the learning rates (S,) have first reached their peak."""
    return int(np.argmax(rates >= rates.max() * (1.0 - 1e-9))) + 1


def rates_of(points: Sequence[CurvePoint]) -> Array:
    """Learning rate of every step up to the last point; between points on a straight line."""
    steps = np.array([point.step for point in points])
    rates = np.array([point.learning_rate for point in points])
    return np.interp(np.arange(1, steps[-1] + 1), steps, rates)


def prepare_curves(
    paths: Sequence[Path], law: Law, chosen: Settings, momentum: float | None = None
) -> tuple[Prepared, float]:
    """Read curves as observations: a point each, what shares a trunk as a cluster.

    A point's loss is a mean since the point before it, and so are its areas; it weighs as much
    as it has steps. Points of the warm-up are left out: the law is of what follows.

    momentum: of the annealing area; that with the best fit where it is None. It is returned.

    Raises:
        BadInput: a file is no whole curve, sizes are mixed, no rate falls, or too few curves.
        NotConvergedError: no momentum has a fit.
    """
    for option in TABLE_OPTIONS:
        if getattr(chosen, option):
            raise BadInput(f"fit: --{option.replace('_', '-')}: {law.name} is fitted to curves")
    curves = read_trainings(paths)
    _require_one_size(curves, law)
    _require_enough(paths, curves, law, chosen)
    if momentum is None:
        momentum = _best_momentum(curves, law, chosen)
    names = [f"{curve.name} step {step}" for curve in curves for step in _told(curve, 0.0)[0]]
    columns = {"s1": "s1", "s2": "s2", "loss": "loss"}
    observations = _observations(curves, momentum)
    table = RunsTable(paths[0], {}, [])
    return Prepared(observations, columns, names, "training", table), momentum


def _best_momentum(curves: Sequence[TrainingCurve], law: Law, chosen: Settings) -> float:
    objective = Objective(chosen.objective, chosen.delta, chosen.above)
    fits: dict[float, float] = {}
    failure = None
    for momentum in MOMENTA:
        try:
            fits[momentum] = fit(
                _observations(curves, momentum), law, objective, chosen.fixed
            ).value
        except NotConvergedError as error:
            failure = error
    if not fits and failure is not None:
        raise failure
    return min(fits, key=lambda momentum: fits[momentum])


def _observations(curves: Sequence[TrainingCurve], momentum: float) -> Observations:
    parts = [_told(curve, momentum) for curve in curves]
    s1, s2, loss, steps = (
        np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)
    )
    codes = np.unique([curve.training for curve in curves], return_inverse=True)[1]
    cluster = np.repeat(codes, [len(part[0]) for part in parts])
    return Observations(
        *({"s1": s1, "s2": s2}, loss, cluster, np.zeros(len(loss), np.int64)),
        steps / steps.mean(),
    )


def _told(curve: TrainingCurve, momentum: float) -> tuple[NDArray[Any], ...]:
    """Step, S1, S2, loss and number of steps of a curve's points after the warm-up, each (n,)."""
    if not curve.points:
        return (np.empty(0, np.int64), *(np.empty(0),) * 4)
    rates = rates_of([*curve.before, *curve.points])
    ends = np.array([point.step for point in curve.points])
    first = curve.before[-1].step if curve.before else 0
    starts = np.array([first, *ends[:-1]])
    s1, s2 = (_means(area, starts, ends) for area in areas(rates, momentum))
    loss = np.array([point.loss for point in curve.points])
    after = starts >= warmed_up(rates)
    return tuple(column[after] for column in (ends, s1, s2, loss, ends - starts))


def _means(values: Array, starts: Indices, ends: Indices) -> Array:
    """Means of values (S,) over the steps after `starts` and up to `ends`."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[ends] - sums[starts]) / (ends - starts)


def _require_enough(
    paths: Sequence[Path], curves: Sequence[TrainingCurve], law: Law, chosen: Settings
) -> None:
    parts = [_told(curve, 0.0) for curve in curves]
    points = sum(len(part[0]) for part in parts)
    fallen = sum(int((part[2] > 0.0).sum()) for part in parts)
    where = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")
    if points < len(law.names) - len(chosen.fixed) + 2 or not fallen:
        raise BadInput(
            f"{where}: {points} points after the warm-up, {fallen} of them with a learning rate "
            f"that has fallen; {law.name} needs both: give whole trainings"
        )
    trainings = len({curve.training for curve in curves})
    if chosen.unit == "cluster" and trainings < 3:
        raise BadInput(
            f"{where}: {trainings} trainings; a bootstrap over trainings needs at least 3: "
            "give curves of more seeds, or --unit observation"
        )


def _require_one_size(curves: Sequence[TrainingCurve], law: Law) -> None:
    sizes = sorted(
        {
            curve.training.rpartition("-s")[0]
            for curve in curves
            if curve.training != str(curve.path)
        }
    )
    if len(sizes) > 1:
        raise BadInput(
            f"fit: curves of sizes {', '.join(sizes)}; {law.name} is a law of one size: "
            "give the curves of one"
        )
