"""The panels of a fit's picture that show runs: losses along each variable, and residuals.

Each has its rows, which the CSV holds, and is drawn from them.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scaletrace.drawing import marks, style
from scaletrace.drawing.fitted import BAND_ALPHA, DASHES, DOTS, SOLID, Dashes
from scaletrace.drawing.fitted_runs import FittedRuns, Series, interval_of_run
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.drawing.style import GREY, Look
from scaletrace.fitting.law import VARIABLES, Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ends = Callable[[FittedRuns, Mapping[str, Array]], tuple[Array, Array]]
SAMPLES, SAMPLES_BEYOND = 60, 13
BEYOND = 10.0  # a curve ends at most this factor above the largest value that was measured
BEYOND_SERIES = ", beyond the runs"  # ends the name of a series of samples there
MOST_TICKS = 5  # of x in a panel, whose labels do not touch


def label_of(runs: FittedRuns, variable: str) -> str:
    """Return the label of a variable's axis: what it is, and the column that it is from."""
    what = VARIABLES[variable]
    column = runs.fit.data.columns.get(variable, "")
    return _plain(f"{what[0].upper()}{what[1:]}" + f" ({column})" * bool(column))


def loss_label(runs: FittedRuns) -> str:
    """Return the label of what was fitted: a loss or an error with its unit, or its column."""
    metric, column = runs.fit.metric, runs.fit.data.columns.get("loss", "loss")
    if runs.fit.describes != "loss":
        return _plain(f"Best {runs.symbol[0]} ({column})")
    if metric is not None and metric.name in ("accuracy", "error"):
        return "Error (share)"
    if metric is not None and metric.name != "other":
        return f"Loss ({metric.unit})"
    return _plain(column.replace("_", " ").capitalize())


def _plain(text: str) -> str:
    # A table may call a column as it likes; Matplotlib takes what stands between dollars for TeX.
    return text.replace("$", r"\$")


def held_text(series: Series) -> str:
    """Write what the runs of a series share: `D = 500M`; about that where they differ in it."""
    if series.training:
        return Path(series.training).name
    sign = "=" if series.exact else "≈"
    texts = {v: flops_text(x) if v == "c" else style.count(x) for v, x in series.held.items()}
    return ", ".join(f"{v.upper()} {sign} {text}" for v, text in texts.items())


def flops_text(flops: float) -> str:
    """Write FLOPs in at most three digits: 6e18."""
    return f"{flops:.3g}".replace("e+", "e")


def _name(axis: str, series: Series) -> str:
    return ", ".join(filter(None, (f"against {axis.upper()}", held_text(series))))


def looks_of(series: Sequence[Series]) -> list[Look]:
    """Return the looks of series: light to dark; one marker where values share a colour."""
    looks = style.looks({str(i): "" for i in range(len(series))})
    exact = all(one.exact for one in series)
    return [look if exact else Look(look.color, "o") for look in looks.values()]


def along_rows(runs: FittedRuns, axis: str) -> list[Row]:
    """Return runs along a variable, the law through each series of them, and beyond the runs."""
    x = runs.variables[axis]
    shown, all_series = [], runs.series(axis)
    for series in all_series:
        name = _name(axis, series)
        for i in _ordered(runs, series, axis):
            place = float(x[i]), float(runs.losses[i])
            shown.append(Row(name, "point", runs.source, *place, run=runs.names[i]))
        # A budget's curve ends with its runs, which are few N wide; other curves cross the panel.
        own = x[series.members] if "c" in series.held else x
        grid = np.geomspace(own.min(), own.max(), SAMPLES)
        values = runs.at(axis, grid, series.held)
        if series.training:
            own = np.array(_ordered(runs, series, axis))
            values = {v: column[own] for v, column in runs.variables.items()}
        shown += _law_rows(runs, name, values, axis, FittedRuns.band)
    continued = list(_beyond(runs, axis, all_series))
    for place, (name, grid, series) in enumerate(continued, start=1):
        values = runs.at(axis, grid, series.held)
        # Intervals that take long to make are made for one curve, the furthest out.
        made = place == len(continued) or not runs.profiled
        ends = interval_of_run if made else None
        shown += _law_rows(runs, name + BEYOND_SERIES, values, axis, ends)
    return shown


def _beyond(
    runs: FittedRuns, axis: str, all_series: Sequence[Series]
) -> Iterator[tuple[str, Array, Series]]:
    """Yield what is drawn beyond the runs: a name, places, and what is held there.

    That is each curve's continuation; of budgets the next, about the N or D that it favours. No
    further, on a logarithmic scale, than the runs themselves reach.
    """
    x = runs.variables[axis]
    last = all_series[-1]
    if last.training:
        return  # where the rate goes on from the end of a training is not known
    if "c" not in last.held:
        reach = min(BEYOND, float(x.max() / x.min()))
        for series in all_series:
            grid = np.geomspace(x.max(), reach * x.max(), SAMPLES_BEYOND)
            yield _name(axis, series), grid, series
        return
    reach = min(BEYOND, last.held["c"] / all_series[0].held["c"])
    following = Series(last.members, {"c": reach * last.held["c"]}, exact=True)
    wide = x[last.members] * math.sqrt(reach)
    grid = np.geomspace(wide.min(), wide.max(), SAMPLES_BEYOND)
    yield _name(axis, following), grid, following


def _ordered(runs: FittedRuns, series: Series, axis: str) -> list[int]:
    order = np.argsort(runs.variables[axis][series.members], kind="stable")
    return runs.thinned(series.members[order]).tolist()


