"""Coordinate check: how far each layer moves in the first steps, against width and depth."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from scaletrace.drawing import marks, style
from scaletrace.drawing.inputs import Inputs, Settings
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.errors import BadInput
from scaletrace.formats.coordinates import CoordinateRow, read_coordinates
from scaletrace.formats.source import SourceFile, source_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "Coordinate check"
DRAWS = ("coordinate_check",)
NEEDS = ("coordinate_check",)
CAPTION = (
    "Root mean square of the change, since the start, of what each layer makes of fixed tokens, "
    "after the last step, against the width; where models of several depths are checked, against "
    "the number of blocks as well. A panel for each kind of layer, a line for each block (of "
    "depths, for the first and the last); at its end the slope of the straight line through the "
    "logarithms. Where a rate carries over from one width to another the slopes are about zero. "
    "From one depth to another only the stream and the logits must stay, for each of more blocks "
    "adds less."
)
MOST_TICKS = 5
LABEL_ROOM = 0.95  # right of a panel, inches
LABELS = {"width": "Width (channels)", "depth": "Blocks (count)"}
Against = Literal["width", "depth"]
AGAINST: tuple[Against, ...] = ("width", "depth")


@dataclass(frozen=True)
class Line:
    """One line of a panel. block: its number, `first` or `last`; empty outside of blocks."""

    family: str
    against: Against
    layer: str
    block: str

    @property
    def series(self) -> str:
        """Name of the line's rows."""
        return f"{self.family} {self.against} {self.layer} {self.block}".rstrip()


@dataclass(frozen=True)
class Checked:
    """What one model's file says of its last step."""

    name: str
    source: SourceFile
    rows: list[CoordinateRow]


def read(inputs: Inputs, settings: Settings) -> list[Checked]:
    """Read the models, each at its last step; one that diverged sooner than others is left out.

    Raises:
        BadInput: an input that is not what it should be, or no model has taken a step.
    """
    del settings
    every = {path: read_coordinates(path) for path in inputs.coordinates}
    last = max((row.step for rows in every.values() for row in rows), default=0)
    models = [
        Checked(path.stem, source_of(path), [row for row in rows if row.step == last])
        for path, rows in every.items()
    ]
    if not last:
        raise BadInput("coordinate_check: no model has taken a step, so there is nothing to draw")
    return [model for model in models if model.rows]


def rows(models: list[Checked]) -> list[Row]:
    """Return the changes against width and depth as points, and the power law through each line.

    A series is called `<family> <width or depth> <kind of layer> <block>`. What did not change has
    no place on a logarithmic axis.

    Raises:
        BadInput: there are no two models to compare.
    """
    shown: list[Row] = []
    for points in _lines(models).values():
        shown += [*points, *_law(points)]
    if not shown:
        raise BadInput("coordinate_check: fewer than two models took all steps")
    return shown


def _lines(models: list[Checked]) -> dict[Line, list[Row]]:
    """Return the points of each line, in ascending order of width or depth.

    Against the width are the models as deep as the first, against the depth those as wide.
    """
    first = models[0].rows[0]
    lines: dict[Line, list[Row]] = {}
    for model in models:
        for row in model.rows:
            places: list[tuple[Against, int, list[str]]] = []
            if row.layers == first.layers:
                places.append(("width", row.width, ["" if row.block is None else str(row.block)]))
            if row.width == first.width:
                places.append(("depth", row.layers, _ends(row)))
            for against, x, blocks in places if row.change > 0.0 else []:
                for block in blocks:
                    line = Line(row.family, against, row.layer, block)
                    point = Row(line.series, "point", model.source, x, row.change, run=model.name)
                    lines.setdefault(line, []).append(point)
    return {
        line: sorted(points, key=lambda point: (point.x, point.run))
        for line, points in sorted(lines.items(), key=lambda item: AGAINST.index(item[0].against))
        if len({point.x for point in points}) > 1
    }


def _ends(row: CoordinateRow) -> list[str]:
    """Return what a block is called where models of several depths are compared."""
    if row.block is None:
        return [""]
    return ["first"] * (row.block == 1) + ["last"] * (row.block == row.layers)


