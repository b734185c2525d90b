"""`FIT.json`: a fitted law with its intervals, diagnostics, curves, residuals and resamples.

`fitting.table_fit` says what is in it; docs/formats.md says it to people. Here stands the form of
what other parts of Scaletrace read; `fit_file` reads it.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from scaletrace.formats.typed_json import Listed, Named, Number, Text, Whole

WEAK = "weakly identified"
SIX = "6nd"  # the convention C = 6 N D


@dataclass(frozen=True)
class Interval:
    """A parameter or derived quantity with its interval; None for an end that is open.

    se: standard error; None where it is weakly identified. level: nominal coverage.
    """

    estimate: Number
    low: Number | None
    high: Number | None
    level: Number
    se: Number | None = None
    verdict: Text = "identified"

    @property
    def weak(self) -> bool:
        """Whether the data leave the quantity open."""
        return self.verdict == WEAK


@dataclass(frozen=True)
class Residual:
    """One run that the law was fitted to: ln(measured / fitted loss)."""

    run: Text
    log_residual: Number


@dataclass(frozen=True)
class Samples:
    """A law sampled along one variable, with its pointwise band."""

    x: Listed[Number]
    loss: Listed[Number]
    low: Listed[Number]
    high: Listed[Number]

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a loss and a band at every one of some places."""
        if {len(self.loss), len(self.low), len(self.high)} != {len(self.x) or -1}:
            raise ValueError("x, loss, low and high are needed, equally many of each")


@dataclass(frozen=True)
class CurveAlone(Samples):
    """The curve of a law in one variable."""

    x_column: Text


@dataclass(frozen=True)
class CurveAtHeld(Samples):
    """The curve of a law in N and D along one of them, the other held at a value."""

    held: Number


@dataclass(frozen=True)
class CurvesAlong:
    """The curves of a law in N and D along one of them."""

    x_column: Text
    series: Listed[CurveAtHeld]


def _of_variables(curve: Any) -> str:
    return "one" if isinstance(curve, dict) and "x_column" in curve else "two"


# Told apart by their keys, so that a sentence is about the one that the file has.
LawCurve = Annotated[
    Annotated[CurveAlone, Tag("one")] | Annotated[Named[CurvesAlong], Tag("two")],
    Discriminator(_of_variables),
]


@dataclass(frozen=True)
class FitCurve:
    """A law along one variable, its band (low, high), and the other variable's value if held."""

    x_column: str
    held: float | None
    samples: Samples


@dataclass(frozen=True)
class Data:
    """The table that was fitted: its columns by variable, and which rows of it were chosen.

    scales: what a column in another unit was multiplied by; left_out: why -> how many runs;
    notes: what was read in another way than it stands there. momentum: of the annealing area of
    loss curves.
    """

    columns: Named[Text]
    momentum: Number | None = None
    scales: Named[Number] = field(default_factory=dict)
    left_out: Named[Whole] = field(default_factory=dict)
    notes: Listed[Text] = field(default_factory=list)
    budget: Text | None = None
    family: Text | None = None


@dataclass(frozen=True)
class MeasuredMetric:
    """What the fitted column measures, and the unit of what was fitted."""

    name: Text
    unit: Text
    percent: bool = False


@dataclass(frozen=True)
class ObjectiveValue:
    """What was minimised, and its least value."""

    name: Text
    value: Number


@dataclass(frozen=True)
class MeasuredRange:
    """The smallest and the largest value of a variable among the runs."""

    smallest: Number
    largest: Number


@dataclass(frozen=True)
class Design:
    """Where the runs lie, by variable."""

    n: MeasuredRange | None = None
    d: MeasuredRange | None = None
    c: MeasuredRange | None = None
    u: MeasuredRange | None = None


@dataclass(frozen=True)
class SharedNoise:
    """How residuals of one cluster resemble one another."""

    intraclass_correlation: Number | None = None


@dataclass(frozen=True)
class Diagnostics:
    """How well the law describes the runs; noise and r_squared are of log loss."""

    design: Design
    r_squared: Number | None = None
    noise: Number | None = None
    shared_noise: SharedNoise = SharedNoise()