def _law_rows(
    runs: FittedRuns, name: str, values: Mapping[str, Array], axis: str, ends: Ends | None
) -> list[Row]:
    grid = values[axis]
    losses = runs.losses_at(runs.params, values)[0]
    curve = [
        Row(name, "curve", runs.source, x, y)
        for x, y in zip(grid.tolist(), losses.tolist(), strict=True)
    ]
    if ends is None:
        return curve
    low, high = ends(runs, values)
    return curve + [
        Row(name, "band", runs.source, x, math.nan, below, above)
        for x, below, above in zip(grid.tolist(), low.tolist(), high.tolist(), strict=True)
        if math.isfinite(below)
    ]


def draw_along(axes: "Axes", runs: FittedRuns, axis: str, plotted: Sequence[Row]) -> None:
    """Draw runs along a variable with the law through each series, labelled at its end."""
    count_axis(axes, plotted, label_of(runs, axis))
    _heights(axes, runs, plotted)
    all_series = runs.series(axis)
    drawn = list(zip(all_series, looks_of(all_series), strict=True))
    known = {_name(axis, one) for one in all_series}
    drawn += [
        (one, Look((0.0, 0.0, 0.0), ""))
        for name, _, one in _beyond(runs, axis, all_series)
        if name not in known
    ]
    labels = []
    for one, look in drawn:
        name = _name(axis, one)
        beyond = name + BEYOND_SERIES
        _draw_law(axes, plotted, name, look, BAND_ALPHA, SOLID)
        _draw_law(axes, plotted, beyond, look, BAND_ALPHA / 2, DASHES[1])
        draw_points(axes, marks.of(plotted, name, "point"), look, len(runs.names))
        ends = marks.of(plotted, beyond, "curve") or marks.of(plotted, name, "curve")
        if one.held or one.training:
            labels.append(EndLabel(ends[-1].x, ends[-1].y, held_text(one), look))
    label_ends(axes, labels)
    if not all_series[0].training and known >= {
        name for name, *_ in _beyond(runs, axis, all_series)
    }:
        axes.axvline(float(runs.variables[axis].max()), color=GREY, linewidth=0.5, linestyle=DOTS)


def _heights(axes: "Axes", runs: FittedRuns, plotted: Sequence[Row]) -> None:
    """Make y an axis of losses, or of counts where the law is of the best N or D."""
    from matplotlib.ticker import FixedFormatter

    style.loss_axis(axes, marks.heights(plotted), loss_label(runs))
    if runs.fit.describes != "loss":
        ticks = [style.count(float(tick)) for tick in axes.get_yticks()]
        axes.yaxis.set_major_formatter(FixedFormatter(ticks))


def count_axis(axes: "Axes", plotted: Sequence[Row], label: str) -> None:
    """Make x an axis of counts, with no more ticks than have room in a panel."""
    from matplotlib.ticker import FixedFormatter, FixedLocator

    style.count_axis(axes, [row.x for row in plotted], label)
    if len(axes.get_xticks()) > MOST_TICKS:
        left, right = axes.get_xlim()
        decades = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in (1, 3)]
        ticks = [tick for tick in ticks if left <= tick <= right]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([style.count(tick) for tick in ticks]))


def _draw_law(
    axes: "Axes", plotted: Sequence[Row], name: str, look: Look, alpha: float, dashes: Dashes
) -> None:
    band, curve = marks.of(plotted, name, "band"), marks.of(plotted, name, "curve")
    axes.fill_between(
        [row.x for row in band],
        [row.low for row in band],
        [row.high for row in band],
        color=look.color,
        alpha=alpha,
        linewidth=0,
    )
    axes.plot(
        [row.x for row in curve],
        [row.y for row in curve],
        color=look.color,
        linestyle=dashes,
        linewidth=1.0,
    )


def draw_points(axes: "Axes", points: Sequence[Row], look: Look, count: int) -> None:
    """Draw measured points, the smaller the more of them there are in all."""
    axes.plot(
        [row.x for row in points],
        [row.y for row in points],
        color=look.color,
        marker=look.marker,
        markersize=4.0 if count <= 60 else 2.8 if count <= 300 else 1.6,
        markeredgecolor="white" if count <= 300 else "none",
        markeredgewidth=0.3,
        linestyle="none",
        zorder=3,
    )


def residual_rows(runs: FittedRuns, axis: str) -> list[Row]:
    """Return the log residual of every run along a variable."""
    x = runs.variables[axis]
    return [
        Row(
            f"residual, {_name(axis, series)}",
            "point",
            runs.source,
            float(x[i]),
            float(runs.log_residuals[i]),
            run=runs.names[i],
        )
        for series in runs.series(axis)
        for i in _ordered(runs, series, axis)
    ]


def draw_residuals(axes: "Axes", runs: FittedRuns, axis: str, plotted: Sequence[Row]) -> None:
    """Draw residuals about their zero line, with the looks of the panel along that variable."""
    count_axis(axes, plotted, label_of(runs, axis))
    reach = 1.15 * max(abs(row.y) for row in plotted) or 1.0
    axes.set_ylim(-reach, reach)
    axes.locator_params(axis="y", nbins=5)
    axes.set_ylabel("ln(measured / fitted)")
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    series = runs.series(axis)
    for one, look in zip(series, looks_of(series), strict=True):
        points = marks.of(plotted, f"residual, {_name(axis, one)}", "point")
        draw_points(axes, points, look, len(runs.names))
