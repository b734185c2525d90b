"""The loss of given weights on held-out tokens, window by window."""

import math

import numpy as np
import torch
from torch import Tensor

from scaletrace import kinds
from scaletrace.models.counts import Shape
from scaletrace.training.batches import windows

WINDOWS_AT_A_TIME = 16


def window_losses(
    shape: Shape,
    weights: dict[str, Tensor],
    tokens: np.ndarray,
    count: int,
    device: torch.device,
) -> np.ndarray:
    """Return the mean loss in nats per token of each of the first `count` windows, (count,).

    In fp32 on every device.
    """
    model = kinds.load("families", shape.family).build(shape, seed=0)
    model.load_state_dict(weights)
    model.to(device)
    parts = []
    for start in range(0, count, WINDOWS_AT_A_TIME):
        indices = np.arange(start, min(start + WINDOWS_AT_A_TIME, count))
        some = torch.from_numpy(windows(tokens, indices, shape.context))
        parts.append(model.window_losses(some.to(device)).cpu().numpy())
    return np.concatenate(parts)


def mean_and_error(losses: np.ndarray) -> tuple[float, float | None]:
    """Return the mean of windows' losses and its standard error; none for a single window.

    Tokens of one window share their text and their model state: the window is the unit.
    """
    error = float(losses.std(ddof=1) / math.sqrt(len(losses))) if len(losses) > 1 else None
    return float(losses.mean()), error
