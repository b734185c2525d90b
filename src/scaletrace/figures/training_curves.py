"""Training loss against training tokens, for every trunk and every run."""

from typing import TYPE_CHECKING

from scaletrace.drawing import marks, style
from scaletrace.drawing.content import FigureContent, read_content
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "Training curves"
DRAWS = ("observations", "curves")
NEEDS = ()
CAPTION = (
    "Training loss against training tokens. Each sample is the mean since the one before. "
    "Thin: trunks at a constant learning rate; thicker: the runs, which with trunks are the "
    "cooldown alone. A cross marks where a run diverged."
)
read = read_content


def rows(content: FigureContent) -> list[Row]:
    """Return the trunks' lines, a trunk's segments one after the other, then the runs' lines.

    Raises:
        BadInput: no curve holds a loss.
    """
    curves = [(curve, "") for curve in content.trunk_curves]
    curves += [(curve, curve.name) for curve in content.curves]
    lines = [
        Row(curve.name, "line", curve.source, tokens, loss, run=run)
        for curve, run in curves
        for tokens, loss in zip(curve.tokens, curve.losses, strict=True)
    ]
    if not lines:
        raise BadInput("training_curves: no curve holds a loss, so there is nothing to draw")
    return lines


def draw(content: FigureContent, plotted: list[Row], title: str) -> "Figure":
    """Draw trunks thin, runs thicker with a marker where they end, a cross where they diverge.

    A run whose trunk has diverged took no step of its own; its cross is at the trunk's end.
    The heights are those of the runs that did not diverge: what shoots up leaves the picture.
    """
    diverged = {o.run for o in content.observations if o.status == "diverged"}
    lines: dict[str, list[Row]] = {}
    for row in plotted:
        lines.setdefault(row.series, []).append(row)
    calm = [row for row in plotted if row.run not in diverged] or plotted
    figure, (axes,) = style.new_figure(title, right=0.95)
    style.count_axis(axes, [row.x for row in plotted], "Training tokens (count)")
    style.loss_axis(axes, marks.heights(calm), "Training loss (nats per token)")
    top = axes.get_ylim()[1]
    labels = []
    for size, look in style.looks(content.sizes).items():
        ends = []
        for trunk in content.trunks(size):
            marks.draw_line(axes, lines.get(trunk, []), look, 0.5)
        for o in content.runs(size):
            line = lines.get(o.run, [])
            marks.draw_line(axes, line, look, 0.9)
            if o.run in diverged:
                line = line or lines.get(o.trunk, [])
            if line:
                end = (line[-1].x, min(line[-1].y, top))
                marker = "x" if o.run in diverged else look.marker
                axes.plot(*end, marker, color=look.color, markersize=3, clip_on=False, zorder=3)
                ends.append((o.run not in diverged, *end))
        if ends:
            _, x, y = max(ends)
            labels.append(EndLabel(x, y, f"N = {style.count(content.n_of(size))}", look))
    label_ends(axes, labels)
    keys = _keys(bool(content.trunk_curves), bool(diverged))
    style.key(axes, [[*keys, *style.family_keys(content.sizes)]])
    return figure


def _keys(trunks: bool, diverged: bool) -> "list[tuple[Line2D, str]]":
    from matplotlib.lines import Line2D

    grey = style.GREY
    entries = [
        (trunks, {"linewidth": 0.5}, "trunk"),
        (True, {"linewidth": 0.9, "marker": "o", "markersize": 3}, "run and its end"),
        (diverged, {"linestyle": "none", "marker": "x", "markersize": 3}, "diverged"),
    ]
    return [(Line2D([], [], color=grey, **looks), text) for shown, looks, text in entries if shown]
