"""Labels at the ends of curves, moved apart so that none touches another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from scaletrace.stages.figures.style import GREY, SMALL, Look, inches

LEADER, MARKER, TEXT = 0.1, 0.18, 0.27  # right of the axes, inches


@dataclass(frozen=True)
class EndLabel:
    """A label for the curve that ends at (x, y), with the look of the curve; lines allowed."""

    x: float
    y: float
    text: str
    look: Look


def spread(wanted: NDArray[np.floating], gap: float, low: float, high: float) -> NDArray:
    """Move positions as little as possible (least squares) until each is `gap` above the last.

    With u_i = wanted_i - i * gap the condition is that u ascends: an isotonic regression, clipped
    so that all lie within [low, high].
    """
    steps = np.arange(len(wanted)) * gap
    moved = isotonic_regression(wanted - steps).x
    return np.clip(moved, low, max(low, high - steps[-1])) + steps


def label_ends(axes: Axes, labels: Sequence[EndLabel]) -> None:
    """Write the labels, given from top to bottom, beside the axes near the curves' ends.

    Where there are more than fit, evenly spaced ones are written, first and last always.
    The limits of the axes must be final.
    """
    if not labels:
        return
    width, height = inches(axes)
    lines = max(label.text.count("\n") for label in labels) + 1
    # A line of type is 1.25 times its size; between labels of several lines half a line is left.
    gap = SMALL * 1.25 * (lines + 0.5 * (lines > 1)) / 72 / height
    ordered = list(reversed(labels))
    room = int(1.05 / gap) + 1
    if len(ordered) > room:
        chosen = np.linspace(0, len(ordered) - 1, room).round().astype(int)
        ordered = [ordered[i] for i in chosen]
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = np.array([to_axes.transform((label.x, label.y))[1] for label in ordered])
    for label, at in zip(ordered, spread(ends, gap, 0.0, 1.05), strict=True):
        axes.annotate(
            "",
            xy=(label.x, label.y),
            xytext=(1 + LEADER / width, at),
            textcoords="axes fraction",
            arrowprops={
                "arrowstyle": "-",
                "linewidth": 0.4,
                "color": GREY,
                "shrinkA": 0,
                "shrinkB": 3,
            },
            annotation_clip=False,
        )
        axes.plot(
            [1 + MARKER / width],
            [at],
            transform=axes.transAxes,
            clip_on=False,
            marker=label.look.marker,
            color=label.look.color,
            linestyle="none",
        )
        axes.text(
            1 + TEXT / width,
            at,
            label.text,
            transform=axes.transAxes,
            va="center_baseline" if "\n" not in label.text else "center",
            fontsize=SMALL,
        )
