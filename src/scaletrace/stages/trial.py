"""One trial of a tuning: a short training and its loss on held-out tokens."""

from pathlib import Path
from typing import Any

import numpy as np

from scaletrace.formats.files import write_json
from scaletrace.formats.tokens import open_held_out
from scaletrace.training.device import open_device
from scaletrace.training.evaluation import mean_and_error, window_losses
from scaletrace.training.segment import Segment


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Train to `to_step`; write status, held-out loss (nats per token) and standard error.

    Settings are those of a training, and `evaluation` (split, tokens): the split is not the one
    that the study reports, so that nothing reported was chosen by its own loss.
    """
    (path,), (header_path,) = inputs["held_out"], inputs["held_out_header"]
    training = {name: value for name, value in settings.items() if name != "evaluation"}
    segment = Segment(inputs, training, work)
    asked = settings["evaluation"]["tokens"]
    tokens, _, count = open_held_out(
        path, header_path, asked, segment.shape.vocabulary_size, segment.shape.context
    )
    measurements = segment.train()
    status, loss, error = segment.status, None, None
    if status == "ok":
        weights, device = segment.training.weights(), open_device(segment.compute.device)
        losses = window_losses(segment.shape, weights, tokens, count, device)
        if np.isfinite(losses).all():
            loss, error = mean_and_error(losses)
        else:
            status = "diverged"
    write_json(outputs["result"], {"status": status, "loss": loss, "loss_se": error})
    return measurements