def _law(points: list[Row]) -> list[Row]:
    import numpy as np

    xs = np.array([row.x for row in points])
    slope, height = np.polyfit(np.log(xs), np.log([row.y for row in points]), 1)
    return [
        Row(points[0].series, "curve", points[0].source, x, math.exp(height) * x**slope)
        for x in (float(xs.min()), float(xs.max()))
    ]


def exponent(curve: list[Row]) -> float:
    """Return the exponent of a line's power law."""
    first, last = curve[0], curve[-1]
    return math.log(last.y / first.y) / math.log(last.x / first.x)


def draw(models: list[Checked], plotted: list[Row], title: str) -> "Figure":
    """Draw a column of panels for the width, and one beside it for the depth."""
    lines = list(_lines(models))
    families = {line.family: line.family for line in lines}
    layers = list(dict.fromkeys(line.layer for line in lines))
    columns = list(dict.fromkeys(line.against for line in lines))
    figure, axes = style.new_figure(
        title, LABEL_ROOM, len(layers), min(2, len(families)), columns=len(columns)
    )
    figure.subplots_adjust(hspace=0.4)
    # Above the name of the first layer.
    axes[0].set_title(axes[0].get_title(loc="left"), pad=12, parse_math=False)
    for place, against in enumerate(columns):
        panels = axes[place :: len(columns)]
        of_column = [line for line in lines if line.against == against]
        looks = style.looks({f"{line.family} {line.block}": line.family for line in of_column})
        for panel, layer in zip(panels, layers, strict=True):
            own = {
                line: looks[f"{line.family} {line.block}"]
                for line in of_column
                if line.layer == layer
            }
            _draw_panel(panel, plotted, own)
            place_of_name = {"ha": "right", "va": "bottom", "transform": panel.transAxes}
            panel.text(1, 1.03, layer, fontsize=style.SMALL, **place_of_name)
            panel.set_xlabel(LABELS[against])
        style.join_panels(figure, panels, "" if place else "Root mean square of the change")
    key = [(_grey(marker="o", linestyle="none"), "model"), (_grey(), "power law, its exponent")]
    note = f"after {models[0].rows[0].step} steps"
    style.key(axes[-len(columns)], [key, style.family_keys(families)], note)
    return figure


def _grey(**look: Any) -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], color=style.GREY, **look)


def _draw_panel(axes: "Axes", plotted: list[Row], lines: dict[Line, style.Look]) -> None:
    own = [row for row in plotted if row.series in {line.series for line in lines}]
    if not own:
        axes.set_axis_off()
        return
    style.count_axis(axes, [row.x for row in own], "")
    _own_ticks(axes, sorted({row.x for row in own if row.kind == "point"}))
    _height_axis(axes, [row.y for row in own])
    labels = []
    for line, look in lines.items():
        curve = marks.of(own, line.series, "curve")
        marks.draw_line(axes, curve, look, 1.0)
        marks.draw_points(axes, marks.of(own, line.series, "point"), look)
        text = f"{line.block} {exponent(curve):+.2f}".strip()
        labels.append(EndLabel(curve[-1].x, curve[-1].y, text, look))
    label_ends(axes, labels)


def _own_ticks(axes: "Axes", places: list[float]) -> None:
    """Tick the models' own widths or depths, of many about every second or third."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    ticks = places[:: -(-len(places) // MOST_TICKS)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([style.count(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())


def _height_axis(axes: "Axes", values: Iterable[float]) -> None:
    """Make y logarithmic with at least the span of x, so that what is flat looks flat."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    values = list(values)
    left, right = axes.get_xlim()
    middle = math.sqrt(min(values) * max(values))
    reach = max(1.1 * math.sqrt(max(values) / min(values)), math.sqrt(right / left))
    axes.set_yscale("log")
    axes.set_ylim(middle / reach, middle * reach)
    decades = range(math.floor(math.log10(middle / reach)), math.ceil(math.log10(middle * reach)))
    steps = (1, 2, 5) if reach < 4.0 else (1, 3) if reach < 10.0 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [tick for tick in ticks if middle / reach <= tick <= middle * reach]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
