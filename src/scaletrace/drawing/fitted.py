"""Fitted curves, their bands and asymptotes: as rows, and drawn from rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaletrace.drawing.fits import DrawnFit
from scaletrace.drawing.marks import means, of
from scaletrace.drawing.rows import Row
from scaletrace.drawing.style import GREY, Look
from scaletrace.formats.fit import FitCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

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
class DrawnCurve:
    """A fit's curve in a figure: the name of its rows, and the group or size that it is for."""

    series: str
    member: str | None
    fit: DrawnFit
    curve: FitCurve


def drawn_curves(
    fits: Sequence[DrawnFit], x_column: str, held: Callable[[str | None], Mapping[str, float]]
) -> list[DrawnCurve]:
    """Return the fits' curves along `x_column`.

    A law in N and D gives one for each member of `held` of its family (a group and its D, a size
    and its N); where no member holds the other variable, as a budget in FLOPs does not hold D,
    none.
    """
    curves = []
    for fit in fits:
        member_at = {value: member for member, value in held(fit.fit.data.family).items()}
        for curve in (curve for curve in fit.fit.curves if curve.x_column == x_column):
            if curve.held is None:
                curves.append(DrawnCurve(fit.name, fit.group, fit, curve))
            elif member := member_at.get(curve.held):
                curves.append(DrawnCurve(f"{fit.name} {member}", member, fit, curve))
    return curves


def rows(drawn: Sequence[DrawnCurve], points: Sequence[Row], members: Sequence[str]) -> list[Row]:
    """Return samples of the curves and bands, and the ends of E's line where E is identified.

    First come lines through the mean loss of those members that have points but no curve.
    """
    fitted = {item.member for item in drawn}
    shown = [
        row
        for member in members
        if member not in fitted
        for row in means(of(points, member, "point"), member)
    ]
    for item in drawn:
        samples, source = item.curve.samples, item.fit.source
        for x, loss in zip(samples.x, samples.loss, strict=True):
            shown.append(Row(item.series, "curve", source, x, loss))
        for x, low, high in zip(samples.x, samples.low, samples.high, strict=True):
            shown.append(Row(item.series, "band", source, x, math.nan, low, high))
    for fit, curve in {item.fit.name: (item.fit, item.curve) for item in drawn}.values():
        params = fit.fit.params
        if "E" in params and not fit.is_weak("E"):
            for x in (curve.samples.x[0], curve.samples.x[-1]):
                shown.append(Row(fit.name, "asymptote", fit.source, x, params["E"], *fit.ends("E")))
    return shown


def draw_curves(
    axes: "Axes", drawn: Sequence[DrawnCurve], plotted: Sequence[Row], looks: Mapping[str, Look]
) -> list[tuple[Any, str]]:
    """Draw curves, bands and asymptotes from their rows; return the key's entries for them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    laws = list(dict.fromkeys(item.fit.fit.law for item in drawn))
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
        _line(axes, of(plotted, item.series, "curve"), color, dashes[item.fit.fit.law])
    for fit in {item.fit.name: item.fit for item in drawn}.values():
        color = looks.get(fit.group or "", OF_ALL).color
        _line(axes, of(plotted, fit.name, "asymptote"), color, DOTS)
    keys: list[tuple[Any, str]] = []
    for law, level in {item.fit.fit.law: item.fit.level for item in drawn}.items():
        line = Line2D([], [], color=GREY, linestyle=dashes[law])
        if level is None:
            keys.append((line, law))
        else:
            shade = Patch(color=GREY, alpha=2 * BAND_ALPHA, linewidth=0)
            keys.append(((shade, line), f"{law}, {100 * level:g} % band"))
    if any(row.kind == "asymptote" for row in plotted):
        keys.append((Line2D([], [], color=GREY, linestyle=DOTS), "asymptote $E$"))
    return keys


def _line(axes: "Axes", samples: Sequence[Row], color: "ColorType", dashes: Dashes) -> None:
    xs, ys = [row.x for row in samples], [row.y for row in samples]
    axes.plot(xs, ys, color=color, linestyle=dashes)
