"""How every figure looks: one rc, one palette, axes and labels, saved as equal bytes each time.

The plan of a study imports what figures import, so Matplotlib is imported where it is used.
"""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

# 5.5 in is the text width of common one-column proceedings; type is then 7 to 9 pt on paper.
WIDTH, HEIGHT = 5.5, 3.5
LEFT, TOP = 0.68, 0.32  # margins, inches
KEY, KEY_LINE = 0.41, 0.16  # the key's distance under the axes, and its lines', inches
COLUMN_LEFT = 0.4  # room for labels of y left of a further column, inches
TITLE_COLUMNS = 70  # of 9 pt type in that width
PANEL = 0.75  # height at least of each of several panels, inches
PANEL_APART = 2.0  # the same with room for labels of x below each
GREY = "0.45"
SMALL = 7  # points, for ticks, labels of curves and the key
RC: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans",  # ships with Matplotlib, so that no machine's fonts matter
    "mathtext.fontset": "dejavusans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType: many journals refuse Matplotlib's default, Type 3
    "svg.hashsalt": "scaletrace",
    "svg.fonttype": "path",
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")


@dataclass(frozen=True)
class Look:
    """Colour and marker of one member of an ordered set (a budget, a size, a fit)."""

    color: tuple[float, float, float]
    marker: str


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults and the rc above, whatever the reader's matplotlibrc says."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


# A family's colormap (Matplotlib's), and the part of it to use, from light to dark: luminance
# changes steadily also in grey and for colour-blind readers; what is too faint on white paper is
# left out.
COLORMAPS = (("viridis", 0.68, 0.0), ("YlOrRd", 0.5, 1.0))


def looks(families: Mapping[str, str]) -> dict[str, Look]:
    """Give each of an ordered set of names its look, from light (a family's first) to dark (last).

    Families differ in colour; markers tell neighbours apart without it.

    Args:
        families: name -> the model family that it belongs to.
    """
    import matplotlib as mpl
    import numpy as np

    members: dict[str, list[str]] = {}
    for name, family in families.items():
        members.setdefault(family, []).append(name)
    looks_of: dict[str, Look] = {}
    for i, names in enumerate(members.values()):
        colormap, light, dark = COLORMAPS[i % len(COLORMAPS)]
        middle = light + (dark - light) * 0.63
        shades = np.linspace(light, dark, len(names)) if len(names) > 1 else np.array([middle])
        for j, (name, shade) in enumerate(zip(names, shades, strict=True)):
            marker = MARKERS[(j + i * len(members[next(iter(members))])) % len(MARKERS)]
            looks_of[name] = Look(mpl.colormaps[colormap](shade)[:3], marker)
    return looks_of


def family_keys(families: Mapping[str, str]) -> list[tuple[Any, str]]:
    """Return the key's entries for the families' colours; none where there is one family."""
    from matplotlib.lines import Line2D

    several = list(dict.fromkeys(families.values()))
    colors = looks({family: family for family in several})
    lines = [Line2D([], [], color=colors[family].color, linewidth=3) for family in several]
    return list(zip(lines, several, strict=True)) if len(several) > 1 else []


def new_figure(
    title: str,
    right: float,
    panels: int = 1,
    key_lines: int = 2,
    *,
    apart: bool = False,
    columns: int = 1,
) -> "tuple[Figure, list[Axes]]":
    """Return a figure and its axes from top to bottom, with `right` inches for labels beside them.

    Of several columns the axes come row by row. The figure keeps its height until the panels would
    be too low to read; panels that stand `apart` have axes of their own and more height. A long
    title is broken into lines; it is plain text, so that no sign in it is taken for mathematics.
    """
    from matplotlib.figure import Figure

    lines = textwrap.wrap(title, TITLE_COLUMNS)
    over = 0.16 * max(0, len(lines) - 1)
    bottom = KEY + KEY_LINE * key_lines + 0.05
    height = max(HEIGHT, bottom + TOP + panels * (PANEL_APART if apart else PANEL)) + over
    figure = Figure(figsize=(WIDTH, height))
    figure.subplots_adjust(
        left=LEFT / WIDTH,
        right=1 - right / WIDTH,
        bottom=bottom / height,
        top=1 - (TOP + over) / height,
    )
    figure.subplots_adjust(hspace=0.45 if apart else 0.18)
    between = right + COLUMN_LEFT
    width = (WIDTH - LEFT - right - (columns - 1) * between) / columns
    figure.subplots_adjust(wspace=between / width)
    axes = list(figure.subplots(panels, columns, squeeze=False).flat)
    axes[0].set_title("\n".join(lines), parse_math=False)
    for each in axes:
        each.grid(visible=True, color="0.92", linewidth=0.5)
        each.set_axisbelow(True)
    return figure, axes


