"""Measure a trained model on held-out tokens that are the same for every run."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scaletrace.errors import BadInput
from scaletrace.formats.checkpoints import DamagedCheckpointError, Tensors, read_checkpoint
from scaletrace.formats.files import write_json
from scaletrace.formats.tokens import open_held_out
from scaletrace.models.counts import Shape
from scaletrace.training.device import open_device
from scaletrace.training.evaluation import mean_and_error, window_losses


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Write the loss in nats per token, its standard error, bits per byte and perplexity."""
    del work
    began = time.perf_counter()
    torch.set_num_threads(settings["threads"])
    shape = Shape(**settings["model"])
    (path,), (header_path,) = inputs["tokens"], inputs["header"]
    tokens, header, count = open_held_out(
        path, header_path, settings["tokens"], shape.vocabulary_size, shape.context
    )
    status = json.loads(inputs["outcome"][0].read_text(encoding="utf-8"))["status"]
    numbers: dict[str, float | None] = dict.fromkeys(
        ("loss", "loss_se", "bits_per_byte", "perplexity")
    )
    if status == "ok":
        device = open_device(settings.get("device", "cpu"))
        weights = _weights(inputs["model"][0], settings)
        losses = window_losses(shape, weights, tokens, count, device)
        if np.isfinite(losses).all():
            numbers = _numbers(losses, header["bytes_per_token"])
        else:
            status = "failed"
    evaluated = {"tokens": count * shape.context, "windows": count}
    write_json(outputs["result"], {"status": status, **numbers, **evaluated})
    return {"seconds": time.perf_counter() - began}


def _numbers(losses: np.ndarray, bytes_per_token: float) -> dict[str, float | None]:
    loss, error = mean_and_error(losses)
    return {
        "loss": loss,
        "loss_se": error,
        "bits_per_byte": loss / math.log(2) / bytes_per_token,
        "perplexity": math.exp(loss),
    }


def _weights(path: Path, settings: dict[str, Any]) -> Tensors:
    try:
        weights, facts = read_checkpoint(path)
    except DamagedCheckpointError as error:
        raise BadInput(str(error)) from error
    if facts["model"] != settings["model"]:
        raise BadInput(f"{path}: weights of {facts['model']}; expected {settings['model']}")
    return weights
