"""From loss curves to observations of a law of the learning rate's areas."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from scaletrace.errors import BadInput
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.preparation import Prepared
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.training_curves import TrainingCurve, read_trainings
from scaletrace.formats.curve import CurvePoint
from scaletrace.formats.runs_table import RunsTable

Indices = NDArray[np.int64]
MOMENTUM = 0.999  # lambda of the annealing area (Tissue et al. 2024)
TABLE_OPTIONS = (
    *("budget", "family", "n", "d", "flops", "unique", "loss", "loss_se", "cluster"),
    *("seed_column", "where", "scale", "metric", "envelope"),
)


def areas(rates: Array) -> tuple[Array, Array]:
    """Forward area S1 and annealing area S2 (S,) after each step of learning rates (S,).

    S1 is the sum of the rates. S2 is the sum of a momentum m of their falls,
    m_i = 0.999 m_(i-1) + (rate_(i-1) - rate_i), from the end of the warm-up on (Tissue et al.
    2024, arXiv:2408.11029). Both are in units of the learning rate times a step.
    """
    falls = -np.diff(rates, prepend=rates[0])
    falls[: warmed_up(rates)] = 0.0
    return np.cumsum(rates), np.cumsum(lfilter([1.0], [1.0, -MOMENTUM], falls))


def warmed_up(rates: Array) -> int:
    """Number of steps until the learning rates (S,) have first reached their peak."""
    return int(np.argmax(rates >= rates.max() * (1.0 - 1e-9))) + 1


def rates_of(points: Sequence[CurvePoint]) -> Array:
    """Learning rate of every step up to the last point; between points on a straight line."""
    steps = np.array([point.step for point in points])
    rates = np.array([point.learning_rate for point in points])
    return np.interp(np.arange(1, steps[-1] + 1), steps, rates)


def prepare_curves(paths: Sequence[Path], law: Law, chosen: Settings) -> Prepared:
    """Read curves as observations: a point each, what shares a trunk as a cluster.

    A point's loss is a mean since the point before it, and so are its areas; it weighs as much
    as it has steps. Points of the warm-up are left out: the law is of what follows.

    Raises:
        BadInput: a file is no whole curve, sizes are mixed, no rate falls, or too few curves.
    """
    for option in TABLE_OPTIONS:
        if getattr(chosen, option):
            raise BadInput(f"fit: --{option.replace('_', '-')}: {law.name} is fitted to curves")
    curves = read_trainings(paths)
    _require_one_size(curves, law)
    parts = [_observed(curve) for curve in curves]
    s1, s2, loss, steps = (
        np.concatenate(column) for column in zip(*(part[1:] for part in parts), strict=True)
    )
    names = [
        f"{curve.name} step {step}"
        for curve, part in zip(curves, parts, strict=True)
        for step in part[0].astype(int)
    ]
    trainings = [curve.training for curve in curves]
    codes = np.unique(trainings, return_inverse=True)[1]
    cluster = np.repeat(codes, [len(part[0]) for part in parts])
    where = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")
    if len(loss) < len(law.names) - len(chosen.fixed) + 2 or not s2.any():
        fallen = int((s2 > 0.0).sum())
        raise BadInput(
            f"{where}: {len(loss)} points after the warm-up, {fallen} of them with a learning rate "
            f"that has fallen; {law.name} needs both: give whole trainings"
        )
    if chosen.unit == "cluster" and codes.max() < 2:
        raise BadInput(
            f"{where}: {codes.max() + 1} trainings; a bootstrap over trainings needs at least 3: "
            "give curves of more seeds, or --unit observation"
        )
    observations = Observations(
        *({"s1": s1, "s2": s2}, loss, cluster, np.zeros(len(loss), np.int64)),
        steps / steps.mean(),
    )
    columns = {"s1": "s1", "s2": "s2", "loss": "loss"}
    return Prepared(observations, columns, names, "training", RunsTable(paths[0], {}, []))


def _observed(curve: TrainingCurve) -> tuple[Array, ...]:
    """Step, S1, S2, loss and number of steps of a curve's points after the warm-up, each (n,)."""
    if not curve.points:
        return (np.empty(0),) * 5
    rates = rates_of([*curve.before, *curve.points])
    ends = np.array([point.step for point in curve.points])
    first = curve.before[-1].step if curve.before else 0
    starts = np.array([first, *ends[:-1]])
    s1, s2 = (_means(area, starts, ends) for area in areas(rates))
    loss = np.array([point.loss for point in curve.points])
    after = starts >= warmed_up(rates)
    return tuple(column[after] for column in (ends, s1, s2, loss, ends - starts))


def _means(values: Array, starts: Indices, ends: Indices) -> Array:
    """Means of values (S,) over the steps after `starts` and up to `ends`."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[ends] - sums[starts]) / (ends - starts)


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
