"""Tuning: held-out loss against learning rate at each tuned size, and the law of the best rate."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from scaletrace.drawing import marks, style
from scaletrace.drawing.content import LOSS_LABEL, N_LABELS
from scaletrace.drawing.fitted import BAND_ALPHA
from scaletrace.drawing.inputs import Inputs, Settings
from scaletrace.drawing.labels import EndLabel, label_ends
from scaletrace.drawing.rows import Row
from scaletrace.drawing.style import Look
from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import BestOfSize, NextTrial, TunedLaw, read_tuned_law
from scaletrace.formats.source import SourceFile, source_of
from scaletrace.formats.trials import TrialRow, read_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TITLE = "Best learning rate"
DRAWS = ("tuning",)
NEEDS = ("tuning",)
CAPTION = (
    "Above: held-out loss of short trainings against their peak learning rate, at each tuned "
    "size and budget, on the split that the study does not report; the parabola in the logarithm "
    "of the rate whose minimum is the best rate. Hollow points lie outside it. A triangle marks a "
    "best rate at an edge of those tried, and points to where the next trial lies. Below: the best "
    "rates against N and the power law through them, with its interval."
)
SAMPLES = 41
RATE_LABEL = "Peak learning rate"
# Where the best rate is one of the edges that were tried: in losses, and in best rates.
TRIANGLES = {"lowest": ("<", "v"), "highest": (">", "^")}
Place: TypeAlias = tuple[str, int]  # size and training tokens


@dataclass(frozen=True)
class Tuned:
    """One family's law, and its trials at the batch, beta2 and decay that it was found with."""

    law: TunedLaw
    law_source: SourceFile
    trials: list[TrialRow]
    trials_source: SourceFile

    @property
    def family(self) -> str:
        """The family."""
        return self.law.family

    @property
    def places(self) -> dict[Place, BestOfSize | NextTrial]:
        """What is known of every size and number of tokens, in ascending order of D and N."""
        every = [*self.law.sizes, *self.law.next]
        every.sort(key=lambda one: (self.tokens(one), one.n_non_embedding))
        return {(one.size, self.tokens(one)): one for one in every}

    @property
    def budgets(self) -> list[int]:
        """Training tokens of the trials that the law rests on, ascending."""
        return sorted({tokens for _, tokens in self.places})

    def tokens(self, one: BestOfSize | NextTrial) -> int:
        """Return the training tokens of a place's trials."""
        return self.law.n_tokens if one.n_tokens is None else one.n_tokens

    def series(self, name: str, tokens: int) -> str:
        """Return the name of what is drawn of one budget."""
        return f"{name} {tokens}" if len(self.budgets) > 1 else name


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
    trials = [trial for trial in read_trials(trials_path) if _with_chosen(trial, law)]
    known = {trial.size for trial in trials if trial.used}
    if missing := [size.size for size in law.sizes if size.size not in known]:
        raise BadInput(f"{trials_path}: no trial of size {missing[0]} that {law_path} rests on")
    return Tuned(law, source_of(law_path), trials, source_of(trials_path))


def _with_chosen(trial: TrialRow, law: TunedLaw) -> bool:
    names = ("batch_tokens", "beta2", "weight_decay")
    return all(getattr(law, name) in (None, getattr(trial, name)) for name in names)


def rows(tuning: TuningContent) -> list[Row]:
    """Return per family the trials' losses and parabolas by place, then best rates and the law.

    Only trials with what was chosen are drawn; those that no parabola goes through form series
    that end in ` excluded`, best rates at an edge series that end in ` at lowest`, ` at highest`.
    """
    shown = []
    for tuned in tuning.families:
        for (size, tokens), known in tuned.places.items():
            name = tuned.series(size, tokens)
            own = [trial for trial in tuned.trials if trial.size == size]
            own = [trial for trial in own if known.n_tokens in (None, trial.n_tokens)]
            shown += _losses(tuned, name, own)
            if isinstance(known, NextTrial):
                shown += _edge(tuned, name, known, own)
            else:
                shown += _parabola(tuned, name, known, own)
        shown += _best(tuned)
        for tokens in tuned.budgets:
            shown += _law(tuned, tokens, tuning.n_range)
    return shown


def _losses(tuned: Tuned, name: str, trials: list[TrialRow]) -> list[Row]:
    ordered = sorted(trials, key=lambda trial: (trial.learning_rate, trial.trial))
    return [
        Row(
            name + ("" if trial.used else marks.EXCLUDED),
            "point",
            tuned.trials_source,
            trial.learning_rate,
            trial.loss,
            run=trial.trial,
        )
        for trial in ordered
        if math.isfinite(trial.loss)
    ]


