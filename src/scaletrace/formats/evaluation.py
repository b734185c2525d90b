"""`evals/<run>.json`: what a finished run measures on held-out tokens."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scaletrace.formats import typed_json
from scaletrace.formats.files import write_json
from scaletrace.formats.typed_json import Number, Whole


@dataclass(frozen=True)
class EvaluatedRun:
    """Loss in nats per token with its standard error, and what follows from it.

    status: `failed` where the loss was not finite, `diverged` where the training's was not; both
    have no numbers. loss_se is None for a single window. tokens: that it was measured on, in
    `windows` of the model's context.
    """

    status: Literal["ok", "diverged", "failed"]
    tokens: Whole
    windows: Whole
    loss: Number | None = None
    loss_se: Number | None = None
    bits_per_byte: Number | None = None
    perplexity: Number | None = None


def write_evaluation(path: Path, evaluation: EvaluatedRun) -> None:
    """Write an evaluation, in one step."""
    write_json(path, asdict(evaluation))


def read_evaluation(path: Path) -> EvaluatedRun:
    """Read an evaluation.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    return typed_json.read(path, EvaluatedRun, "an evaluation")
