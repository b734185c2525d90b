"""Train one segment of a trunk: constant learning rate after warm-up."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.training.recipe import TrainingInputs as Inputs
from scaletrace.training.recipe import TrainingSettings as Settings
from scaletrace.training.recipe import kinds as kinds


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The state that the next segment goes on from, and the loss curve."""

    state: Path
    curve: Path


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Train from `from_step` to `to_step`; write the state (weights, moments) and the curve."""
    from scaletrace.formats.checkpoints import write_checkpoint
    from scaletrace.training.segment import Segment
    from scaletrace.training.tuned import with_tuned

    tuned = with_tuned(settings, inputs.law)
    segment = Segment(inputs.tokens, inputs.header, inputs.state, tuned, work)
    measurements = segment.train()
    write_checkpoint(outputs.state, segment.training.state(), segment.facts())
    segment.write_curve(outputs.curve)
    return measurements
