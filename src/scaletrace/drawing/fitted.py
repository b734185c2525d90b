"""Fitted curves, their bands and asymptotes: as rows, and drawn from rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from scaletrace.drawing.marks import means, of
from scaletrace.drawing.rows import Row
from scaletrace.drawing.style import GREY, Look
from scaletrace.formats.fit import Fit, FitCurve

Dashes = tuple[int, tuple[float, ...]]
SOLID: Dashes = (0, ())
DASHES: tuple[Dashes, ...] = (
    SOLID,
    (0, (5, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (8, 1.5, 1, 1, 1, 1.5)),
)  # one per law
DOTS: Dashes = (0, (1, 1.5))
BAND_ALPHA = 0.18
OF_ALL = Look((0.0, 0.0, 0.0), "X")  # for what belongs to the study as a whole


@dataclass(frozen=True)
class Drawn:
    """A fit's curve in a figure: the name of its rows, and the group or size that it is for."""

    series: str
    member: str | None
    fit: Fit
    curve: FitCurve


def drawn_curves(
    fits: Sequence[Fit], x_column: str, held: Callable[[str | None], Mapping[str, float]]
) -> list[Drawn]:
    """Return the fits' curves along `x_column`.

    A law in N and D gives one for each member of `held` of its family (a group and its D, a size
    and its N); where no member holds the other variable, as a budget in FLOPs does not hold D,
    none.
    """
    found = []
    for fit in fits:
        member_at = {value: member for member, value in held(fit.family).items()}
        for curve in (curve for curve in fit.curves if curve.x_column == x_column):
            if curve.held is None:
                found.append(Drawn(fit.name, fit.group, fit, curve))
            elif member := member_at.get(curve.held):
                found.append(Drawn(f"{fit.name} {member}", member, fit, curve))
    return found


def rows(drawn: Sequence[Drawn], points: Sequence[Row], members: Sequence[str]) -> list[Row]:
    """Return samples of the curves and bands, and the ends of E's line where E is identified.

    First come lines through the mean loss of those members that have points but no curve.
    """
    fitted = {item.member for item in drawn}
    found = [
        row
        for member in members
        if member not in fitted
        for row in means(of(points, member, "point"), member)
    ]
    for item in drawn:
        curve, source = item.curve, item.fit.source
        for x, loss in zip(curve.x, curve.loss, strict=True):
            found.append(Row(item.series, "curve", source, x, loss))
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=True):
            found.append(Row(item.series, "band", source, x, math.nan, low, high))
    for fit, curve in {item.fit.name: (item.fit, item.curve) for item in drawn}.values():
        if "E" in fit.params and "E" not in fit.weak:
            interval = fit.intervals.get("E", {})
            bounds = (interval.get("low", math.nan), interval.get("high", math.nan))
            for x in (curve.x[0], curve.x[-1]):
                found.append(Row(fit.name, "asymptote", fit.source, x, fit.params["E"], *bounds))
    return found


def draw_curves(
    axes: Axes, drawn: Sequence[Drawn], plotted: Sequence[Row], looks: Mapping[str, Look]
) -> list[tuple[Any, str]]:
    """Draw curves, bands and asymptotes from their rows; return the key's entries for them."""
    laws = list(dict.fromkeys(item.fit.law for item in drawn))
    dashes = {law: DASHES[i % len(DASHES)] for i, law in enumerate(laws)}
    for item in drawn:
        color = looks.get(item.member or "", OF_ALL).color
        band = of(plotted, item.series, "band")
        axes.fill_between(
            [row.x for row in band],
            [row.low for row in band],
            [row.high for row in band],
            color=color,
            alpha=BAND_ALPHA,
            linewidth=0,
        )
        _line(axes, of(plotted, item.series, "curve"), color, dashes[item.fit.law])
    for fit in {item.fit.name: item.fit for item in drawn}.values():
        color = looks.get(fit.group or "", OF_ALL).color
        _line(axes, of(plotted, fit.name, "asymptote"), color, DOTS)
    keys: list[tuple[Any, str]] = []
    for law, level in {item.fit.law: item.fit.level for item in drawn}.items():
        line = Line2D([], [], color=GREY, linestyle=dashes[law])
        if level is None:
            keys.append((line, law))
        else:
            shade = Patch(color=GREY, alpha=2 * BAND_ALPHA, linewidth=0)
            keys.append(((shade, line), f"{law}, {100 * level:g} % band"))
    if any(row.kind == "asymptote" for row in plotted):
        keys.append((Line2D([], [], color=GREY, linestyle=DOTS), "asymptote $E$"))
    return keys


def _line(axes: Axes, samples: Sequence[Row], color: ColorType, dashes: Dashes) -> None:
    xs, ys = [row.x for row in samples], [row.y for row in samples]
    axes.plot(xs, ys, color=color, linestyle=dashes)
