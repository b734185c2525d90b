"""Finish a run: from a trunk's state, or from nothing, to the end of its schedule."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.training.recipe import TrainingInputs as Inputs
from scaletrace.training.recipe import TrainingSettings as Settings
from scaletrace.training.recipe import kinds as kinds


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The finished model, its loss curve, and how the training ended."""

    model: Path
    curve: Path
    outcome: Path


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Train to `total_steps`; write the model, the curve and the outcome."""
    from scaletrace.formats.checkpoints import write_checkpoint
    from scaletrace.formats.outcome import RunOutcome, write_outcome
    from scaletrace.training.segment import Segment
    from scaletrace.training.tuned import with_tuned

    tuned = with_tuned(settings, inputs.law)
    segment = Segment(inputs.tokens, inputs.header, inputs.state, tuned, work)
    measurements = segment.train()
    training = segment.training
    write_checkpoint(outputs.model, training.weights(), segment.facts())
    segment.write_curve(outputs.curve)
    ok = segment.status == "ok"
    outcome = RunOutcome(
        status=segment.status,
        step=training.step,
        train_loss=training.rows[-1].loss if ok and training.rows else None,
        unique_tokens=segment.unique_tokens,
        skipped=training.spikes.skipped if training.spikes else None,
    )
    write_outcome(outputs.outcome, outcome)
    return measurements
