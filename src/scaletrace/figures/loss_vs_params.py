"""Held-out loss against N: points, fitted curve with band, and asymptote, per budget."""

from typing import TYPE_CHECKING

from scaletrace.drawing import fitted, marks, style
from scaletrace.drawing.content import LOSS_LABEL, FigureContent, read_content
from scaletrace.drawing.fits import DrawnFit
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Held-out loss against model size"
DRAWS = ("observations", "fits")
NEEDS = ()
POINTS = ("n", "loss")
CAPTION = (
    "Held-out loss against N, one series per budget. Bars: 95 % interval of the measurement "
    "on the held-out tokens (not the spread between seeds). Lines and bands: the fitted laws "
    "with their bootstrap intervals, up to 1.5 times the largest N. Dotted: the asymptote E, "
    "where the data identify it. Hollow points are in no fit; ``observations.csv`` says why."
)
read = read_content


def rows(content: FigureContent) -> list[Row]:
    """Return the runs' points by group, then each fit's curves, bands and asymptote.

    A group without a fitted curve has a line through its mean loss at each N.
    """
    points = marks.point_rows(content, "group", "n")
    return points + fitted.rows(_curves(content), points, list(content.groups))


def _curves(content: FigureContent) -> list[fitted.DrawnCurve]:
    return fitted.drawn_curves(content.fits, content.n_column, content.d_of_groups)


def draw(content: FigureContent, plotted: list[Row], title: str) -> "Figure":
    """Draw the rows; each group is labelled where it ends, with what was fitted to it."""
    looks, drawn = style.looks(content.groups), _curves(content)
    figure, (axes,) = style.new_figure(title, right=1.68)
    style.count_axis(axes, [row.x for row in plotted], content.n_label)
    style.loss_axis(axes, marks.heights(plotted), LOSS_LABEL)
    keys = fitted.draw_curves(axes, drawn, plotted, looks)
    labels = []
    for group, look in looks.items():
        points, line = marks.of(plotted, group, "point"), marks.of(plotted, group, "line")
        marks.draw_line(axes, line, look, 0.8)
        marks.draw_points(axes, points, look)
        curves = [item for item in drawn if item.member == group]
        ends = marks.of(plotted, curves[0].series, "curve") if curves else line or points
        if ends:
            own = [item.fit for item in curves if item.fit.group == group]
            text = "\n".join([style.group_text(group), *map(_parameters, own)])
            labels.append(EndLabel(ends[-1].x, ends[-1].y, text, look))
    label_ends(axes, labels)
    note = marks.note_missing(content, plotted)
    style.key(axes, [marks.point_keys(axes, plotted), keys], note)
    return figure


def _parameters(fit: DrawnFit) -> str:
    symbols = {"alpha": "$\\alpha$", "E": "$E$"}
    return "\n".join(fit.describe(p, s) for p, s in symbols.items() if p in fit.fit.params)
