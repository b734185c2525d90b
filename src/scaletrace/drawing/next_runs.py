"""A picture of proposed runs: where they lie beside the measured ones, and what they would tell."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaletrace.drawing import style
from scaletrace.errors import BadInput
from scaletrace.fitting.proposal import Estimate, Proposal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMS = ("pdf", "svg", "png")
PROPOSED = "#c1440e"


def save(proposal: Proposal, path: Path) -> None:
    """Draw a proposal; the name's ending says the form.

    Raises:
        BadInput: another ending.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise BadInput(f"{path}: --figure ends in one of {', '.join(f'.{f}' for f in FORMS)}")
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[form]
    with style.house_style():
        title = f"Runs for {proposal.spend:.3g} FLOPs that tell most of {proposal.goal}"
        figure, (places, ends) = style.new_figure(title, 0.15, 2, key_lines=0, apart=True)
        _draw_places(places, proposal)
        _draw_ends(ends, proposal)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format=form, metadata=undated)


def _draw_places(axes: "Axes", proposal: Proposal) -> None:
    measured = proposal.measured
    if "n" in measured:
        x, y = measured["n"], measured["d"]
        at = [(run.n or 0.0, run.d or 0.0) for run in proposal.runs]
        axes.set_yscale("log")
        label, axes_y = "Model parameters N (count)", "Training tokens D (count)"
    else:
        x, y = measured["c"], [0.0] * len(measured["c"])
        at = [(run.flops, 1.0) for run in proposal.runs]
        axes.set_yticks([0.0, 1.0], ["measured", "proposed"])
        axes.set_ylim(-0.5, 1.5)
        label, axes_y = "Training FLOPs C (count)", ""
    axes.plot(x, y, "o", color=style.GREY, label="measured", linestyle="none")
    axes.plot(
        [place for place, _ in at],
        [height for _, height in at],
        *("D",),
        color=PROPOSED,
        label="proposed (runs, where several)",
        linestyle="none",
    )
    for run, place in zip(proposal.runs, at, strict=True):
        if run.seeds > 1:
            axes.annotate(
                str(run.seeds),
                place,
                xytext=(4, 2),
                textcoords="offset points",
                fontsize=style.SMALL,
            )
    style.count_axis(axes, [*x, *(place for place, _ in at)], label)
    axes.set_ylabel(axes_y)
    axes.legend(frameon=False, loc="best")


def _draw_ends(axes: "Axes", proposal: Proposal) -> None:
    both: Sequence[tuple[str, Estimate]] = (("now", proposal.before), ("then", proposal.after))
    for height, (_, estimate) in enumerate(both):
        color = PROPOSED if height else style.GREY
        axes.plot([estimate.low, estimate.high], [height] * 2, color=color, linewidth=3)
        axes.plot(estimate.estimate, height, "o", color=color)
    axes.set_yticks([0, 1], [name for name, _ in both])
    axes.set_ylim(1.6, -0.6)
    axes.set_xlabel(f"{proposal.goal}, interval of {100 * proposal.before.level:g} %")
