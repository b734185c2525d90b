"""Tuning: held-out loss against learning rate at each tuned size, and the law of the best rate."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.drawing import marks, style
from scaletrace.drawing.content import LOSS_LABEL, N_LABELS
from scaletrace.drawing.fitted import BAND_ALPHA
from scaletrace.drawing.inputs import Inputs, Settings
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import BestOfSize, TunedLaw, read_tuned_law
from scaletrace.formats.source import SourceFile, source_of
from scaletrace.formats.trials import TrialRow, read_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Best learning rate"
DRAWS = ("tuning",)
NEEDS = ("tuning",)
CAPTION = (
    "Above: held-out loss of short trainings against their peak learning rate, at each tuned "
    "size, on the split that the study does not report; the parabola in the logarithm of the "
    "rate whose minimum is the best rate. Hollow points lie outside it. Below: the best rates "
    "against N and the power law through them, with its interval."
)
SAMPLES = 41
RATE_LABEL = "Peak learning rate"


@dataclass(frozen=True)
class Tuned:
    """One family's law, and its trials at the batch and beta2 that the law was found with."""

    law: TunedLaw
    law_source: SourceFile
    trials: list[TrialRow]
    trials_source: SourceFile

    @property
    def family(self) -> str:
        """The family."""
        return self.law.family

    @property
    def name(self) -> str:
        """Name of the law's rows."""
        return f"{self.family} law"

    @property
    def sizes(self) -> dict[str, BestOfSize]:
        """The tuned sizes' evidence by name, in ascending order of N."""
        ascending = sorted(self.law.sizes, key=lambda size: size.n_non_embedding)
        return {size.size: size for size in ascending}


@dataclass(frozen=True)
class TuningContent:
    """All families' laws, and the N between which they are drawn."""

    families: list[Tuned]
    n_range: tuple[float, float]


def read(inputs: Inputs, settings: Settings) -> TuningContent:
    """Read laws and trials, one of each per family in the same order.

    Raises:
        BadInput: an input that is not what it should be.
    """
    if not inputs.law or len(inputs.law) != len(inputs.trials) or settings.n_range is None:
        raise BadInput("tuning: a law and its trials are needed for every family, and n_range")
    families = [_read(law, trials) for law, trials in zip(inputs.law, inputs.trials, strict=True)]
    return TuningContent(families, settings.n_range)


def _read(law_path: Path, trials_path: Path) -> Tuned:
    law = read_tuned_law(law_path)
    trials = [
        trial
        for trial in read_trials(trials_path)
        if (trial.batch_tokens, trial.beta2) == (law.batch_tokens, law.beta2)
    ]
    known = {trial.size for trial in trials if trial.used}
    if missing := [size.size for size in law.sizes if size.size not in known]:
        raise BadInput(f"{trials_path}: no trial of size {missing[0]} that {law_path} rests on")
    return Tuned(law, source_of(law_path), trials, source_of(trials_path))


def rows(tuning: TuningContent) -> list[Row]:
    """Return per family the trials' losses and parabolas by size, then best rates and the law.

    Only trials at the chosen batch and beta2 are drawn; those that no parabola goes through form
    series that end in ` excluded`.
    """
    shown = []
    for tuned in tuning.families:
        for size, evidence in tuned.sizes.items():
            shown += _losses(tuned, size)
            shown += _parabola(tuned, size, evidence)
        shown += _best(tuned)
        shown += _law(tuned, tuning.n_range)
    return shown


def _losses(tuned: Tuned, size: str) -> list[Row]:
    trials = [trial for trial in tuned.trials if trial.size == size and math.isfinite(trial.loss)]
    trials.sort(key=lambda trial: (trial.learning_rate, trial.trial))
    return [
        Row(
            size + ("" if trial.used else marks.EXCLUDED),
            "point",
            tuned.trials_source,
            trial.learning_rate,
            trial.loss,
            run=trial.trial,
        )
        for trial in trials
    ]


def _parabola(tuned: Tuned, size: str, evidence: BestOfSize) -> list[Row]:
    import numpy as np

    used = [
        math.log(trial.learning_rate) for trial in tuned.trials if trial.size == size and trial.used
    ]
    curve = []
    for x in np.linspace(min(used), max(used), SAMPLES):
        loss = evidence.loss + evidence.curvature * (x - math.log(evidence.rate)) ** 2 / 2
        curve.append(Row(size, "curve", tuned.law_source, float(np.exp(x)), float(loss)))
    return curve


def _best(tuned: Tuned) -> list[Row]:
    return [
        Row(
            f"{tuned.family} best",
            "point",
            tuned.law_source,
            size.n_non_embedding,
            size.rate,
            *(math.nan if end is None else end for end in (size.low, size.high)),
            run=name,
        )
        for name, size in tuned.sizes.items()
    ]


