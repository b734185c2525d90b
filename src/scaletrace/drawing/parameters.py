"""The panel of a fit's parameters: each interval beside its estimate, open ends as arrows."""

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaletrace.drawing.fitted_runs import FittedRuns
from scaletrace.drawing.rows import Row
from scaletrace.drawing.style import GREY, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = "parameters"
WIDEST, LEAST = 200.0, 2.0  # per cent of the estimate that the frame shows
COLOR = (0.19, 0.41, 0.56)
GREEK = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    for name in ("alpha", "beta", "gamma", "delta", "eta")
}


def names(runs: FittedRuns) -> list[str]:
    """Return the parameters in the order of the law, then what follows from them."""
    return [*runs.law.names, *(name for name in runs.fit.derived if name not in runs.law.names)]


def number(value: float) -> str:
    """Write a number with three digits, or all those before the point; of large ones few."""
    if value and not 1e-3 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.0f}" if abs(value) >= 1e3 or not value else f"{value:#.3g}".rstrip(".")


def text_of(runs: FittedRuns, name: str) -> str:
    """Write an estimate with its interval: `0.340 [0.319, 0.397]`, or that it was held."""
    interval = runs.fit.intervals.get(name)
    if interval is None:
        return f"{number(runs.fit.params[name])} (held)"
    low, high = ("open" if end is None else number(end) for end in (interval.low, interval.high))
    return f"{number(interval.estimate)} [{low}, {high}]"


def rows(runs: FittedRuns) -> list[Row]:
    """Return a row per quantity: x its estimate, low and high its interval, empty where open."""
    shown = []
    for name in names(runs):
        interval = runs.fit.intervals.get(name)
        if interval is None:
            ends, estimate = (math.nan, math.nan), runs.fit.params[name]
        else:
            low, high = interval.low, interval.high
            ends = (math.nan if low is None else low, math.nan if high is None else high)
            estimate = interval.estimate
        shown.append(Row(SERIES, "point", runs.source, estimate, math.nan, *ends, run=name))
    return shown


def draw(axes: "Axes", runs: FittedRuns, plotted: Sequence[Row]) -> None:
    """Draw intervals in per cent of their estimates, and write the numbers beside them.

    An arrow at the frame is an end that is open, or lies beyond the frame: the numbers tell which.
    """
    ends = [_relative(row) for row in plotted]
    finite = [abs(end) for pair in ends for end in pair if abs(end) <= WIDEST]
    reach = 1.15 * max([*finite, LEAST])
    axes.set_xlim(-reach, reach)
    axes.set_ylim(len(plotted) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("Interval, per cent of the estimate")
    axes.set_yticks(range(len(plotted)), [_symbol(row.run) for row in plotted])
    axes.tick_params(axis="y", length=0)
    axes.axvline(0.0, color=GREY, linewidth=0.5)
    for place, (row, (low, high)) in enumerate(zip(plotted, ends, strict=True)):
        interval = runs.fit.intervals.get(row.run)
        color = GREY if interval is None or interval.weak else COLOR
        if interval is not None:
            for end, edge in ((low, -reach), (high, reach)):
                _bar(axes, place, end, edge, color)
        axes.plot([0.0], [place], marker="o", color=color, markerfacecolor=color, markersize=4)
        axes.text(
            *(1.03, place, text_of(runs, row.run)),
            transform=axes.get_yaxis_transform(),
            va="center_baseline",
            fontsize=SMALL,
            color="black" if color is COLOR else GREY,
        )


def _relative(row: Row) -> tuple[float, float]:
    """Return the ends in per cent of the estimate; infinite where open or without such a share."""
    size = abs(row.x)
    low, high = (
        0.0
        if end == row.x
        else 100.0 * (end - row.x) / size
        if math.isfinite(end) and size > 0.0
        else math.inf
        for end in (row.low, row.high)
    )
    return low, high


def _bar(axes: "Axes", place: int, end: float, edge: float, color: object) -> None:
    if abs(end) <= abs(edge):
        axes.plot([0.0, end], [place, place], color=color, linewidth=1.5)
        axes.plot([end], [place], marker="|", color=color, markersize=5)
        return
    axes.annotate(
        "",
        xy=(edge, place),
        xytext=(0.0, place),
        arrowprops={"arrowstyle": "->", "color": color, "linewidth": 1.2, "shrinkA": 0},
    )


def _symbol(name: str) -> str:
    # As letters and not as TeX, whose reader takes longer to load than the picture to draw.
    letter, _, index = name.partition("_")
    return "_".join(filter(None, (GREEK.get(letter, letter), index)))
