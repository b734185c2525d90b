"""The decoder's loss in mixed precision, in plain operations that a compiler fuses.

What model.py computes from the same fp32 weights, for a GPU: matrix products, attention and the
stream between the blocks in bf16, norms, softmax and the loss in fp32. Gradients reach the weights
in fp32.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from scaletrace.models.language_model import LanguageModel
from scaletrace.models.operations import EPSILON, ROTARY_BASE

# Logits alive at a time: enough that adding each chunk to the head's gradient costs little beside
# the products, few enough to be small beside the activations. A power of two.
CHUNK_LOGITS = 1 << 28

Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]


def compiler(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of fixed shapes by rules alone: timings would choose other bits."""
    options: dict[str, Any] = {"deterministic": True}
    return torch.compile(function, fullgraph=True, dynamic=False, options=options)


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile nothing."""
    return function


class MixedPrecision:
    """The loss of a decoder's weights, wherever they lie."""

    def __init__(
        self,
        model: LanguageModel,
        context: int,
        dtype: torch.dtype = torch.bfloat16,
        compiler: Compiler = as_it_is,
    ):
        self.model: Any = model
        self.dtype = dtype
        self.block = compiler(_block)
        self.chunk = compiler(_chunk)
        embedding, gain = self.model.embedding, self.model.blocks[0].query_gain
        self.turns = _turns(context, embedding.shape[1] // len(gain), embedding.device)

    def loss(self, windows: Tensor, z_loss: float = 0.0) -> Tensor:
        """Return the mean loss in nats per token of windows (batch, time + 1)."""
        model, time = self.model, windows.shape[1] - 1
        x = F.embedding(windows[:, :-1], model.embedding).to(self.dtype)
        cosines, sines = (part[:time] for part in self.turns)
        for block in model.blocks:
            matrices = block.qkv, block.attention_out, block.mlp_up, block.mlp_down
            x = self.block(x, cosines, sines, block.query_gain, *matrices)
        hidden = _norm(x).to(self.dtype).flatten(0, 1)
        loss: Any = _CrossEntropy.apply(
            hidden, model.head, windows[:, 1:].flatten(), z_loss, CHUNK_LOGITS, self.chunk
        )
        return loss


def _block(
    x: Tensor,
    cosines: Tensor,
    sines: Tensor,
    gain: Tensor,
    qkv: Tensor,
    attention_out: Tensor,
    mlp_up: Tensor,
    mlp_down: Tensor,
) -> Tensor:
    """Map the stream (batch, time, width) to its successor; model.Block says the same."""
    dtype = x.dtype
    parts = F.linear(_norm(x).to(dtype), qkv.to(dtype))
    query, key, value = parts.view(*x.shape[:2], 3, len(gain), -1).unbind(2)
    query = _turned(_norm(query) * gain[:, None], cosines, sines).to(dtype)
    key = _turned(_norm(key), cosines, sines).to(dtype)
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    x = x + F.linear(mixed.transpose(1, 2).flatten(2), attention_out.to(dtype))
    hidden = F.linear(_norm(x).to(dtype), mlp_up.to(dtype)).relu().square()
    return x + F.linear(hidden, mlp_down.to(dtype))


def _norm(x: Tensor) -> Tensor:
    wide = x.float()
    return wide * (wide.square().mean(-1, keepdim=True) + EPSILON).rsqrt()


def _turns(context: int, head_width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of every position's angles, each (context, 1, head width / 2)."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head_width, 2).double() / head_width)
    angles = torch.outer(torch.arange(context).double(), frequencies)[:, None]
    return angles.cos().float().to(device), angles.sin().float().to(device)


def _turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn neighbouring pairs of channels of (batch, time, heads, head width)."""
    left, right = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = left * cosines - right * sines, left * sines + right * cosines
    return torch.stack(turned, dim=-1).flatten(-2)


def _chunk(
    hidden: Tensor, head: Tensor, targets: Tensor, z_loss: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the summed loss of some positions, and the gradients by `hidden` and `head`."""
    logits = F.linear(hidden, head).float()
    normaliser = logits.logsumexp(1, keepdim=True)
    right = torch.arange(len(head), device=head.device) == targets[:, None]
    loss = (normaliser - (logits * right).sum(1, keepdim=True)).sum()
    shares = (logits - normaliser).exp()
    if z_loss:
        shares = shares * (1 + 2 * z_loss * normaliser)
    errors = (shares - right.float()).to(hidden.dtype)
    return loss, torch.mm(errors, head), torch.mm(errors.T, hidden)


class _CrossEntropy(torch.autograd.Function):
    """Chunked like cross_entropy.py's, with gradients in the forward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        z_loss: float,
        chunk_logits: int,
        chunk: Callable[..., tuple[Tensor, Tensor, Tensor]],
    ) -> Tensor:
        head = weight.to(hidden.dtype)
        # A power of two, so that usual batches fall into equal parts: each shape is compiled.
        rows = 1 << max(0, (chunk_logits // len(head)).bit_length() - 1)
        total = hidden.new_zeros((), dtype=torch.float32)
        d_hidden, d_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        for start in range(0, len(hidden), rows):
            part = slice(start, start + rows)
            loss, d_hidden[part], d_part = chunk(hidden[part], head, targets[part], z_loss)
            total += loss
            d_weight += d_part
        ctx.save_for_backward(d_hidden, d_weight)
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        d_hidden, d_weight = ctx.saved_tensors
        scale = grads[0] / len(d_hidden)
        return d_hidden * scale, d_weight * scale, None, None, None, None
