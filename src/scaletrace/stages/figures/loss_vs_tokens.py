"""Held-out loss against D: one series of points per size, joined by the mean over its seeds."""

import math

from matplotlib.figure import Figure

from scaletrace.stages.figures import fitted, marks, style
from scaletrace.stages.figures.fits import D_COLUMN
from scaletrace.stages.figures.labels import EndLabel, label_ends
from scaletrace.stages.figures.study import D_LABEL, LOSS_LABEL, Study
from scaletrace.stages.figures.table import Row


def rows(study: Study) -> list[Row]:
    """Return the runs' points by size, then the fits' curves along D.

    A size that has no fitted curve has a line through its mean loss at each D.
    """
    drawn = _curves(study)
    points = marks.point_rows(study, "size", "d")
    unfitted = [size for size in study.sizes if size not in {item.member for item in drawn}]
    lines = [row for size in unfitted for row in _line(study, size)]
    return points + lines + fitted.curve_rows(drawn)


def _curves(study: Study) -> list[fitted.Drawn]:
    return fitted.drawn_curves(study.fits, D_COLUMN, {s: study.n_of(s) for s in study.sizes})


def _line(study: Study, size: str) -> list[Row]:
    at_d: dict[float, list[float]] = {}
    for o in study.observations:
        if o.size == size and o.status == "ok" and math.isfinite(o.loss):
            at_d.setdefault(o.d, []).append(o.loss)
    if len(at_d) < 2:
        return []
    return [
        Row(size, "line", study.source, d, sum(seeds) / len(seeds))
        for d, seeds in sorted(at_d.items())
    ]


def draw(study: Study, plotted: list[Row], title: str) -> Figure:
    """Draw the rows; each size is labelled with its N at its largest D."""
    figure, axes = style.new_figure(title, right=0.8)
    style.count_axis(axes, [row.x for row in plotted], D_LABEL)
    style.loss_axis(axes, marks.heights(plotted), LOSS_LABEL)
    looks, drawn = style.looks(study.sizes), _curves(study)
    keys = fitted.draw_curves(axes, drawn, plotted, looks)
    series = {item.member: item.series for item in drawn}
    labels = []
    for size, look in looks.items():
        points, line = marks.of(plotted, size, "point"), marks.of(plotted, size, "line")
        marks.draw_line(axes, line, look, 0.9)
        marks.draw_points(axes, points, look)
        curve = marks.of(plotted, series.get(size, ""), "curve")
        if ends := curve or line or points:
            label = f"N = {style.count(study.n_of(size))}"
            labels.append(EndLabel(ends[-1].x, ends[-1].y, label, look))
    label_ends(axes, labels)
    style.key(axes, marks.point_keys(study, plotted) + keys)
    return figure
