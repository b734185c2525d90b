"""Log residual of every run under every fit, against N."""

from matplotlib.figure import Figure

from scaletrace.errors import BadInput
from scaletrace.stages.figures import marks, style
from scaletrace.stages.figures.labels import EndLabel, label_ends
from scaletrace.stages.figures.study import Study
from scaletrace.stages.figures.table import Row


def rows(study: Study) -> list[Row]:
    """Return one row per fit and run that it was fitted to, then the line at zero.

    Raises:
        BadInput: a fit to runs that the study does not have, or no fit.
    """
    n_of = {o.run: o.n for o in study.observations}
    if not study.fits:
        raise BadInput("residuals: no fit to draw residuals of")
    found = []
    for fit in study.fits:
        if unknown := sorted(set(fit.residuals) - set(n_of)):
            raise BadInput(f"{fit.source.path}: run {unknown[0]} is not in {study.source.path}")
        for run in sorted(fit.residuals, key=lambda run: (n_of[run], run)):
            residual = fit.residuals[run]
            found.append(Row(fit.name, "point", fit.source, n_of[run], residual, run=run))
    return found


def draw(study: Study, plotted: list[Row], title: str) -> Figure:
    """Draw the rows about zero; each fit is labelled at its largest N."""
    figure, axes = style.new_figure(title, right=1.1)
    style.count_axis(axes, [row.x for row in plotted], study.n_label)
    reach = 1.1 * max(abs(v) for v in marks.heights(plotted))
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("Residual of the log loss, ln(measured / fitted)")
    axes.axhline(0.0, color=style.GREY, linewidth=0.8)
    labels = []
    for name, look in style.looks([fit.name for fit in study.fits]).items():
        points = marks.of(plotted, name, "point")
        axes.plot(
            [row.x for row in points],
            [row.y for row in points],
            color=look.color,
            linewidth=0.5,
            alpha=0.6,
        )
        marks.draw_points(axes, points, look)
        labels.append(EndLabel(points[-1].x, points[-1].y, name, look))
    label_ends(axes, labels)
    return figure
