"""Points and lines drawn from rows, alike in every figure, and the key that explains them."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scaletrace.drawing.content import DrawnRun, FigureContent
from scaletrace.drawing.rows import Kind, Row
from scaletrace.drawing.style import GREY, Look
from scaletrace.errors import BadInput
from scaletrace.formats.observations import DRAWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXCLUDED = " excluded"  # ends the name of a series of points that no fit uses
REACH = 2.5
NORMAL_95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def point_rows(content: FigureContent, series: str, x: str) -> list[Row]:
    """Return one row per run that has a loss, ordered by series and x.

    Args:
        content: what to draw.
        series: attribute of an observation that names its series (group or size).
        x: attribute of an observation to draw it at (n or d).

    Raises:
        BadInput: no run has a loss.
    """
    names = list(content.groups if series == "group" else content.sizes)
    drawn = [o for o in content.observations if o.status in DRAWN and math.isfinite(o.loss)]
    if not drawn:
        raise BadInput(f"{content.source.path}: no run has a loss, so there is nothing to draw")
    drawn.sort(key=lambda o: (names.index(getattr(o, series)), getattr(o, x), o.run))
    return [
        Row(
            getattr(o, series) + (EXCLUDED if o.status == "excluded" else ""),
            "point",
            content.source,
            getattr(o, x),
            o.loss,
            *_interval(o),
            run=o.run,
        )
        for o in drawn
    ]


def _interval(o: DrawnRun) -> tuple[float, float]:
    """Return the 95 % interval of a measured loss (normal, from its standard error)."""
    return o.loss - NORMAL_95 * o.loss_se, o.loss + NORMAL_95 * o.loss_se


def of(plotted: Sequence[Row], series: str, kind: Kind) -> list[Row]:
    """Return a series' rows of one kind; for points, the excluded ones as well."""
    names = (series, series + EXCLUDED) if kind == "point" else (series,)
    return [row for row in plotted if row.kind == kind and row.series in names]


def heights(plotted: Sequence[Row]) -> list[float]:
    """Return the heights that the picture must hold.

    Points and curves in full; bands and asymptotes up to a factor of REACH beyond those, so that
    one wild resample does not flatten all else. What lies further out is cut off at the frame.
    """
    core = _values([row for row in plotted if row.kind not in ("band", "asymptote")])
    rest = _values([row for row in plotted if row.kind == "band"])
    rest += [row.y for row in plotted if row.kind == "asymptote"]
    lowest, highest = min(core) / REACH, max(core) * REACH
    return core + [min(max(height, lowest), highest) for height in rest]


def _values(plotted: Sequence[Row]) -> list[float]:
    # What an interval has below zero has no place on a logarithmic axis.
    return [v for row in plotted for v in (row.y, row.low, row.high) if math.isfinite(v) and v > 0]


def means(points: Sequence[Row], series: str) -> list[Row]:
    """Return the line through the mean height at each x, without excluded points.

    None for points at a single x.
    """
    at: dict[float, list[float]] = {}
    for row in points:
        if not row.series.endswith(EXCLUDED):
            at.setdefault(row.x, []).append(row.y)
    if len(at) < 2:
        return []
    source = points[0].source
    return [Row(series, "line", source, x, sum(ys) / len(ys)) for x, ys in sorted(at.items())]


def draw_points(axes: "Axes", points: Sequence[Row], look: Look) -> None:
    """Draw measured points with their error bars; hollow where excluded."""
    for hollow in (False, True):
        chosen = [row for row in points if row.series.endswith(EXCLUDED) == hollow]
        bars = [[row.y - row.low for row in chosen], [row.high - row.y for row in chosen]]
        axes.errorbar(
            [row.x for row in chosen],
            [row.y for row in chosen],
            yerr=None if any(math.isnan(row.low) for row in chosen) else bars,
            color=look.color,
            marker=look.marker,
            markerfacecolor="white" if hollow else look.color,
            markeredgecolor=look.color if hollow else "white",
            markeredgewidth=0.8 if hollow else 0.3,
            elinewidth=0.8,
            capsize=1.5,
            linestyle="none",
            zorder=3,
        )


def draw_line(axes: "Axes", line: Sequence[Row], look: Look, width: float) -> None:
    """Draw a line through its samples."""
    xs, ys = [row.x for row in line], [row.y for row in line]
    axes.plot(xs, ys, color=look.color, linewidth=width)


def point_keys(axes: "Axes", plotted: Sequence[Row]) -> list[tuple[Any, str]]:
    """Return the key's entries for measured points and excluded ones."""
    from matplotlib.lines import Line2D

    points = [row for row in plotted if row.kind == "point"]
    bars = axes.errorbar([], [], yerr=[], color=GREY, marker="o", linestyle="none", capsize=1.5)
    interval = any(math.isfinite(row.low) for row in points)
    keys: list[tuple[Any, str]] = [(bars, "measured" + ", 95 % interval" * interval)]
    if any(row.series.endswith(EXCLUDED) for row in points):
        hollow = Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="none")
        keys.append((hollow, "excluded"))
    return keys


def note_missing(content: FigureContent, plotted: Sequence[Row]) -> str:
    """Say which runs have no point, by status; nothing where all have one."""
    drawn = {row.run for row in plotted}
    missing = Counter(o.status for o in content.observations if o.run not in drawn)
    runs = ", ".join(f"{count} {status}" for status, count in sorted(missing.items()))
    return f"not drawn, no loss: {runs}" if missing else ""
