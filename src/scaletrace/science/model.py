"""The decoder-only transformer: pre-norm, rotary positions, QK-norm, causal attention."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from scaletrace.science.counts import Shape
from scaletrace.science.cross_entropy import chunked_cross_entropy, token_losses

ROTARY_BASE = 10_000.0
EPSILON = 1e-6


def rms_norm(x: Tensor) -> Tensor:
    """Scale the last dimension to root mean square one (Zhang and Sennrich 2019); no gain."""
    return F.rms_norm(x, x.shape[-1:], eps=EPSILON)


def rotary_angles(context: int, head_width: int) -> Tensor:
    """Return the angles of rotary positions (Su et al. 2021), (context, head_width / 2)."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head_width, 2).double() / head_width)
    return torch.outer(torch.arange(context).double(), frequencies)


class Block(nn.Module):
    """Attention and a squared-ReLU MLP, each behind a norm and added to the stream."""

    def __init__(self, shape: Shape):
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.qkv = nn.Parameter(torch.empty(3 * width, width))
        self.query_key_gain = nn.Parameter(torch.ones(2, 1, width // shape.heads))
        self.attention_out = nn.Parameter(torch.zeros(width, width))
        self.mlp_up = nn.Parameter(torch.empty(4 * width, width))
        self.mlp_down = nn.Parameter(torch.zeros(width, 4 * width))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map the stream (batch, time, width) to its successor."""
        x = x + F.linear(self.attend(rms_norm(x), cos, sin), self.attention_out)
        return x + F.linear(F.relu(F.linear(rms_norm(x), self.mlp_up)).square(), self.mlp_down)

    def attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the heads' outputs side by side, (batch, time, width)."""
        batch, time, width = x.shape
        qkv = F.linear(x, self.qkv).view(batch, time, 3, self.heads, width // self.heads)
        query_key = rms_norm(qkv[:, :, :2]) * self.query_key_gain
        left, right = query_key.chunk(2, dim=-1)
        turned = torch.cat((left * cos - right * sin, left * sin + right * cos), dim=-1)
        query, key = turned.permute(2, 0, 3, 1, 4)
        value = qkv[:, :, 2].transpose(1, 2)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, time, width)


class Decoder(nn.Module):
    """A causal language model over token ids; embedding and output head are separate."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape, seed: int):
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(shape.vocabulary_size, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = nn.Parameter(torch.zeros(shape.vocabulary_size, shape.width))
        angles = rotary_angles(shape.context, shape.width // shape.heads)[:, None, None]
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)
        self._initialise(seed)

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.embedding, std=1.0, generator=generator)
        for name, matrix in self.named_parameters():
            if name.endswith(("qkv", "mlp_up")):
                nn.init.normal_(matrix, std=matrix.shape[1] ** -0.5, generator=generator)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Map token ids (batch, time) to what the head reads, (batch * time, width)."""
        x = F.embedding(tokens, self.embedding)
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        return rms_norm(x).flatten(0, 1)

    def loss(self, windows: Tensor) -> Tensor:
        """Return the mean loss in nats per token of windows (batch, time + 1)."""
        targets = windows[:, 1:].flatten()
        return chunked_cross_entropy(self.hidden(windows[:, :-1]), self.head, targets)

    @torch.no_grad()
    def window_losses(self, windows: Tensor) -> Tensor:
        """Return the mean loss of each window (batch, time + 1) in nats per token, (batch,)."""
        targets = windows[:, 1:].flatten()
        losses = token_losses(self.hidden(windows[:, :-1]), self.head, targets)
        return losses.view(len(windows), -1).double().mean(1)