def _edge(tuned: Tuned, name: str, known: NextTrial, trials: list[TrialRow]) -> list[Row]:
    losses = [trial.loss for trial in trials if trial.learning_rate == known.tried]
    loss = sum(losses) / len(losses)
    series = f"{name} at {known.edge}"
    row = Row(series, "point", tuned.trials_source, known.tried, loss)
    return [row] if math.isfinite(loss) else []


def _parabola(tuned: Tuned, name: str, known: BestOfSize, trials: list[TrialRow]) -> list[Row]:
    import numpy as np

    used = [math.log(trial.learning_rate) for trial in trials if trial.used]
    curve = []
    for x in np.linspace(min(used), max(used), SAMPLES):
        loss = known.loss + known.curvature * (x - math.log(known.rate)) ** 2 / 2
        curve.append(Row(name, "curve", tuned.law_source, float(np.exp(x)), float(loss)))
    return curve


def _best(tuned: Tuned) -> list[Row]:
    shown = []
    for (size, tokens), known in tuned.places.items():
        name, n = tuned.series(f"{tuned.family} best", tokens), known.n_non_embedding
        if isinstance(known, NextTrial):
            name += f" at {known.edge}"
            shown.append(Row(name, "point", tuned.law_source, n, known.tried, run=size))
            continue
        ends = (math.nan if end is None else end for end in (known.low, known.high))
        shown.append(Row(name, "point", tuned.law_source, n, known.rate, *ends, run=size))
    return shown


def _law(tuned: Tuned, tokens: int, n_range: tuple[float, float]) -> list[Row]:
    import numpy as np

    law, name = tuned.law, tuned.series(f"{tuned.family} law", tokens)
    samples = []
    for n in np.geomspace(*n_range, SAMPLES).tolist():
        rate = law.rate(n, tokens)
        samples.append(Row(name, "curve", tuned.law_source, n, rate))
        if law.covariance is not None and law.standard_errors is not None:
            of_d = [] if law.at_d is None else [math.log(tokens / law.at_d)]
            slopes = np.array([1.0, math.log(n / law.at_n), *of_d])
            variance = slopes @ np.array(law.covariance) @ slopes
            half = math.exp(law.standard_errors * math.sqrt(max(variance, 0.0)))
            ends = (rate / half, rate * half)
            samples.append(Row(name, "band", tuned.law_source, n, math.nan, *ends))
    return samples


def draw(tuning: TuningContent, plotted: list[Row], title: str) -> "Figure":
    """Draw a panel of losses per family and budget, and below them one of all families' laws."""
    of_losses = [(tuned, tokens) for tuned in tuning.families for tokens in tuned.budgets]
    several = len(tuning.families) > 1
    texts = [_law_text(tuned) for tuned in tuning.families] + [_trials_text(tuning)]
    panels, lines = len(of_losses) + 1, len(texts) + 1
    right = 2.0 if several and len(of_losses) > len(tuning.families) else 1.3
    figure, axes = style.new_figure(title, right, panels, lines, apart=True)
    for each, (tuned, tokens) in zip(axes, of_losses, strict=False):
        _draw_losses(each, tuned, tokens, plotted, several=several)
    keys = _draw_laws(axes[-1], tuning, plotted, several=several)
    style.key(axes[-1], [keys, *([(_nothing(), text)] for text in texts)])
    return figure


def _trials_text(tuning: TuningContent) -> str:
    every = [trial for tuned in tuning.families for trial in tuned.trials]
    lost = sum(not math.isfinite(trial.loss) for trial in every)
    budgets = sorted({tokens for tuned in tuning.families for tokens in tuned.budgets})
    text = f"trials: D = {', '.join(map(style.count, budgets))} tokens"
    return text + f", {lost} diverged" * bool(lost)