def _law(tuned: Tuned, n_range: tuple[float, float]) -> list[Row]:
    import numpy as np

    law = tuned.law
    samples = []
    for n in np.geomspace(*n_range, SAMPLES).tolist():
        rate = law.rate(n)
        samples.append(Row(tuned.name, "curve", tuned.law_source, n, rate))
        if law.covariance is not None and law.standard_errors is not None:
            slopes = np.array([1.0, math.log(n / law.at_n)])
            variance = slopes @ np.array(law.covariance) @ slopes
            half = math.exp(law.standard_errors * math.sqrt(max(variance, 0.0)))
            ends = (rate / half, rate * half)
            samples.append(Row(tuned.name, "band", tuned.law_source, n, math.nan, *ends))
    return samples


def draw(tuning: TuningContent, plotted: list[Row], title: str) -> "Figure":
    """Draw a panel of losses per family, and below them one of all families' laws."""
    panels = len(tuning.families) + 1
    figure, axes = style.new_figure(title, 1.3, panels, apart=True)
    for tuned, each in zip(tuning.families, axes, strict=False):
        _draw_losses(each, tuned, plotted, several=panels > 2)
    keys = _draw_laws(axes[-1], tuning, plotted)
    tried = sum(len(tuned.trials) for tuned in tuning.families)
    lost = tried - sum(row.run != "" and row.series.split(" ")[-1] != "best" for row in plotted)
    trained = max(tuned.law.n_tokens for tuned in tuning.families)
    note = f"trials: D = {style.count(trained)} tokens" + f", {lost} diverged" * bool(lost)
    style.key(axes[-1], [keys], note)
    return figure


def _draw_losses(axes: "Axes", tuned: Tuned, plotted: list[Row], *, several: bool) -> None:
    looks = style.looks(dict.fromkeys(tuned.sizes, tuned.family))
    own = [row for row in plotted if row.series.removesuffix(marks.EXCLUDED) in tuned.sizes]
    label = f"{RATE_LABEL}, {tuned.family}" if several else RATE_LABEL
    style.count_axis(axes, [row.x for row in own], label)
    style.loss_axis(axes, [row.y for row in own], LOSS_LABEL)
    labels = []
    for size, look in looks.items():
        curve = marks.of(own, size, "curve")
        marks.draw_line(axes, curve, look, 1.0)
        marks.draw_points(axes, marks.of(own, size, "point"), look)
        text = f"N = {style.count(tuned.sizes[size].n_non_embedding)}"
        labels.append(EndLabel(curve[-1].x, curve[-1].y, text, look))
    label_ends(axes, labels)


def _draw_laws(axes: "Axes", tuning: TuningContent, plotted: list[Row]) -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = [tuned.family for tuned in tuning.families]
    looks = style.looks({name: name for name in names})
    own = [row for row in plotted if row.series.rpartition(" ")[0] in names]
    style.count_axis(axes, [row.x for row in own], N_LABELS["non_embedding"])
    style.loss_axis(axes, marks.heights(own), "Best peak learning rate")
    labels = []
    for tuned in tuning.families:
        look = looks[tuned.family]
        band = marks.of(own, tuned.name, "band")
        axes.fill_between(
            [row.x for row in band],
            [row.low for row in band],
            [row.high for row in band],
            color=look.color,
            alpha=BAND_ALPHA,
            linewidth=0,
        )
        curve = marks.of(own, tuned.name, "curve")
        marks.draw_line(axes, curve, look, 1.0)
        marks.draw_points(axes, marks.of(own, f"{tuned.family} best", "point"), look)
        labels.append(EndLabel(curve[-1].x, curve[-1].y, _described(tuned, len(names) > 1), look))
    label_ends(axes, labels)
    level = tuning.families[0].law.level
    keys: list[tuple[Any, str]] = [
        (Line2D([], [], color=style.GREY, marker="o", linestyle="none"), "trial, best rate"),
        (Line2D([], [], color=style.GREY), "parabola, law"),
    ]
    if any(row.kind == "band" for row in own):
        shade = Patch(color=style.GREY, alpha=2 * BAND_ALPHA, linewidth=0)
        keys.append((shade, f"{100 * level:g} % band"))
    return keys


def _described(tuned: Tuned, several: bool) -> str:
    interval = tuned.law.n_exponent_interval
    ends = f"[{interval.low:.2f}, {interval.high:.2f}]" if interval else "no interval"
    exponent = f"$\\propto N^{{{tuned.law.n_exponent:.2f}}}$"
    return "\n".join([*([tuned.family] if several else []), exponent, ends])
