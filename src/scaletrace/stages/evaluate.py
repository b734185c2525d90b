"""Measure a trained model on held-out tokens that are the same for every run."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scaletrace.errors import BadInput
from scaletrace.formats.checkpoints import DamagedCheckpointError, read_checkpoint
from scaletrace.formats.tokens import open_tokens
from scaletrace.science import families
from scaletrace.science.counts import Shape
from scaletrace.science.data import window_count, windows
from scaletrace.science.language_model import LanguageModel
from scaletrace.study.files import write_json

WINDOWS_AT_A_TIME = 16


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Write the loss in nats per token, its standard error, bits per byte and perplexity."""
    del work
    began = time.perf_counter()
    torch.set_num_threads(settings["threads"])
    shape = Shape(**settings["model"])
    tokens, header = open_tokens(inputs["tokens"][0], inputs["header"][0], shape.vocabulary_size)
    count = min(settings["tokens"] // shape.context, window_count(len(tokens), shape.context))
    if count == 0:
        raise BadInput(
            f"evaluation.tokens: {settings['tokens']} of the {len(tokens)} in "
            f"{inputs['tokens'][0]}; one window takes {shape.context}"
        )
    status = json.loads(inputs["outcome"][0].read_text(encoding="utf-8"))["status"]
    numbers: dict[str, float | None] = dict.fromkeys(
        ("loss", "loss_se", "bits_per_byte", "perplexity")
    )
    if status == "ok":
        model = _model(inputs["model"][0], settings, shape)
        losses = _window_losses(model, tokens, count, shape.context)
        if np.isfinite(losses).all():
            numbers = _numbers(losses, header["bytes_per_token"])
        else:
            status = "failed"
    evaluated = {"tokens": count * shape.context, "windows": count}
    write_json(outputs["result"], {"status": status, **numbers, **evaluated})
    return {"seconds": time.perf_counter() - began}


def _numbers(losses: np.ndarray, bytes_per_token: float) -> dict[str, float | None]:
    loss = float(losses.mean())
    # Tokens of one window share their text and their model state: the window is the unit.
    error = float(losses.std(ddof=1) / math.sqrt(len(losses))) if len(losses) > 1 else None
    return {
        "loss": loss,
        "loss_se": error,
        "bits_per_byte": loss / math.log(2) / bytes_per_token,
        "perplexity": math.exp(loss),
    }


def _model(path: Path, settings: dict[str, Any], shape: Shape) -> LanguageModel:
    try:
        weights, facts = read_checkpoint(path)
    except DamagedCheckpointError as error:
        raise BadInput(str(error)) from error
    if facts["model"] != settings["model"]:
        raise BadInput(f"{path}: weights of {facts['model']}; expected {settings['model']}")
    model = families.build(shape, seed=0)
    model.load_state_dict(weights)
    return model


def _window_losses(
    model: LanguageModel, tokens: np.ndarray, count: int, context: int
) -> np.ndarray:
    parts = []
    for start in range(0, count, WINDOWS_AT_A_TIME):
        indices = np.arange(start, min(start + WINDOWS_AT_A_TIME, count))
        some = torch.from_numpy(windows(tokens, indices, context))
        parts.append(model.window_losses(some).numpy())
    return np.concatenate(parts)
