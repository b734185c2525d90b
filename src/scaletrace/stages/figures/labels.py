"""Labels at the ends of curves, moved apart so that none touches another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from scaletrace.stages.figures.style import GREY, SMALL, Look


def spread(
    wanted: NDArray[np.floating], gap: float, low: float, high: float
) -> NDArray[np.floating]:
    """Move ascending positions as little as possible (least squares) until `gap` lies between them.

    With u_i = wanted_i - i * gap the condition is that u ascends: isotonic regression, solved by
    pooling neighbours that violate it, then clipped so that all lie within [low, high].
    """
    pools: list[tuple[float, int]] = []
    for i, position in enumerate(wanted):
        mean, size = float(position) - i * gap, 1
        while pools and pools[-1][0] >= mean:
            before, members = pools.pop()
            mean = (mean * size + before * members) / (size + members)
            size += members
        pools.append((mean, size))
    steps = np.arange(len(wanted)) * gap
    means = np.repeat([mean for mean, _ in pools], [size for _, size in pools])
    return np.clip(means, low, max(low, high - (len(wanted) - 1) * gap)) + steps


@dataclass(frozen=True)
class EndLabel:
    """A label for the curve that ends at (x, y), with the look of the curve; lines allowed."""

    x: float
    y: float
    text: str
    look: Look


def label_ends(axes: Axes, labels: Sequence[EndLabel]) -> None:
    """Write the labels to the right of the axes, in the order of the curves' ends, none touching.

    Where there are more than fit, every second, third, … one is written, the outermost always.
    The limits of the axes must be final.
    """
    if not labels:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    lines = max(label.text.count("\n") for label in labels) + 1
    # A line of type is 1.25 times its size; between labels of several lines half a line is left.
    gap = SMALL * 1.25 * (lines + 0.5 * (lines > 1)) / 72
    gap /= axes.get_position().height * figure.get_size_inches()[1]
    ordered = sorted(labels, key=lambda label: label.y)
    room = max(2, int(1.1 / gap) + 1)
    if len(ordered) > room:
        chosen = np.unique(np.linspace(0, len(ordered) - 1, room).round().astype(int))
        ordered = [ordered[i] for i in chosen]
    inverse = axes.transAxes.inverted()
    ends = [axes.transData.transform((label.x, label.y)) for label in ordered]
    heights = np.array([inverse.transform(end)[1] for end in ends])
    for label, height in zip(ordered, spread(heights, gap, 0.0, 1.05), strict=True):
        axes.annotate(
            "",
            xy=(label.x, label.y),
            xytext=(1.025, height),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": GREY, "shrinkA": 0},
            annotation_clip=False,
        )
        axes.plot(
            [1.05],
            [height],
            transform=axes.transAxes,
            clip_on=False,
            marker=label.look.marker,
            color=label.look.color,
            linestyle="none",
        )
        axes.text(
            1.08,
            height,
            label.text,
            transform=axes.transAxes,
            va="center_baseline" if "\n" not in label.text else "center",
            fontsize=SMALL,
        )
