"""The lower envelope of a sweep: of the runs of one N and D the one of the lowest loss.

The lowest of k noisy losses lies below what its settings give on average: that of k equally good
ones by the expected maximum of k standard normals, times the noise. Of a sweep over learning rates
fewer compete. Noise and bias are estimated here, and reported; the losses stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from scaletrace.fitting.column_names import RATES, metric_in, plain_name
from scaletrace.fitting.design import alike
from scaletrace.fitting.law import Array
from scaletrace.formats.runs_table import RUN_COLUMNS, RunsTable

Indices = NDArray[np.int64]
NEAR = 5  # rates about the best through which a parabola goes
LEAST = 4  # rates that leave a parabola any scatter
GRID = 2001  # places at which an expected minimum is integrated


@dataclass(frozen=True)
class Envelope:
    """What was reduced, and how far the lowest losses lie below their means.

    noise: standard deviation of a log loss; bias: of a log loss of the envelope, the mean over
    its rows, 0 or less; None where the table does not tell. source: how noise was estimated.
    """

    rows_before: int
    rows_after: int
    largest_group: int
    noise: float | None
    bias: float | None
    source: str

    @property
    def sentence(self) -> str:
        """What a reader must know of it."""
        said = (
            f"{self.rows_before} rows reduced to {self.rows_after}, the lowest of each N and D, of "
            f"up to {self.largest_group} rows; "
        )
        if self.noise is None or self.bias is None:
            return said + (
                "how far the lowest of noisy values lies below their mean cannot be told: the "
                "table has neither four learning rates of one N and D nor repeats"
            )
        return said + (
            f"by noise of {100 * self.noise:.2g} % ({self.source}) they lie about "
            f"{-100 * self.bias:.2g} % below what their settings give on average, and so does the "
            "law, E included"
        )


def groups(variables: Mapping[str, Array]) -> Indices:
    """Return a code (n,) for each row, equal where all variables are alike."""
    count = len(next(iter(variables.values())))
    codes = np.zeros((count, 0), np.int64)
    for values in variables.values():
        codes = np.column_stack([codes, alike(values)])
    return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)


def lowest(loss: Array, group: Indices) -> list[int]:
    """Return the rows of the lowest loss of each group, in the order of the table."""
    order = np.lexsort((np.arange(len(loss)), loss, group))
    first = np.unique(group[order], return_index=True)[1]
    return sorted(order[first].tolist())


def describe(table: RunsTable, loss: Array, group: Indices, varied: Sequence[str]) -> Envelope:
    """Return what the envelope of a table's rows is, by what the table tells of noise.

    varied: columns that a group's rows share by definition.
    """
    sizes = np.bincount(group)
    counted = (len(loss), len(sizes), int(sizes.max()))
    rate = next((name for name in table.header if plain_name(name) in RATES), None)
    log_loss = np.log(loss)
    if rate is not None:
        found = _from_rates(np.array(table.numbers(rate)), log_loss, group)
        if found is not None:
            return Envelope(*counted, *found, f"scatter about parabolas in log {rate}")
    repeats = _repeats(table, group, {*varied, *([rate] if rate else [])}, rate)
    found = _from_repeats(log_loss, group) if repeats else None
    return Envelope(*counted, *(found or (None, None)), "scatter of repeats" if found else "")


def expected_minimum(means: Array, noise: float) -> float:
    """Return the expected minimum of independent normals with these means (k,) and one noise."""
    if noise <= 0.0:
        return float(means.min())
    low = means.min() - 8.0 * noise
    at = np.linspace(low, means.min() + 8.0 * noise, GRID)
    above = np.prod(1.0 - ndtr((at[:, None] - means) / noise), axis=1)
    return float(low + np.trapezoid(above, at))


def _from_rates(rates: Array, log_loss: Array, group: Indices) -> tuple[float, float] | None:
    """Return noise and mean bias by parabolas through the rates near each group's best."""
    squares, freedom, parabolas = 0.0, 0, []
    for code in range(group.max() + 1):
        rows = np.flatnonzero((group == code) & np.isfinite(rates) & (rates > 0.0))
        if len(np.unique(rates[rows])) < LEAST:
            continue
        x, y = np.log(rates[rows]), log_loss[rows]
        near = _near(x, y)
        x, y = x[near] - x[near].mean(), y[near]
        fitted = np.polyval(np.polyfit(x, y, 2), x)
        squares += float(((y - fitted) ** 2).sum())
        freedom += len(x) - 3
        parabolas.append(fitted)
    if freedom < 1:
        return None
    noise = float(np.sqrt(squares / freedom))
    biases = [expected_minimum(means, noise) - means.min() for means in parabolas]
    return noise, float(np.mean(biases))


def _near(x: Array, y: Array) -> Indices:
    """Return the rows of the NEAR distinct rates about that of the lowest loss."""
    distinct = np.unique(x)
    best = int(np.searchsorted(distinct, x[np.argmin(y)]))
    first = min(max(best - NEAR // 2, 0), max(len(distinct) - NEAR, 0))
    return np.flatnonzero(np.isin(x, distinct[first : first + NEAR]))


def _repeats(table: RunsTable, group: Indices, shared: set[str], rate: str | None) -> bool:
    """Tell whether the rows of a group differ in seed, name and metrics alone."""
    apart = {*RUN_COLUMNS, "seed", "state", "status"}
    for name in table.header:
        if name in shared - {rate} or plain_name(name) in apart or metric_in(name):
            continue
        codes = np.unique(np.array(table.labels(name)), return_inverse=True)[1]
        pairs = np.unique(np.column_stack([group, codes]), axis=0)
        if len(pairs) > group.max() + 1:
            return False
    return True


def _from_repeats(log_loss: Array, group: Indices) -> tuple[float, float] | None:
    """Return noise and mean bias by the variance within groups."""
    sizes = np.bincount(group)
    freedom = int((sizes - 1).sum())
    if freedom < 1:
        return None
    means = np.bincount(group, log_loss) / sizes
    noise = float(np.sqrt(((log_loss - means[group]) ** 2).sum() / freedom))
    biases = [expected_minimum(np.zeros(size), noise) for size in sizes]
    return noise, float(np.mean(biases))
