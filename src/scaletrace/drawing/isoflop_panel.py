"""The panel of an IsoFLOP analysis: each budget's runs and curve, and the minima of all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaletrace.drawing import marks, panels, style
from scaletrace.drawing.fitted_runs import FittedRuns
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Kind, Row
from scaletrace.drawing.style import SMALL, Look
from scaletrace.formats.fit import Points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MINIMA = "minima"


def has_curves(runs: FittedRuns) -> bool:
    """Whether the fit has curves of an IsoFLOP analysis; files of earlier releases have none."""
    found = runs.fit.isoflop
    return found is not None and any(budget.curve is not None for budget in found.budgets)


def rows(runs: FittedRuns) -> list[Row]:
    """Return each budget's runs and its curve, and the minima of all."""
    assert runs.fit.isoflop is not None
    shown, minima = [], []
    for budget in runs.fit.isoflop.budgets:
        name = f"C = {panels.flops_text(budget.flops)} FLOPs"
        drawn: tuple[tuple[Points | None, Kind], ...]
        drawn = (budget.measured, "point"), (budget.curve, "curve")
        for points, kind in drawn:
            if points is not None:
                pairs = zip(points.n, points.loss, strict=True)
                shown += [Row(name, kind, runs.source, n, loss) for n, loss in pairs]
        if budget.loss_opt is not None and budget.inside_measured_range:
            minima.append(
                Row(MINIMA, "point", runs.source, budget.n_opt, budget.loss_opt, run=name)
            )
    return shown + minima


def draw(axes: "Axes", runs: FittedRuns, plotted: Sequence[Row]) -> None:
    """Draw the budgets' curves, light to dark, with their minima."""
    assert runs.fit.isoflop is not None
    panels.count_axis(axes, plotted, panels.label_of(runs, "n"))
    style.loss_axis(axes, marks.heights(plotted), panels.loss_label(runs))
    names = list(dict.fromkeys(row.series for row in plotted if row.series != MINIMA))
    labels = []
    for name, look in style.looks(dict.fromkeys(names, "")).items():
        curve = marks.of(plotted, name, "curve")
        look = Look(look.color, "o")
        marks.draw_line(axes, curve, look, 1.0)
        panels.draw_points(axes, marks.of(plotted, name, "point"), look, len(runs.names))
        if curve:
            labels.append(EndLabel(curve[-1].x, curve[-1].y, name, look))
    label_ends(axes, labels)
    best = marks.of(plotted, MINIMA, "point")
    axes.plot(
        [row.x for row in best],
        [row.y for row in best],
        color="black",
        marker="D",
        markersize=3.5,
        markerfacecolor="white",
        linewidth=0.6,
        zorder=4,
    )
    a = runs.fit.isoflop.a
    text = f"best N ∝ C^a, a = {a.estimate:.3f} [{a.low:.3f}, {a.high:.3f}]"
    axes.set_title(text, fontsize=SMALL)
