"""Training loss against training tokens, for every trunk and every run."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scaletrace.stages.figures import marks, style
from scaletrace.stages.figures.labels import EndLabel, label_ends
from scaletrace.stages.figures.study import Study
from scaletrace.stages.figures.table import Row


def rows(study: Study) -> list[Row]:
    """Return the trunks' lines, a trunk's segments joined, then the runs' lines."""
    return [
        Row(curve.name, "line", curve.source, tokens, loss, run=run)
        for curve, run in [(curve, "") for curve in study.trunk_curves]
        + [(curve, curve.name) for curve in study.curves]
        for tokens, loss in zip(curve.tokens, curve.losses, strict=True)
    ]


def draw(study: Study, plotted: list[Row], title: str) -> Figure:
    """Draw trunks thin, runs thicker with a marker where they end, a cross where they diverge."""
    figure, axes = style.new_figure(title, right=0.8)
    style.count_axis(axes, [row.x for row in plotted], "Training tokens (count)")
    style.loss_axis(axes, marks.heights(plotted), "Training loss (nats per token)")
    labels = []
    for size, look in style.looks(study.sizes).items():
        ends = []
        for trunk in study.trunks(size):
            marks.draw_line(axes, marks.of(plotted, trunk, "line"), look, 0.5)
        for o in study.runs(size):
            line = marks.of(plotted, o.run, "line")
            marks.draw_line(axes, line, look, 1.0)
            if line:
                marker = "x" if o.status == "diverged" else look.marker
                axes.plot(line[-1].x, line[-1].y, marker, color=look.color, markersize=4)
                ends.append(line[-1])
        if ends:
            end = max(ends, key=lambda row: row.x)
            labels.append(EndLabel(end.x, end.y, f"N = {style.count(study.n_of(size))}", look))
    label_ends(axes, labels)
    if any(o.status == "diverged" for o in study.observations):
        cross = Line2D([], [], color=style.GREY, marker="x", linestyle="none", label="diverged")
        style.key(axes, [cross])
    return figure
