"""Train one segment of a trunk: constant learning rate after warm-up."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.training import recipe
from scaletrace.training.recipe import TrainingSettings as Settings


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Training tokens with their header, the state to go on from, and the tuned law if one is."""

    tokens: Path
    header: Path
    state: Path | None = None
    law: Path | None = None


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The state that the next segment goes on from, and the loss curve."""

    state: Path
    curve: Path


def kinds(settings: Settings) -> tuple[str, ...]:
    """Return the modules that this training loads by name."""
    return recipe.loaded_modules(settings)


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
