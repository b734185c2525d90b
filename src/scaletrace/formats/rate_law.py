"""`law.json`: the law of the best learning rate that a study's tuning has found for a family."""

import json
from dataclasses import dataclass
from pathlib import Path

from scaletrace.errors import BadInput

# A rate further than this factor from the law's, up or down, is flagged.
FAR = 2.0


@dataclass(frozen=True)
class RateLaw:
    """Peak rate = value x (N / at_n)^n_exponent, N in non-embedding parameters.

    batch_tokens, beta2: tokens per step and second moment with which it was found.
    """

    family: str
    value: float
    at_n: float
    n_exponent: float
    batch_tokens: int
    beta2: float

    def rate(self, n: float) -> float:
        """Return the best peak learning rate at N."""
        return self.value * (n / self.at_n) ** self.n_exponent

    def flag(self, n: float, rate: float) -> str:
        """Say whether a rate lies far from the law's: `above law`, `below law`, or nothing."""
        ratio = rate / self.rate(n)
        return "above law" if ratio > FAR else "below law" if ratio < 1 / FAR else ""


def read_rate_law(path: Path) -> RateLaw:
    """Read a `law.json`; what else it holds is evidence for people and figures.

    Raises:
        BadInput: it is no such law.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return RateLaw(**{name: content[name] for name in RateLaw.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: not the law of a learning rate ({error!r})") from error
