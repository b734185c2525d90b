"""`law.json`: the law of the best learning rate that a study's tuning has found for a family."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from scaletrace.formats import typed_json
from scaletrace.formats.files import write_json
from scaletrace.formats.typed_json import Listed, Number, Text, Whole

# A rate further than this factor from the law's, up or down, is flagged.
FAR = 2.0
WHAT = "the law of a learning rate"
Positive = Annotated[Number, Field(gt=0)]


@dataclass(frozen=True)
class RateLaw:
    """Peak rate = value x (N / at_n)^n_exponent, N in non-embedding parameters.

    at_d, d_exponent: of the factor (D / at_d)^d_exponent, D in training tokens; None where trials
    of one D do not tell it. batch_tokens, beta2, weight_decay: tokens per step, second moment and
    share of a weight that a step takes away, with which it was found; None where the study's own
    stands.
    """

    family: Text
    value: Positive
    at_n: Positive
    n_exponent: Number
    batch_tokens: Annotated[Whole, Field(gt=0)] | None
    beta2: Number | None
    weight_decay: Number | None = None
    at_d: Positive | None = None
    d_exponent: Number | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless at_d and d_exponent stand together."""
        if (self.at_d is None) != (self.d_exponent is None):
            raise ValueError("at_d and d_exponent stand together, or neither does")

    def rate(self, n: float, d: float) -> float:
        """Return the best peak learning rate at N and D."""
        of_d = 1.0 if self.at_d is None else (d / self.at_d) ** (self.d_exponent or 0.0)
        return self.value * (n / self.at_n) ** self.n_exponent * of_d

    def flag(self, n: float, d: float, rate: float) -> str:
        """Say whether a rate lies far from the law's: `above law`, `below law`, or nothing."""
        ratio = rate / self.rate(n, d)
        return "above law" if ratio > FAR else "below law" if ratio < 1 / FAR else ""


@dataclass(frozen=True)
class BestOfSize:
    """The parabola of one size and budget: loss + curvature (ln rate - ln best rate)² / 2.

    low, high: ends of the best rate's interval; None where nothing tells the noise. n_tokens: of
    each of its trials; None in files of releases that tuned at one.
    """

    size: Text
    n_non_embedding: Positive
    rate: Positive
    low: Positive | None
    high: Positive | None
    loss: Number
    curvature: Number
    n_tokens: Whole | None = None


@dataclass(frozen=True)
class NextTrial:
    """A size and budget whose best rate lies at an edge of those tried, and what to try next.

    edge: the best is the lowest or the highest that trained, `tried`. rate: what would enclose the
    minimum; flops_exact: of its trials, one a seed.
    """

    size: Text
    n_non_embedding: Positive
    n_tokens: Whole
    edge: Literal["lowest", "highest"]
    tried: Positive
    rate: Positive
    flops_exact: Number


@dataclass(frozen=True)
class Ends:
    """Ends of an interval."""

    low: Number
    high: Number


@dataclass(frozen=True, kw_only=True)
class TunedLaw(RateLaw):
    """A law with the evidence for it.

    Args:
        level: of the intervals.
        standard_errors: half an interval, in standard errors; None where nothing tells the noise.
        n_exponent_interval, d_exponent_interval: None where nothing tells the noise.
        covariance: (2, 2), of ln value and n_exponent, or (3, 3), with d_exponent; None as above.
        sizes: the tuned ones, at each budget, whose best rate lies between others that were tried.
        n_tokens: that the longest trials trained on.
        next: the others, cheapest first.
    """

    level: Number
    standard_errors: Number | None
    n_exponent_interval: Ends | None
    d_exponent_interval: Ends | None = None
    covariance: Listed[Listed[Number]] | None
    sizes: Listed[BestOfSize]
    n_tokens: Whole
    next: Listed[NextTrial] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raise ValueError unless there are sizes, and the covariance is of the law's numbers."""
        super().__post_init__()
        if not self.sizes:
            raise ValueError("sizes: none")
        numbers = 2 if self.d_exponent is None else 3
        if (
            self.covariance is not None
            and [len(row) for row in self.covariance] != [numbers] * numbers
        ):
            raise ValueError(f"covariance: {numbers} rows of {numbers} numbers are needed")


def write_rate_law(path: Path, law: RateLaw, evidence: dict[str, Any]) -> None:
    """Write a law with the evidence for it, in one step.

    Raises:
        BadInput: together they are none that `read_tuned_law` would read.
    """
    content = asdict(law) | evidence
    typed_json.checked(content, path, TunedLaw, WHAT)
    write_json(path, content)


def read_rate_law(path: Path) -> RateLaw:
    """Read a law alone.

    Raises:
        BadInput: it cannot be read, or is no such law.
    """
    return typed_json.read(path, RateLaw, WHAT)


def read_tuned_law(path: Path) -> TunedLaw:
    """Read a law with the evidence for it; errors as `read_rate_law`."""
    return typed_json.read(path, TunedLaw, WHAT)
