"""Cross-entropy of a linear head that never holds all logits: gradients in the forward pass."""

from typing import Any

import torch
from torch import Tensor

CHUNK_LOGITS = 1 << 19  # logits alive at a time: 2 MB, so that every pass over them stays in cache


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        total = hidden.new_zeros(())
        d_hidden = torch.empty_like(hidden)
        d_weight = torch.zeros_like(weight)
        for rows in _chunks(len(hidden), len(weight)):
            losses, probabilities = _softmax(hidden[rows], weight, targets[rows])
            total += losses.sum()
            places = torch.arange(len(losses))
            probabilities[places, targets[rows]] -= 1
            torch.mm(probabilities, weight, out=d_hidden[rows])
            d_weight.addmm_(probabilities.T, hidden[rows])
        ctx.save_for_backward(d_hidden, d_weight)
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        d_hidden, d_weight = ctx.saved_tensors
        scale = grads[0] / len(d_hidden)
        return d_hidden * scale, d_weight * scale, None


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
            _softmax(hidden[rows], weight, targets[rows])[0]
            for rows in _chunks(len(hidden), len(weight))
        ]
    return torch.cat(parts)


def _chunks(positions: int, vocabulary: int) -> list[slice]:
    size = max(1, CHUNK_LOGITS // vocabulary)
    return [slice(start, start + size) for start in range(0, positions, size)]


def _softmax(hidden: Tensor, weight: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    logits = hidden @ weight.T
    target_logits = logits.gather(1, targets[:, None]).squeeze(1)
    log_normaliser = logits.logsumexp(1)
    return log_normaliser - target_logits, logits.sub_(log_normaliser[:, None]).exp_()