def join_panels(figure: "Figure", panels: "Sequence[Axes]", label: str) -> None:
    """Give the panels one label of y, and tick labels and a label of x at the lowest one only."""
    for axes in panels[:-1]:
        axes.tick_params(axis="x", which="both", labelbottom=False)
        axes.set_xlabel("")
    middle = (panels[0].get_position().y1 + panels[-1].get_position().y0) / 2
    figure.text(0.08 / WIDTH, middle, label, rotation="vertical", va="center", ha="left")


def inches(axes: "Axes") -> tuple[float, float]:
    """Return width and height of the axes on paper."""
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches()
    return box.width * width, box.height * height


def count(value: float) -> str:
    """Write a count in at most three digits and a unit: 6144 -> 6.14k, 1e6 -> 1M, 6e18."""
    if value >= 1e15:
        return f"{value:.3g}".replace("e+", "e")
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= unit * 0.9995:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def budget_text(label: str) -> str:
    """Write a budget's label out: 1M -> D = 1M tokens, C1e15 -> C = 1e15 FLOPs."""
    return f"C = {label[1:]} FLOPs" if label.startswith("C") else f"D = {label} tokens"


def group_text(group: str) -> str:
    """Write a group's name out: its budget, or its family and the budget's label."""
    family, _, budget = group.rpartition(" ")
    return f"{family}, {budget}" if family else budget_text(budget)


def _limits(values: Sequence[float], least_span: float) -> tuple[float, float]:
    """Return logarithmic limits that hold the values with a margin, however close they lie."""
    low, high = min(values), max(values)
    margin = 0.05 * math.log(high / low) + (least_span if high == low else 0.0)
    return low * math.exp(-margin), high * math.exp(margin)


def count_axis(axes: "Axes", values: Sequence[float], label: str) -> None:
    """Make x a logarithmic axis of counts that holds the values."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(*_limits(values, 0.5))
    axes.set_xlabel(label)
    left, right = axes.get_xlim()
    decades = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)

    def within(steps: Sequence[int]) -> list[float]:
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        return [tick for tick in ticks if left <= tick <= right]

    fine = within(range(1, 10))
    ticks = next((ticks for ticks in (within([1]), within([1, 2, 5])) if len(ticks) > 2), fine)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([count(tick) for tick in ticks]))
    axes.xaxis.set_minor_locator(FixedLocator(fine))
    axes.xaxis.set_minor_formatter(NullFormatter())


def loss_axis(axes: "Axes", values: Sequence[float], label: str) -> None:
    """Make y a logarithmic axis of losses that holds the values, ticks at round losses."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

    axes.set_yscale("log")
    axes.set_ylim(*_limits(values, 0.05))
    axes.set_ylabel(label)
    bottom, top = axes.get_ylim()
    if top / bottom > 4:
        decades = range(math.floor(math.log10(bottom)), math.ceil(math.log10(top)))
        ticks = [step * 10.0**decade for decade in decades for step in (1, 1.5, 2, 3, 4, 5, 7)]
    else:
        ticks = MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]).tick_values(bottom, top)
    ticks = [float(tick) for tick in ticks if bottom <= tick <= top]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())


def key(axes: "Axes", lines: Sequence[Sequence[tuple[Any, str]]], note: str = "") -> None:
    """Put lines of (handle, text) under the axes, and a note at the right end of the first."""
    from matplotlib.container import ErrorbarContainer
    from matplotlib.legend import Legend
    from matplotlib.legend_handler import HandlerErrorbar

    width, height = inches(axes)
    for number, entries in enumerate(line for line in lines if line):
        legend = Legend(
            axes,
            [handle for handle, _ in entries],
            [text for _, text in entries],
            loc="upper left",
            bbox_to_anchor=(0, -(KEY + KEY_LINE * number) / height),
            ncols=len(entries),
            frameon=False,
            borderaxespad=0,
            borderpad=0,
            handletextpad=0.5,
            columnspacing=1.5,
            handler_map={ErrorbarContainer: HandlerErrorbar(yerr_size=0.7)},
        )
        axes.add_artist(legend)
    edge = (WIDTH - LEFT - 0.1) / width
    axes.text(
        edge, -KEY / height, note, transform=axes.transAxes, ha="right", va="top", fontsize=SMALL
    )


def save(figure: "Figure", outputs: Mapping[str, Path], identity: str) -> None:
    """Write the figure to outputs' pdf, svg and png, with its identity and no time inside."""
    for form in ("pdf", "svg", "png"):
        save_as(figure, form, outputs[form], identity)


def save_as(figure: "Figure", form: str, output: "Path | IO[bytes]", identity: str) -> None:
    """Write the figure as pdf, svg or png, with its identity and no time inside."""
    metadata = {
        "pdf": {"Keywords": identity, "CreationDate": None},
        "svg": {"Description": identity, "Date": None},
        "png": {"Description": identity},
    }
    figure.savefig(output, format=form, metadata=metadata[form])