@dataclass(frozen=True)
class Draws:
    """Parameters of resamples: a row each, in the order of the names."""

    names: Listed[Text]
    values: Listed[Listed[Number]]

    def __post_init__(self) -> None:
        """Raise ValueError unless there are rows with a value for every name."""
        if {len(row) for row in self.values} - {len(self.names)}:
            raise ValueError("rows of as many values as there are names are needed")


@dataclass(frozen=True)
class Step:
    """The law of the smaller scales at a larger one."""

    at: Number
    fitted_on: Whole
    observed: Number
    predicted: Number
    relative_error: Number


@dataclass(frozen=True)
class Extrapolation:
    """How well the law of the smaller scales predicts larger ones, the largest first."""

    variable: Text
    steps: Listed[Step]


@dataclass(frozen=True)
class Warned:
    """A warning of the fit, with a code that programs may know."""

    code: Text
    message: Text


@dataclass(frozen=True)
class ComparedLaw:
    """Another law for the same runs; `failed` says why there are no numbers."""

    law: Text
    failed: Text | None = None
    aic: Number = 0
    bic: Number = 0
    rms_relative_error: Number | None = None


@dataclass(frozen=True)
class OtherChoice:
    """The parameters under another choice of the analyst; `failed` says why there are none."""

    choice: Text
    setting: Number | Text
    failed: Text | None = None
    params: Named[Number] = field(default_factory=dict)
    derived: Named[Number] = field(default_factory=dict)


@dataclass(frozen=True)
class Exponent:
    """The growth of the best N, or D, with C, from minima at each budget."""

    estimate: Number
    low: Number
    high: Number


@dataclass(frozen=True)
class Disagreement:
    """How far the exponent lies from the law's own."""

    a: Number


@dataclass(frozen=True)
class Points:
    """Losses at sizes N."""

    n: Listed[Number]
    loss: Listed[Number]

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a loss for every N."""
        if len(self.n) != len(self.loss):
            raise ValueError("n and loss are needed, equally many of each")


@dataclass(frozen=True)
class BudgetMinimum:
    """One budget of an IsoFLOP analysis: its best N, and the curve that it is the minimum of.

    curve, measured: None in files of earlier releases.
    """

    flops: Number
    n_opt: Number
    d_opt: Number
    inside_measured_range: bool
    loss_opt: Number | None = None
    curve: Points | None = None
    measured: Points | None = None


@dataclass(frozen=True)
class Isoflop:
    """The IsoFLOP analysis of the same runs."""

    a: Exponent
    budgets: Listed[BudgetMinimum] = field(default_factory=list)
    disagreement: Disagreement | None = None
    b: Exponent | None = None
    at_flops: Number | None = None
    flop_convention: Text = SIX


@dataclass(frozen=True)
class Multiplier:
    """How many times less compute one group of runs needs than another for equal loss.

    of, against: labels in a column. shared: what of the law the groups have in common. flops: the
    budget at which losses are equal.
    """

    column: Text
    of: Text
    against: Text
    estimate: Number
    low: Number | None
    high: Number | None
    level: Number
    flops: Number
    shared: Text


@dataclass(frozen=True)
class LearntCost:
    """What a token costs, C / D, as a multiple of 6 N.

    convention: `6nd`, or the column that C was taken from. coefficients: of a Chebyshev series
    in log N from n_low to n_high, for the logarithm of the multiple. error: root mean square of
    what it leaves of ln(C / D).
    """

    convention: Text
    n_low: Number
    n_high: Number
    coefficients: Listed[Number]
    error: Number

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a range of positive N, and a series on it."""
        if not (0.0 < self.n_low <= self.n_high and self.coefficients):
            raise ValueError("0 < n_low <= n_high and coefficients are needed")

    @property
    def words(self) -> str:
        """The convention in words, with what it is to 6 N D."""
        if self.convention == SIX:
            return "6 N D"
        # A Chebyshev polynomial is 1 at the upper end of its range, and 1 or -1 at the lower.
        large = math.exp(sum(self.coefficients))
        small = math.exp(sum(self.coefficients[::2]) - sum(self.coefficients[1::2]))
        if len(self.coefficients) == 1:
            return f"{self.convention}, {large:.4g} x 6 N D"
        return f"{self.convention}, from {small:.3g} (least N) to {large:.3g} (largest N) x 6 N D"


