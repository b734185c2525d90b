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

    train_loss is None for a run that diverged, whose loss was not finite, and where no step after
    the trunk was taken. skipped: steps in all; None for a training that skips none.
    """

    status: Literal["ok", "diverged"]
    step: Whole
    train_loss: Number | None
    unique_tokens: Whole
    skipped: Whole | None = None


def write_outcome(path: Path, outcome: RunOutcome) -> None:
    """Write an outcome, in one step."""
    said = asdict(outcome)
    if outcome.skipped is None:
        del said["skipped"]
    write_json(path, said)


def read_outcome(path: Path) -> RunOutcome:
    """Read an outcome.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    return typed_json.read(path, RunOutcome, "how a run ended")