def _draw_losses(
    axes: "Axes", tuned: Tuned, tokens: int, plotted: list[Row], *, several: bool
) -> None:
    places = [(size, known) for (size, d), known in tuned.places.items() if d == tokens]
    looks = style.looks(dict.fromkeys((size for size, _ in tuned.places), tuned.family))
    names = tuple(tuned.series(size, tokens) for size, _ in places)
    own = [row for row in plotted if _place_of(row) in names]
    label = f"{RATE_LABEL}, {tuned.family}" if several else RATE_LABEL
    label += f", D = {style.count(tokens)} tokens" if len(tuned.budgets) > 1 else ""
    style.count_axis(axes, [row.x for row in own], label)
    style.loss_axis(axes, [row.y for row in own], LOSS_LABEL)
    labels = []
    for name, (size, known) in zip(names, places, strict=True):
        look = looks[size]
        curve, points = marks.of(own, name, "curve"), marks.of(own, name, "point")
        marks.draw_line(axes, curve, look, 1.0)
        marks.draw_points(axes, points, look)
        _draw_edges(axes, own, name, look, 0)
        text = f"N = {style.count(known.n_non_embedding)}"
        labels += [EndLabel(end.x, end.y, text, look) for end in (curve or points)[-1:]]
    label_ends(axes, labels)


def _place_of(row: Row) -> str:
    name = row.series.removesuffix(marks.EXCLUDED)
    for edge in TRIANGLES:
        name = name.removesuffix(f" at {edge}")
    return name


def _draw_edges(axes: "Axes", plotted: list[Row], name: str, look: Look, which: int) -> None:
    for edge, triangles in TRIANGLES.items():
        for row in marks.of(plotted, f"{name} at {edge}", "point"):
            axes.plot(
                row.x,
                row.y,
                marker=triangles[which],
                markersize=8,
                markerfacecolor="none",
                markeredgecolor=look.color,
                clip_on=False,
                zorder=4,
            )


def _draw_laws(
    axes: "Axes", tuning: TuningContent, plotted: list[Row], *, several: bool
) -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    drawn = [(tuned, tokens) for tuned in tuning.families for tokens in tuned.budgets]
    looks = style.looks({tuned.series(tuned.family, d): tuned.family for tuned, d in drawn})
    names = tuple(tuned.family for tuned in tuning.families)
    own = [row for row in plotted if row.series.startswith(_with(names, "best", "law"))]
    style.count_axis(axes, [row.x for row in own], N_LABELS["non_embedding"])
    style.loss_axis(axes, marks.heights(own), "Best peak learning rate")
    labels = []
    for tuned, tokens in drawn:
        look = looks[tuned.series(tuned.family, tokens)]
        law, best = (tuned.series(f"{tuned.family} {what}", tokens) for what in ("law", "best"))
        band = marks.of(own, law, "band")
        axes.fill_between(
            [row.x for row in band],
            [row.low for row in band],
            [row.high for row in band],
            color=look.color,
            alpha=BAND_ALPHA,
            linewidth=0,
        )
        curve = marks.of(own, law, "curve")
        marks.draw_line(axes, curve, look, 1.0)
        marks.draw_points(axes, marks.of(own, best, "point"), look)
        _draw_edges(axes, own, best, look, 1)
        text = f"D = {style.count(tokens)}" if len(tuned.budgets) > 1 else "law"
        text = f"{tuned.family}, {text}" if several else text
        labels.append(EndLabel(curve[-1].x, curve[-1].y, text, look))
    label_ends(axes, labels)
    level = tuning.families[0].law.level
    keys: list[tuple[Any, str]] = [
        (Line2D([], [], color=style.GREY, marker="o", linestyle="none"), "trial, best rate"),
        (Line2D([], [], color=style.GREY), "parabola, law"),
    ]
    if any(tuned.law.next for tuned in tuning.families):
        look = {"color": style.GREY, "marker": ">", "markersize": 8, "markerfacecolor": "none"}
        keys.append((Line2D([], [], linestyle="none", **look), "best at an edge"))
    if any(row.kind == "band" for row in own):
        shade = Patch(color=style.GREY, alpha=2 * BAND_ALPHA, linewidth=0)
        keys.append((shade, f"{100 * level:g} % band"))
    return keys


def _with(names: tuple[str, ...], *words: str) -> tuple[str, ...]:
    return tuple(f"{name} {word}" for name in names for word in words)


def _nothing() -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="none")


def _law_text(tuned: Tuned) -> str:
    law = tuned.law
    powers = [("N", law.n_exponent, law.n_exponent_interval)]
    if law.d_exponent is not None:
        powers.append(("D", law.d_exponent, law.d_exponent_interval))
    texts = [f"{tuned.family}: rate $\\propto$"]
    for variable, exponent, interval in powers:
        ends = f"[{interval.low:.2f}, {interval.high:.2f}]" if interval else "(no interval)"
        texts.append(f"${variable}^{{{exponent:.2f}}}$ {ends}")
    return " ".join(texts)
