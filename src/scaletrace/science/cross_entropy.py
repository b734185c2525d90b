"""Cross-entropy of a linear head that never holds all logits: gradients in the forward pass."""

from typing import Any

import torch
from torch import Tensor

# Logits alive at a time, per channel of the head: few enough to stay in the processor's cache, and
# enough that adding each chunk to the head's gradient costs little beside the products.
CHUNK_LOGITS = 1 << 13


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        likelihoods = hidden.new_empty(len(hidden), 1)
        d_hidden = torch.empty_like(hidden)
        # Transposed, because a product with a wide result runs nearer to the peak than a tall one.
        d_weight = hidden.new_zeros(weight.shape[::-1])
        for rows in _chunks(len(hidden), weight):
            probabilities = torch.mm(hidden[rows], weight.T).softmax(1)
            places = targets[rows, None]
            likelihoods[rows] = probabilities.gather(1, places)
            probabilities.scatter_(1, places, likelihoods[rows] - 1)
            torch.mm(probabilities, weight, out=d_hidden[rows])
            d_weight.addmm_(hidden[rows].T, probabilities)
        ctx.save_for_backward(d_hidden, d_weight)
        # A likelihood below the smallest float is zero, but its logarithm is still a number.
        losses = -likelihoods.log() if likelihoods.all() else token_losses(hidden, weight, targets)
        return losses.double().mean().float()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        d_hidden, d_weight = ctx.saved_tensors
        scale = grads[0] / len(d_hidden)
        return d_hidden * scale, (d_weight * scale).T, None


def chunked_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats of logits = hidden @ weight.T.

    Args:
        hidden: (positions, width).
        weight: (vocabulary, width), the output head.
        targets: (positions,), token ids.
    """
    loss: Any = _ChunkedCrossEntropy.apply(hidden, weight, targets)
    return loss


def token_losses(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each position in nats, (positions,); no gradients."""
    with torch.no_grad():
        parts = [
            -torch.mm(hidden[rows], weight.T).log_softmax(1).gather(1, targets[rows, None])
            for rows in _chunks(len(hidden), weight)
        ]
    return torch.cat(parts).squeeze(1)


def _chunks(positions: int, weight: Tensor) -> list[slice]:
    vocabulary, width = weight.shape
    size = max(1, CHUNK_LOGITS * width // vocabulary)
    return [slice(start, start + size) for start in range(0, positions, size)]
