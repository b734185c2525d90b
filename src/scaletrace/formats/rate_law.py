"""`law.json`: the law of the best learning rate that a study's tuning has found for a family."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.science.counts import Shape, n_non_embedding

STEPS = ("warmup_steps", "from_step", "to_step", "cooldown_from_step")
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


def with_tuned(settings: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    """Return training settings in which what was left to tuning stands as a number.

    Without a law they are as they were. With one, its rate at the model's N, its batch and second
    moment are put in. The steps are the plan's, of the plan's batch; a smaller batch takes as
    many more of them, so that every state stays at its number of tokens.
    """
    if not paths:
        return settings
    found = read_rate_law(paths[0])
    more, rest = divmod(settings["batch_tokens"], found.batch_tokens)
    if rest:
        raise BadInput(
            f"{paths[0]}: a batch of {found.batch_tokens} tokens, of which the plan's, "
            f"{settings['batch_tokens']}, is no multiple"
        )
    return {
        **settings,
        **{name: settings[name] * more for name in STEPS if name in settings},
        "learning_rate": found.rate(n_non_embedding(Shape(**settings["model"]))),
        "batch_tokens": found.batch_tokens,
        "beta2": found.beta2,
    }
