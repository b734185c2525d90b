"""What a column measures, and what of it falls towards a floor as power laws have it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.column_names import metric_in
from scaletrace.fitting.law import Array

PERCENT = 100.0


@dataclass(frozen=True)
class Metric:
    """A measured number: its name, the unit of what is fitted, and how that comes from it.

    percent: the table has 100 times the share.
    """

    name: str
    unit: str
    percent: bool = False


UNITS = {
    "nats": "nats per token",
    "bits_per_byte": "bits per byte",
    "perplexity": "nats per token",
    "accuracy": "share of errors",
    "error": "share of errors",
    "other": "as in the table",
}
NATS = Metric("nats", UNITS["nats"])
ALLOWED = {
    "perplexity": "a perplexity above 1",
    "accuracy": "an accuracy of 0 to below 1, or 0 to below 100 %",
    "error": "an error above 0 to 1, or to 100 %",
}


def metric_of(column: str, declared: str | None, values: Array) -> Metric:
    """Return the metric of a column, by what was declared or by its name.

    values: of its cells, (n,), NaN where there is none; shares above 1 are taken as per cent.
    """
    name = declared or metric_in(column) or "other"
    share = name in ("accuracy", "error")
    percent = share and bool(np.nanmax(values, initial=0.0) > 1.0)
    return Metric(name, UNITS[name], percent)


def fitted_values(metric: Metric, values: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return what is fitted, (n,), and where a value is none that the metric can have, (n,).

    A perplexity P is fitted as ln P, its loss in nats; an accuracy as the error 1 - accuracy.
    """
    shares = values / PERCENT if metric.percent else values
    with np.errstate(all="ignore"):
        if metric.name == "perplexity":
            fitted = np.log(values)
        elif metric.name == "accuracy":
            fitted = 1.0 - shares
        else:
            fitted = shares
        sound = np.isfinite(fitted) & (fitted > 0.0)
        if metric.name in ("accuracy", "error"):
            sound &= fitted <= 1.0
    return fitted, ~sound


def measured_value(metric: Metric, fitted: float) -> float:
    """Return a fitted number as the metric itself: a perplexity, an accuracy."""
    if metric.name == "perplexity":
        with np.errstate(over="ignore"):
            return float(np.exp(fitted))
    return 1.0 - fitted if metric.name == "accuracy" else fitted


def rises(fitted: Array, variables: dict[str, Array]) -> list[str]:
    """Return the variables with which what is fitted rises, where it falls with none.

    By rank correlations (Spearman) that chance gives less than once in a hundred tables. In
    IsoFLOP designs N rises as D falls: then a loss may rise with one of them.
    """
    count, risen = len(fitted), []
    for variable, values in variables.items():
        if np.ptp(values) == 0.0 or np.ptp(fitted) == 0.0:
            continue
        correlation = float(np.corrcoef(_ranks(values), _ranks(fitted))[0, 1])
        if correlation < -0.3:
            return []
        if correlation > 0.5 and correlation * np.sqrt(count - 1) > 2.2:
            risen.append(variable)
    return risen


def _ranks(values: Array) -> Array:
    """Return ranks (n,), equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((2 * last - counts - 1) / 2.0)[inverse]
