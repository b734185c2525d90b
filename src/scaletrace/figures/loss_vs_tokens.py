"""Held-out loss against D: one series of points per size, joined by the mean over its seeds."""

from matplotlib.figure import Figure

from scaletrace.drawing import fitted, marks, style
from scaletrace.drawing.content import D_LABEL, LOSS_LABEL, Study
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.formats.fit import D_COLUMN


def rows(study: Study) -> list[Row]:
    """Return the runs' points by size, then the fits' curves along D.

    A size without a fitted curve has a line through its mean loss at each D.
    """
    points = marks.point_rows(study, "size", "d")
    return points + fitted.rows(_curves(study), points, list(study.sizes))


def _curves(study: Study) -> list[fitted.Drawn]:
    return fitted.drawn_curves(study.fits, D_COLUMN, study.n_of_sizes)


def draw(study: Study, plotted: list[Row], title: str) -> Figure:
    """Draw the rows; each size is labelled with its N at its largest D."""
    figure, (axes,) = style.new_figure(title, right=0.95)
    style.count_axis(axes, [row.x for row in plotted], D_LABEL)
    style.loss_axis(axes, marks.heights(plotted), LOSS_LABEL)
    looks, drawn = style.looks(study.sizes), _curves(study)
    keys = fitted.draw_curves(axes, drawn, plotted, looks)
    series = {item.member: item.series for item in drawn}
    labels = []
    for size, look in looks.items():
        points, line = marks.of(plotted, size, "point"), marks.of(plotted, size, "line")
        marks.draw_line(axes, line, look, 0.8)
        marks.draw_points(axes, points, look)
        curve = marks.of(plotted, series.get(size, ""), "curve")
        if ends := curve or line or points:
            label = f"N = {style.count(study.n_of(size))}"
            labels.append(EndLabel(ends[-1].x, ends[-1].y, label, look))
    label_ends(axes, labels)
    note = marks.note_missing(study, plotted)
    families = style.family_keys(study.sizes)
    style.key(axes, [marks.point_keys(axes, plotted) + families, keys], note)
    return figure
