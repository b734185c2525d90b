"""Held-out loss against D: one series of points per size, joined by the mean over its seeds."""

from typing import TYPE_CHECKING

from scaletrace.drawing import fitted, marks, style
from scaletrace.drawing.content import D_LABEL, LOSS_LABEL, FigureContent, read_content
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.formats.observations import D_COLUMN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Held-out loss against training tokens"
DRAWS = ("observations", "fits")
NEEDS = ()
POINTS = ("d", "loss")
CAPTION = (
    "Held-out loss against training tokens D, one series per size. Bars: 95 % interval of the "
    "measurement on the held-out tokens. Lines join the mean over the seeds, or are fitted "
    "laws where a law in D was fitted. Hollow points are in no fit."
)
read = read_content


def rows(content: FigureContent) -> list[Row]:
    """Return the runs' points by size, then the fits' curves along D.

    A size without a fitted curve has a line through its mean loss at each D.
    """
    points = marks.point_rows(content, "size", "d")
    return points + fitted.rows(_curves(content), points, list(content.sizes))


def _curves(content: FigureContent) -> list[fitted.DrawnCurve]:
    return fitted.drawn_curves(content.fits, D_COLUMN, content.n_of_sizes)


def draw(content: FigureContent, plotted: list[Row], title: str) -> "Figure":
    """Draw the rows; each size is labelled with its N at its largest D."""
    figure, (axes,) = style.new_figure(title, right=0.95)
    style.count_axis(axes, [row.x for row in plotted], D_LABEL)
    style.loss_axis(axes, marks.heights(plotted), LOSS_LABEL)
    looks, drawn = style.looks(content.sizes), _curves(content)
    keys = fitted.draw_curves(axes, drawn, plotted, looks)
    series = {item.member: item.series for item in drawn}
    labels = []
    for size, look in looks.items():
        points, line = marks.of(plotted, size, "point"), marks.of(plotted, size, "line")
        marks.draw_line(axes, line, look, 0.8)
        marks.draw_points(axes, points, look)
        curve = marks.of(plotted, series.get(size, ""), "curve")
        if ends := curve or line or points:
            label = f"N = {style.count(content.n_of(size))}"
            labels.append(EndLabel(ends[-1].x, ends[-1].y, label, look))
    label_ends(axes, labels)
    note = marks.note_missing(content, plotted)
    families = style.family_keys(content.sizes)
    style.key(axes, [marks.point_keys(axes, plotted) + families, keys], note)
    return figure
