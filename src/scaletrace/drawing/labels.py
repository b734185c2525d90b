"""Labels at the ends of curves, moved apart so that none touches another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaletrace.drawing.style import GREY, SMALL, Look, inches

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

LEADER, MARKER, TEXT = 0.1, 0.18, 0.27  # right of the axes, inches
HIGHEST = 1.05  # of a label, in heights of the axes


@dataclass(frozen=True)
class EndLabel:
    """A label for the curve that ends at (x, y), with the look of the curve; lines allowed."""

    x: float
    y: float
    text: str
    look: Look


def spread(wanted: "NDArray[np.floating]", gap: float, low: float, high: float) -> "NDArray":
    """Move positions as little as possible (least squares) until each is `gap` above the last.

    With u_i = wanted_i - i * gap the condition is that u ascends: an isotonic regression, clipped
    so that all lie within [low, high].
    """
    import numpy as np

    steps = np.arange(len(wanted)) * gap
    moved = _ascending(wanted - steps)
    return np.clip(moved, low, max(low, high - steps[-1])) + steps


def _ascending(values: "NDArray[np.floating]") -> "NDArray":
    """Isotonic regression (n,) by the min-max formula; scipy.optimize has it, and loads slowly.

    Each is the largest, over starts before it, of the least mean of values from there to beyond it
    (Barlow and Brunk 1972).
    """
    import numpy as np

    count = len(values)
    total = np.concatenate([[0.0], np.cumsum(values)])
    start, end = np.arange(count)[:, None], np.arange(count)
    lengths = np.where(end >= start, end - start + 1, 1)
    means = np.where(end >= start, (total[end + 1] - total[start]) / lengths, np.inf)
    least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
    return np.where(end >= start, least, -np.inf).max(axis=0)


def label_ends(axes: "Axes", labels: Sequence[EndLabel]) -> None:
    """Write the labels beside the axes near the curves' ends, in the order of those.

    Where there are more than fit, only the first line of each is written; where those are still
    too many, evenly spaced ones, first and last always. The limits of the axes must be final.
    """
    import numpy as np

    if not labels:
        return
    width, height = inches(axes)
    labels = sorted(labels, key=lambda label: -label.y)
    texts = [label.text for label in labels]
    gap = _gap(texts, height)
    if len(labels) > HIGHEST / gap + 1:
        texts = [text.partition("\n")[0] for text in texts]
        gap = _gap(texts, height)
    room = min(len(labels), int(HIGHEST / gap) + 1)
    chosen = np.linspace(0, len(labels) - 1, room).round().astype(int)[::-1]
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = np.array([to_axes.transform((labels[i].x, labels[i].y))[1] for i in chosen])
    for i, at in zip(chosen, spread(ends, gap, 0.0, HIGHEST), strict=True):
        _write(axes, labels[i], texts[i], width, at)


def _gap(texts: Sequence[str], height: float) -> float:
    """Return the distance of two labels, in heights of the axes."""
    lines = max(text.count("\n") for text in texts) + 1
    # A line of type is 1.25 times its size; between labels of several lines half a line is left.
    return SMALL * 1.25 * (lines + 0.5 * (lines > 1)) / 72 / height


def _write(axes: "Axes", label: EndLabel, text: str, width: float, at: float) -> None:
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
        text,
        transform=axes.transAxes,
        va="center" if "\n" in text else "center_baseline",
        fontsize=SMALL,
    )
