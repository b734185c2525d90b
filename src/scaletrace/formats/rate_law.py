"""`law.json`: the law of the best learning rate that a study's tuning has found for a family."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

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

    batch_tokens, beta2: tokens per step and second moment with which it was found.
    """

    family: Text
    value: Positive
    at_n: Positive
    n_exponent: Number
    batch_tokens: Annotated[Whole, Field(gt=0)]
    beta2: Number

    def rate(self, n: float) -> float:
        """Return the best peak learning rate at N."""
        return self.value * (n / self.at_n) ** self.n_exponent

    def flag(self, n: float, rate: float) -> str:
        """Say whether a rate lies far from the law's: `above law`, `below law`, or nothing."""
        ratio = rate / self.rate(n)
        return "above law" if ratio > FAR else "below law" if ratio < 1 / FAR else ""


@dataclass(frozen=True)
class BestOfSize:
    """The parabola of one size: loss + curvature (ln rate - ln best rate)² / 2.

    low, high: ends of the best rate's interval; None where nothing tells the noise.
    """

    size: Text
    n_non_embedding: Positive
    rate: Positive
    low: Positive | None
    high: Positive | None
    loss: Number
    curvature: Number


@dataclass(frozen=True)
class Ends:
    """Ends of an interval."""

    low: Number
    high: Number


@dataclass(frozen=True)
class TunedLaw(RateLaw):
    """A law with the evidence for it.

    Args:
        level: of the intervals.
        standard_errors: half an interval, in standard errors; None where nothing tells the noise.
        n_exponent_interval: None where nothing tells the noise.
        covariance: (2, 2), of ln value and n_exponent; None as above.
        sizes: the tuned ones.
        n_tokens: that the longest trials trained on.
    """

    level: Number
    standard_errors: Number | None
    n_exponent_interval: Ends | None
    covariance: Listed[Listed[Number]] | None
    sizes: Listed[BestOfSize]
    n_tokens: Whole

    def __post_init__(self) -> None:
        """Raise ValueError unless there are sizes, and the covariance is of two numbers."""
        if not self.sizes:
            raise ValueError("sizes: none")
        if self.covariance is not None and [len(row) for row in self.covariance] != [2, 2]:
            raise ValueError("covariance: two rows of two numbers are needed")


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
