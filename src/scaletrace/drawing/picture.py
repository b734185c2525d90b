"""One picture of a fit: losses along each variable, budgets, residuals and parameters.

`rows` is all that it shows, `draw` draws it from them, `save` writes it with its identity inside
and the rows beside it as CSV.
"""

import hashlib
import io
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.drawing import isoflop_panel, page, panels, parameters, style
from scaletrace.drawing.fitted import BAND_ALPHA, DASHES
from scaletrace.drawing.fitted_runs import MOST_POINTS, FittedRuns
from scaletrace.drawing.forms import csv_beside, form_of
from scaletrace.drawing.rows import Row, sources, to_csv
from scaletrace.drawing.style import GREY, SMALL
from scaletrace.errors import BadInput
from scaletrace.formats.figure_identity import identity_text
from scaletrace.formats.files import replacing, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE = "fit"  # its name in the identity and the CSV
PER_LINE = 2
# Inches of one panel: left of the axes, the axes, right of them; above, the axes, below.
ACROSS, DOWN = (0.68, 2.1, 1.22), (0.22, 1.9, 0.48)
HEAD, FOOT = 0.3, 0.3
TITLE_LINE = 0.16
COLUMNS = 110  # of 7 pt type in the picture's width


@dataclass(frozen=True)
class Panel:
    """One part of the picture: what it shows, and how that is drawn on axes."""

    rows: list[Row]
    draw: "Callable[[Axes, list[Row]], None]"


def panels_of(runs: FittedRuns) -> list[Panel]:
    """Return the panels of a fit, in the order in which they are read."""
    shown = []
    for axis in runs.axes:
        draw = partial(_along, runs, axis)
        shown.append(Panel(panels.along_rows(runs, axis), draw))
    if isoflop_panel.has_curves(runs):
        shown.append(Panel(isoflop_panel.rows(runs), partial(_isoflop, runs)))
    if runs.axes:
        first = runs.axes[0]
        draw = partial(_residuals, runs, first)
        shown.append(Panel(panels.residual_rows(runs, first), draw))
    return [*shown, Panel(parameters.rows(runs), partial(_parameters, runs))]


def _along(runs: FittedRuns, axis: str, axes: "Axes", rows: list[Row]) -> None:
    panels.draw_along(axes, runs, axis, rows)


def _isoflop(runs: FittedRuns, axes: "Axes", rows: list[Row]) -> None:
    isoflop_panel.draw(axes, runs, rows)


def _residuals(runs: FittedRuns, axis: str, axes: "Axes", rows: list[Row]) -> None:
    panels.draw_residuals(axes, runs, axis, rows)


def _parameters(runs: FittedRuns, axes: "Axes", rows: list[Row]) -> None:
    parameters.draw(axes, runs, rows)


def draw(runs: FittedRuns, shown: Sequence[Panel]) -> "Figure":
    """Draw the panels, two a line, under the law's formula and above the key."""
    from scaletrace.drawing.shown import ShownFigure

    lines = math.ceil(len(shown) / PER_LINE)
    head = textwrap.wrap(_subtitle(runs), COLUMNS)
    top = HEAD + TITLE_LINE * len(head)
    width, height = PER_LINE * sum(ACROSS), top + lines * sum(DOWN) + FOOT
    figure = ShownFigure(figsize=(width, height))
    for place, panel in enumerate(shown):
        line, column = divmod(place, PER_LINE)
        left = column * sum(ACROSS) + ACROSS[0]
        bottom = height - top - line * sum(DOWN) - DOWN[0] - DOWN[1]
        box = (left / width, bottom / height, ACROSS[1] / width, DOWN[1] / height)
        axes = figure.add_axes(box)
        axes.grid(visible=True, color="0.92", linewidth=0.5)
        axes.set_axisbelow(True)
        panel.draw(axes, panel.rows)
    at = 0.1 / width
    title = f"{runs.law.name}: {runs.symbol} = {runs.law.formula}"
    figure.text(at, 1 - 0.1 / height, title, va="top", fontsize=9, parse_math=False)
    figure.text(
        *(at, 1 - HEAD / height, "\n".join(head)),
        va="top",
        fontsize=SMALL,
        color=GREY,
        parse_math=False,
    )
    _key(figure, runs)
    return figure


def _subtitle(runs: FittedRuns) -> str:
    fit = runs.fit
    said = [f"{fit.n_observations} runs in {fit.n_clusters} clusters"]
    if len(runs.names) > MOST_POINTS:
        said.append(f"about {MOST_POINTS} of them drawn in each panel")
    if fit.warnings:
        codes = ", ".join(dict.fromkeys(warned.code for warned in fit.warnings))
        said.append(f"warnings: {codes}")
    return "; ".join(said)


def _key(figure: "Figure", runs: FittedRuns) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    level = f"{100 * runs.level:g} %"

    def banded(dashes: Any, alpha: float) -> tuple[Patch, Line2D]:
        line = Line2D([], [], color=GREY, linestyle=dashes, linewidth=1.0)
        return Patch(color=GREY, alpha=alpha, linewidth=0), line

    entries: list[tuple[Any, str]] = [
        (Line2D([], [], color=GREY, marker="o", linestyle="none", markersize=4), "measured"),
        (banded("-", 2 * BAND_ALPHA), f"fitted law, {level} band"),
        (banded(DASHES[1], BAND_ALPHA), f"beyond the runs, {level} interval of a measured run"),
    ]
    if isoflop_panel.has_curves(runs):
        entries.append(
            (
                Line2D([], [], color="black", marker="D", markerfacecolor="white", markersize=3.5),
                "best N of a budget",
            )
        )
    handles, texts = zip(*entries, strict=True)
    figure.legend(handles, texts, loc="lower left", ncols=len(entries), frameon=False)


def save(runs: FittedRuns, path: Path) -> None:
    """Write a fit's picture in the form of the path's end, and its numbers beside it.

    Raises:
        BadInput: the path ends in no form of a picture, or cannot be written.
    """
    form = form_of(path)
    shown = panels_of(runs)
    rows = [row for panel in shown for row in panel.rows]
    text = to_csv("", FIGURE, rows)
    digest = hashlib.sha256(text.encode()).hexdigest()
    identity = identity_text("", FIGURE, digest, sources(rows))
    try:
        with style.house_style():
            figure = draw(runs, shown)
            with replacing(path) as draft:
                if form == "html":
                    drawn = io.BytesIO()
                    style.save_as(figure, "svg", drawn, identity)
                    draft.write_text(page.text(runs, drawn.getvalue().decode()), encoding="utf-8")
                else:
                    style.save_as(figure, form, draft, identity)
        write_text(csv_beside(path), text)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from error
