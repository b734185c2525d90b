"""Measure a trained model on held-out tokens that are the same for every run."""

import dataclasses
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.errors import BadInput
from scaletrace.kinds import module
from scaletrace.models.counts import Shape

if TYPE_CHECKING:
    import numpy as np

    from scaletrace.formats.checkpoints import Tensors


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The model, how its training ended, and held-out tokens with their header."""

    model: Path
    outcome: Path
    tokens: Path
    header: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Status, loss and what follows from it."""

    result: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """The model's shape, and how many tokens of which split to measure it on."""

    model: Shape
    split: str
    tokens: int
    threads: int
    device: str = "cpu"


def kinds(settings: Settings) -> tuple[str, ...]:
    """Return the modules of the model's family and, where it is a GPU's, of the device."""
    device = () if settings.device == "cpu" else (module("training", settings.device),)
    return (module("families", settings.model.family), *device)


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write the loss in nats per token, its standard error, bits per byte and perplexity."""
    import numpy as np
    import torch

    from scaletrace.formats.evaluation import EvaluatedRun, write_evaluation
    from scaletrace.formats.outcome import read_outcome
    from scaletrace.formats.tokens import open_held_out
    from scaletrace.training.device import open_device
    from scaletrace.training.evaluation import window_losses

    del work
    began = time.perf_counter()
    torch.set_num_threads(settings.threads)
    shape = settings.model
    tokens, header, count = open_held_out(
        inputs.tokens, inputs.header, settings.tokens, shape.vocabulary_size, shape.context
    )
    if header.bytes_per_token is None:
        raise BadInput(f"{inputs.header}: no bytes_per_token; bits per byte need it")
    status = read_outcome(inputs.outcome).status
    evaluated = EvaluatedRun(status, tokens=count * shape.context, windows=count)
    if status == "ok":
        device = open_device(settings.device)
        losses = window_losses(shape, _weights(inputs.model, shape), tokens, count, device)
        if np.isfinite(losses).all():
            numbers = _numbers(losses, header.bytes_per_token)
            evaluated = dataclasses.replace(evaluated, **numbers)
        else:
            evaluated = dataclasses.replace(evaluated, status="failed")
    write_evaluation(outputs.result, evaluated)
    return {"seconds": time.perf_counter() - began}


def _numbers(losses: "np.ndarray", bytes_per_token: float) -> dict[str, float | None]:
    from scaletrace.training.evaluation import mean_and_error

    loss, error = mean_and_error(losses)
    return {
        "loss": loss,
        "loss_se": error,
        "bits_per_byte": loss / math.log(2) / bytes_per_token,
        "perplexity": math.exp(loss),
    }


def _weights(path: Path, shape: Shape) -> "Tensors":
    from scaletrace.formats.checkpoints import DamagedCheckpointError, read_checkpoint

    try:
        weights, facts = read_checkpoint(path)
    except DamagedCheckpointError as error:
        raise BadInput(str(error)) from error
    if facts["model"] != dataclasses.asdict(shape):
        raise BadInput(f"{path}: weights of {facts['model']}; expected {dataclasses.asdict(shape)}")
    return weights
