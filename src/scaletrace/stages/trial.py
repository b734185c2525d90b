"""One trial of a tuning: a short training and its loss on held-out tokens."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.training.recipe import TrainingSettings
from scaletrace.training.recipe import kinds as kinds


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Training tokens and held-out tokens, each with their header."""

    tokens: Path
    header: Path
    held_out: Path
    held_out_header: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Status, held-out loss (nats per token) and its standard error."""

    result: Path


@dataclasses.dataclass(frozen=True)
class MeasuredOn:
    """What the loss is measured on: a split that the study does not report."""

    split: str
    tokens: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(TrainingSettings):
    """Those of a training, and what its loss is measured on.

    The split is not the one that the study reports, so that nothing reported was chosen by its
    own loss.
    """

    evaluation: MeasuredOn


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Train to `to_step`; write status, held-out loss (nats per token) and standard error."""
    import numpy as np

    from scaletrace.formats.tokens import open_held_out
    from scaletrace.formats.trial import TrialResult, write_trial
    from scaletrace.training.device import open_device
    from scaletrace.training.evaluation import mean_and_error, window_losses
    from scaletrace.training.segment import Segment

    segment = Segment(inputs.tokens, inputs.header, None, settings, work)
    shape = segment.shape
    tokens, _, count = open_held_out(
        inputs.held_out,
        inputs.held_out_header,
        settings.evaluation.tokens,
        shape.vocabulary_size,
        shape.context,
    )
    measurements = segment.train()
    status, loss, error = segment.status, None, None
    if status == "ok":
        weights, device = segment.training.weights(), open_device(segment.compute.device)
        losses = window_losses(shape, weights, tokens, count, device)
        if np.isfinite(losses).all():
            loss, error = mean_and_error(losses)
        else:
            status = "diverged"
    write_trial(outputs.result, TrialResult(status, loss, error))
    return measurements
