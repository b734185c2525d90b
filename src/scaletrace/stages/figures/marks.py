"""Points and lines drawn from rows, alike in every figure, and the key that explains them."""

import math
from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scaletrace.errors import BadInput
from scaletrace.stages.figures.study import Observation, Study
from scaletrace.stages.figures.style import GREY, Look
from scaletrace.stages.figures.table import Kind, Row

EXCLUDED = " excluded"  # ends the name of a series of points that no fit uses
NORMAL_95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def point_rows(study: Study, series: str, x: str) -> list[Row]:
    """Return one row per run that has a loss, ordered by series and x.

    Args:
        study: what to draw.
        series: attribute of an observation that names its series (budget or size).
        x: attribute of an observation to draw it at (n or d).

    Raises:
        BadInput: no run has a loss.
    """
    names = study.budgets if series == "budget" else study.sizes
    drawn = [
        o for o in study.observations if o.status in ("ok", "excluded") and math.isfinite(o.loss)
    ]
    if not drawn:
        raise BadInput(f"{study.source.path}: no run has a loss, so there is nothing to draw")
    drawn.sort(key=lambda o: (names.index(getattr(o, series)), getattr(o, x), o.run))
    return [
        Row(
            getattr(o, series) + (EXCLUDED if o.status == "excluded" else ""),
            "point",
            study.source,
            getattr(o, x),
            o.loss,
            *_interval(o),
            run=o.run,
        )
        for o in drawn
    ]


def _interval(o: Observation) -> tuple[float, float]:
    """Return the 95 % interval of a measured loss (normal, from its standard error)."""
    return o.loss - NORMAL_95 * o.loss_se, o.loss + NORMAL_95 * o.loss_se


def of(plotted: Sequence[Row], series: str, kind: Kind) -> list[Row]:
    """Return a series' rows of one kind; for points, the excluded ones as well."""
    names = (series, series + EXCLUDED) if kind == "point" else (series,)
    return [row for row in plotted if row.kind == kind and row.series in names]


def heights(plotted: Sequence[Row]) -> list[float]:
    """Return every height that the rows reach, intervals included."""
    return [v for row in plotted for v in (row.y, row.low, row.high) if math.isfinite(v)]


def draw_points(axes: Axes, points: Sequence[Row], look: Look) -> None:
    """Draw measured points with their error bars; hollow where excluded."""
    for row in points:
        axes.errorbar(
            [row.x],
            [row.y],
            yerr=None if math.isnan(row.low) else [[row.y - row.low], [row.high - row.y]],
            color=look.color,
            marker=look.marker,
            markerfacecolor="white" if row.series.endswith(EXCLUDED) else look.color,
            markeredgewidth=0.8,
            elinewidth=0.8,
            capsize=1.5,
            linestyle="none",
            zorder=3,
        )


def draw_line(axes: Axes, line: Sequence[Row], look: Look, width: float) -> None:
    """Draw a line through its samples."""
    xs, ys = [row.x for row in line], [row.y for row in line]
    axes.plot(xs, ys, color=look.color, linewidth=width)


def point_keys(study: Study, plotted: Sequence[Row]) -> list[Line2D | Patch]:
    """Return the key's entries for error bars, hollow points, and runs that have no point."""
    keys: list[Line2D | Patch] = []
    if any(row.kind == "point" and math.isfinite(row.low) for row in plotted):
        keys.append(_grey(marker="|", markersize=7, label="95 % interval of the measurement"))
    if any(row.series.endswith(EXCLUDED) for row in plotted):
        keys.append(_grey(marker="o", markerfacecolor="white", label="excluded"))
    drawn = {row.run for row in plotted}
    missing = Counter(o.status for o in study.observations if o.run not in drawn)
    if missing:
        text = ", ".join(f"{count} {status}" for status, count in sorted(missing.items()))
        keys.append(_grey(label=f"no loss to draw: {text}"))
    return keys


def _grey(**looks: object) -> Line2D:
    return Line2D([], [], color=GREY, linestyle="none", **looks)  # pyright: ignore[reportArgumentType]
