"""`tuning/<family>/trials/<trial>.json`: what one trial of a tuning measured."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scaletrace.formats import typed_json
from scaletrace.formats.files import write_json
from scaletrace.formats.typed_json import Number


@dataclass(frozen=True)
class TrialResult:
    """Held-out loss in nats per token with its standard error; none for one that diverged."""

    status: Literal["ok", "diverged"]
    loss: Number | None
    loss_se: Number | None


def write_trial(path: Path, result: TrialResult) -> None:
    """Write a trial's result, in one step."""
    write_json(path, asdict(result))


def read_trial(path: Path) -> TrialResult:
    """Read a trial's result.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    return typed_json.read(path, TrialResult, "the result of a trial")
