"""`runs/<run>/outcome.json`: how the training of a run ended."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scaletrace.formats import typed_json
from scaletrace.formats.files import write_json
from scaletrace.formats.typed_json import Number, Whole


@dataclass(frozen=True)
class RunOutcome:
    """The step after which training ended; train_loss: last of the curve, nats per token.

    train_loss is None for a run that diverged: whose loss was not finite.
    """

    status: Literal["ok", "diverged"]
    step: Whole
    train_loss: Number | None
    unique_tokens: Whole


def write_outcome(path: Path, outcome: RunOutcome) -> None:
    """Write an outcome, in one step."""
    write_json(path, asdict(outcome))


def read_outcome(path: Path) -> RunOutcome:
    """Read an outcome.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    return typed_json.read(path, RunOutcome, "how a run ended")
