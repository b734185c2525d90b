"""Held-out loss against N: points, fitted curve with band, and asymptote, per budget."""

from matplotlib.figure import Figure

from scaletrace.stages.figures import fitted, marks, style
from scaletrace.stages.figures.labels import EndLabel, label_ends
from scaletrace.stages.figures.study import LOSS_LABEL, Study
from scaletrace.stages.figures.table import Row


def rows(study: Study) -> list[Row]:
    """Return the runs' points by budget, then each fit's curves, bands and asymptote."""
    return marks.point_rows(study, "budget", "n") + fitted.curve_rows(_curves(study))


def _curves(study: Study) -> list[fitted.Drawn]:
    return fitted.drawn_curves(study.fits, study.n_column, study.d_of_budgets)


def draw(study: Study, plotted: list[Row], title: str) -> Figure:
    """Draw the rows; each budget is labelled where it ends, with what was fitted to it."""
    looks, drawn = style.looks(study.budgets), _curves(study)
    figure, axes = style.new_figure(title, right=1.6)
    style.count_axis(axes, [row.x for row in plotted], study.n_label)
    style.loss_axis(axes, marks.heights(plotted), LOSS_LABEL)
    keys = fitted.draw_curves(axes, drawn, plotted, looks)
    labels = []
    for budget, look in looks.items():
        points = marks.of(plotted, budget, "point")
        marks.draw_points(axes, points, look)
        curves = [item for item in drawn if item.member == budget]
        ends = marks.of(plotted, curves[0].series, "curve") if curves else points
        if ends:
            own = [item.fit for item in curves if item.fit.budget == budget]
            text = "\n".join([style.budget_text(budget), *map(_parameters, own)])
            labels.append(EndLabel(ends[-1].x, ends[-1].y, text, look))
    label_ends(axes, labels)
    style.key(axes, marks.point_keys(study, plotted) + keys)
    return figure


def _parameters(fit: fitted.Fit) -> str:
    symbols = {"alpha": "$\\alpha$", "E": "$E$"}
    return "\n".join(fit.describe(p, s) for p, s in symbols.items() if p in fit.params)
