"""Log residual of every run under every fit, against N: a panel per fit, about its zero line."""

from typing import TYPE_CHECKING, Any

from scaletrace.drawing import marks, style
from scaletrace.drawing.content import FigureContent, read_content
from scaletrace.drawing.fits import DrawnFit
from scaletrace.drawing.rows import Row
from scaletrace.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Residuals of the fitted laws"
DRAWS = ("observations", "fits")
NEEDS = ("fits",)
POINTS = ("n", "residual")
CAPTION = (
    "Log residual of every run under every fit, against N; a panel per fit, all on the same "
    "scales. Lines join the mean over the seeds of a budget: a bend in them is misfit, not "
    "noise."
)
read = read_content
PER_LINE = 4  # entries of the key; with names of families 3


def rows(content: FigureContent) -> list[Row]:
    """Return per fit and group the residual of each run, and the line through the seeds' means.

    Raises:
        BadInput: no fit, or a fit to runs that the study does not have.
    """
    if not content.fits:
        raise BadInput("residuals: no fit to draw residuals of")
    known = {o.run for o in content.observations}
    shown = []
    for fit in content.fits:
        residuals = fit.residuals
        if unknown := sorted(set(residuals) - known):
            raise BadInput(f"{fit.source.path}: run {unknown[0]} is not in {content.source.path}")
        for group in content.groups:
            runs = [o for o in content.observations if o.group == group and o.run in residuals]
            runs.sort(key=lambda o: (o.n, o.run))
            series = _series(fit, group)
            points = [
                Row(series, "point", fit.source, o.n, residuals[o.run], run=o.run) for o in runs
            ]
            shown += points + marks.means(points, series)
    if not shown:
        raise BadInput(f"{content.fits[0].source.path}: has no residual, so there is none to draw")
    return shown


def _series(fit: DrawnFit, group: str) -> str:
    return fit.name if fit.group == group else f"{fit.name} {group}"


def draw(content: FigureContent, plotted: list[Row], title: str) -> "Figure":
    """Draw a panel per fit on common scales; points by group, the mean over seeds a thin line."""
    from matplotlib.lines import Line2D

    looks = style.looks(content.groups)
    keys: list[tuple[Any, str]] = [
        (Line2D([], [], color=look.color, marker=look.marker, linewidth=0.5), style.group_text(g))
        for g, look in looks.items()
    ]
    per_line = PER_LINE - (len(content.families) > 1)
    lines = [keys[i : i + per_line] for i in range(0, len(keys), per_line)]
    figure, panels = style.new_figure(title, 1.2, len(content.fits), len(lines))
    reach = 1.15 * max(abs(row.y) for row in plotted) or 1.0
    for fit, axes in zip(content.fits, panels, strict=True):
        style.count_axis(axes, [row.x for row in plotted], content.n_label)
        axes.set_ylim(-reach, reach)
        axes.locator_params(axis="y", nbins=5)
        axes.axhline(0.0, color=style.GREY, linewidth=0.8)
        for group, look in looks.items():
            series = _series(fit, group)
            marks.draw_line(axes, marks.of(plotted, series, "line"), look, 0.5)
            marks.draw_points(axes, marks.of(plotted, series, "point"), look)
        _label(axes, fit)
    style.join_panels(figure, panels, "Log residual, ln(measured / fitted loss)")
    style.key(panels[-1], lines)
    return figure


def _label(axes: "Axes", fit: DrawnFit) -> None:
    data = fit.fit.data
    budget = style.budget_text(data.budget) if data.budget else "all budgets"
    text = "\n".join([fit.fit.law, *([data.family] if data.family else []), budget])
    axes.text(1.03, 0.5, text, transform=axes.transAxes, va="center", fontsize=style.SMALL)