@dataclass(frozen=True)
class CountedN:
    """The optimum of the largest budget under one count of N; `failed` says why there is none."""

    n_column: Text
    failed: Text | None = None
    flops: Number = 0
    flop_convention: Text = SIX
    a: Number = 0
    n_opt: Number = 0
    d_opt: Number = 0


@dataclass(frozen=True)
class Chosen:
    """What the fit was asked for."""

    level: Number
    objective: Text = "huber"
    delta: Number = 1e-3
    above: Number = 0.2
    fixed: Named[Number] = field(default_factory=dict)
    tied: Named[Text] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedRuns:
    """The runs that were fitted, a number each: variables by name, loss, cluster, weight."""

    variables: Named[Listed[Number]]
    loss: Listed[Number]
    cluster: Listed[Whole]
    weight: Listed[Number]

    def __post_init__(self) -> None:
        """Raise ValueError unless there is one of each for every run, and positive."""
        columns = [*self.variables.values(), self.loss, self.weight]
        if {len(column) for column in [*columns, self.cluster]} != {len(self.loss) or -1}:
            raise ValueError("a value of each is needed for every run")
        if not all(min(column) >= 0.0 for column in columns) or not min(self.loss) > 0.0:
            raise ValueError("positive numbers are needed")


@dataclass(frozen=True)
class LawErrorAhead:
    """The law's own error of log loss for each e-fold outward, and how many steps showed it."""

    rate: Number
    steps: Number


@dataclass(frozen=True)
class Ahead:
    """What a run that will be measured adds to the law: noise of log loss, and the law's error.

    shared: by what factor noise that runs of one cluster share widens variances.
    """

    noise: Number
    law_error: LawErrorAhead
    shared: Number


@dataclass(frozen=True)
class FittedValues:
    """The parameters, and the intervals of those that were not held and of what follows."""

    params: Named[Number]
    intervals: Named[Interval]


@dataclass(frozen=True)
class Drawable(FittedValues):
    """What a picture of a fit shows."""

    law: Text
    data: Data
    curve: LawCurve
    residuals: Listed[Residual]

    @property
    def curves(self) -> list[FitCurve]:
        """The law along each of its variables; none where it is in others than N and D."""
        if isinstance(self.curve, CurveAlone):
            return [FitCurve(self.curve.x_column, None, self.curve)]
        return [
            FitCurve(along.x_column, samples.held, samples)
            for along in self.curve.values()
            for samples in along.series
        ]


@dataclass(frozen=True)
class Answering(FittedValues):
    """What predictions from a fit rest on."""

    law: Text
    data: Data
    draws: Draws
    settings: Chosen
    diagnostics: Diagnostics
    token_cost: LearntCost | None = field(default=None, kw_only=True)
    metric: MeasuredMetric | None = field(default=None, kw_only=True)
    describes: Text = field(default="loss", kw_only=True)
    runs: FittedRuns | None = field(default=None, kw_only=True)
    ahead: Ahead | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Planning(Answering):
    """What proposals of further runs rest on; a residual has the run's variables by column."""

    residuals: Listed[Named[Number | Text]]


@dataclass(frozen=True)
class LawAmongOthers:
    """A law that could have been chosen: what it says of a larger run, or why it could not."""

    law: Text
    rms_relative_error: Number | None = None
    loss: Number | None = None
    failed: Text | None = None


@dataclass(frozen=True)
class LawChoice:
    """Why this law, where none was named, and what the others say of a larger run."""

    because: Text
    at: Named[Number]
    laws: Listed[LawAmongOthers]


@dataclass(frozen=True)
class Fit(Drawable, Answering):
    """A fitted law, as `FIT.json` holds it."""

    formula: Text
    derived: Named[Number]
    n_observations: Whole
    n_clusters: Whole
    objective: ObjectiveValue
    extrapolation: Extrapolation
    warnings: Listed[Warned]
    comparison: Listed[ComparedLaw] = field(default_factory=list)
    sensitivity: Listed[OtherChoice] = field(default_factory=list)
    isoflop: Isoflop | None = None
    multiplier: Multiplier | None = None
    n_conventions: Listed[CountedN] = field(default_factory=list)
    checklist: Named[Any] = field(default_factory=dict)
    law_choice: LawChoice | None = None
