"""How far the activations of each layer move in the first steps of a training.

The coordinate check of Yang et al. 2022 (arXiv 2203.03466, appendix D.1): where rates carry over
from one width to another, what every layer makes changes as much at any width.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from scaletrace.training.loop import Training


@dataclass(frozen=True)
class Coordinate:
    """What one layer makes of fixed tokens after `step` steps, by its root mean square.

    block: of the layer, from 1; None outside of blocks. change: since the start.
    """

    step: int
    layer: str
    block: int | None
    rms: float
    change: float


def coordinates(training: Training, tokens: Tensor) -> Iterator[Coordinate]:
    """Train to the end; yield every layer before the first step and after each.

    Ends before the first step after which an activation is not finite.

    Args:
        training: one that has taken no step.
        tokens: ids (batch, time) that all activations are of.
    """
    start = [made.clone() for _, _, made in training.model.activations(tokens)]
    while True:
        found = [
            Coordinate(training.step, layer, block, _rms(made), _rms(made - before))
            for (layer, block, made), before in zip(
                training.model.activations(tokens), start, strict=True
            )
        ]
        if not all(torch.isfinite(torch.tensor([one.rms, one.change])).all() for one in found):
            return
        yield from found
        if training.finished:
            return
        training.advance()


def _rms(made: Tensor) -> float:
    return made.double().square().mean().sqrt().item()
