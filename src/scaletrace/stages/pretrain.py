"""Train one segment of a trunk: constant learning rate after warm-up."""

from pathlib import Path
from typing import Any

from scaletrace.formats.checkpoints import write_checkpoint
from scaletrace.training.segment import Segment
from scaletrace.training.tuned import with_tuned


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Train from `from_step` to `to_step`; write the state (weights, moments) and the curve."""
    segment = Segment(inputs, with_tuned(settings, inputs.get("law", [])), work)
    measurements = segment.train()
    write_checkpoint(outputs["state"], segment.training.state(), segment.facts())
    segment.write_curve(outputs["curve"])
    return measurements
