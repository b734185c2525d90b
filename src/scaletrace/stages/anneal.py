"""Finish a run: from a trunk's state, or from nothing, to the end of its schedule."""

from pathlib import Path
from typing import Any

from scaletrace.formats.checkpoints import write_checkpoint
from scaletrace.formats.files import write_json
from scaletrace.training.segment import Segment
from scaletrace.training.tuned import with_tuned


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Train to `total_steps`; write the model, the curve and the outcome."""
    segment = Segment(inputs, with_tuned(settings, inputs.get("law", [])), work)
    measurements = segment.train()
    training = segment.training
    write_checkpoint(outputs["model"], training.weights(), segment.facts())
    segment.write_curve(outputs["curve"])
    ok = segment.status == "ok"
    outcome = {
        "status": segment.status,
        "step": training.step,
        "train_loss": training.rows[-1].loss if ok else None,
        "unique_tokens": segment.unique_tokens,
    }
    write_json(outputs["outcome"], outcome)
    return measurements
