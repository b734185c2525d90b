"""Cross-entropy of a linear head that never holds all logits: gradients in the forward pass."""

import math
from typing import Any

import torch
from torch import Tensor

from scaletrace.models.operations import product

# Logits alive at a time, per channel of the head: few enough to stay in the processor's cache, and
# enough that adding each chunk to the head's gradient costs little beside the products.
CHUNK_LOGITS = 1 << 14
LOG2_E = 1 / math.log(2)
# A row whose exponentials sum to something between these lost nothing to the range of a float;
# elsewhere the largest logit is taken off first, which costs two more passes.
SOUND_SUMS = (1e-25, 1e25)


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, z_loss: float) -> Tensor:
        losses = hidden.new_empty(len(hidden), 1)
        d_hidden = torch.empty_like(hidden)
        # Transposed, because a product with a wide result runs nearer to the peak than a tall one.
        d_weight = hidden.new_zeros(weight.shape[::-1])
        for rows in _chunks(len(hidden), weight):
            places = targets[rows, None]
            exponentials, sums, peaks, losses[rows] = _exponentials(hidden[rows], weight, places)
            if z_loss:
                exponentials *= 1 + 2 * z_loss * (sums.log2() + peaks) / LOG2_E
            exponentials.scatter_add_(1, places, -sums)
            scale = 1 / sums
            torch.mul(product(exponentials, weight.T), scale, out=d_hidden[rows])
            d_weight = product((hidden[rows] * scale).T, exponentials.T, d_weight)
        ctx.save_for_backward(d_hidden, d_weight)
        return losses.double().mean().float()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_hidden, d_weight = ctx.saved_tensors
        scale = grads[0] / len(d_hidden)
        return d_hidden * scale, (d_weight * scale).T, None, None


def chunked_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, z_loss: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy in nats of logits = hidden @ weight.T.

    Its gradient is that of the cross-entropy plus `z_loss` times the mean of logsumexp(logits)^2,
    which keeps logits from drifting (Chowdhery et al. 2022, arXiv 2204.02311, section 5).

    Args:
        hidden: (positions, width).
        weight: (vocabulary, width), the output head.
        targets: (positions,), token ids.
        z_loss: weight of the second term.
    """
    loss: Any = _ChunkedCrossEntropy.apply(hidden, weight, targets, z_loss)
    return loss


def token_losses(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each position in nats, (positions,); no gradients."""
    with torch.no_grad():
        parts = [
            _exponentials(hidden[rows], weight, targets[rows, None])[3]
            for rows in _chunks(len(hidden), weight)
        ]
    return torch.cat(parts).squeeze(1)


def _exponentials(
    hidden: Tensor, weight: Tensor, places: Tensor
) -> tuple[Tensor, Tensor, Tensor | float, Tensor]:
    """Return exp(logits) / 2^peak, and of each row their sum, the peak, and the loss."""
    peaks: Tensor | float = 0.0
    for shifted in (False, True):
        # Powers of two, because torch takes three times as long for exp.
        logits = product(hidden * LOG2_E, weight)
        if shifted:
            peaks = logits.amax(1, keepdim=True)
            logits -= peaks
        chosen = logits.gather(1, places)
        exponentials = logits.exp2_()
        sums = exponentials.sum(1, keepdim=True)
        if sums.min() > SOUND_SUMS[0] and sums.max() < SOUND_SUMS[1]:
            break
    return exponentials, sums, peaks, (sums.log2() - chosen) / LOG2_E


def _chunks(positions: int, weight: Tensor) -> list[slice]:
    vocabulary, width = weight.shape
    size = max(1, CHUNK_LOGITS * width // vocabulary)
    return [slice(start, start + size) for start in range(0, positions, size)]
