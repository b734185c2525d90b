"""The textbook language model: PyTorch's encoder layers behind a causal mask.

Post-norm layers with ReLU, sinusoidal positions added to an embedding scaled by sqrt(width), no
norm after the last layer, and an output head of its own with a bias (Vaswani et al. 2017, arXiv
1706.03762, as PyTorch's tutorials build it). Dropout is 0, so that a loss is a
function of weights and tokens alone: a scaling study passes over its text about once and has
little to regularise.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from scaletrace.models.counts import Shape
from scaletrace.models.language_model import LanguageModel

FREQUENCY_BASE = 10_000.0
INITIAL_RANGE = 0.1  # of embedding and head: uniform between minus this and this


class EncoderTextbook(LanguageModel):
    """Embedding, positions, `nn.TransformerEncoderLayer`s, head."""

    positions: Tensor
    mask: Tensor

    def __init__(self, shape: Shape, seed: int):
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary_size, shape.width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.width, shape.heads, 4 * shape.width, dropout=0.0, batch_first=True
            )
            for _ in range(shape.layers)
        )
        self.head = nn.Linear(shape.width, shape.vocabulary_size)
        self.register_buffer("positions", sinusoids(shape.context, shape.width), persistent=False)
        mask = nn.Transformer.generate_square_subsequent_mask(shape.context)
        self.register_buffer("mask", mask, persistent=False)
        self._initialise(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        """Draw the matrices as PyTorch does by default, but from a generator of the model's own.

        `nn.TransformerEncoder` copies one layer, weights and all; here every layer has its own.
        Biases begin at zero.
        """
        for name, parameter in self.named_parameters():
            if name in ("embedding.weight", "head.weight"):
                bound = INITIAL_RANGE
            elif name.endswith("in_proj_weight"):
                bound = math.sqrt(6 / sum(parameter.shape))
            elif parameter.ndim == 2:
                bound = parameter.shape[1] ** -0.5
            else:
                parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
                continue
            parameter.uniform_(-bound, bound, generator=generator)

    def role(self, name: str) -> str:
        """Return the role of a weight by its name."""
        if name in ("embedding.weight", "head.weight"):
            return name.partition(".")[0]
        if name.endswith(("in_proj_weight", "linear1.weight")):
            return "matrix_in"
        return "matrix_out" if name.endswith(("out_proj.weight", "linear2.weight")) else "gain"

    def parts(self, name: str) -> int:
        """Return how many matrices, one below another, a weight is."""
        return 3 if name.endswith("in_proj_weight") else 1

    def hidden(self, tokens: Tensor) -> Tensor:
        """Map token ids (batch, time) to what the head reads, (batch * time, width)."""
        time = tokens.shape[1]
        x = self._embedded(tokens)
        for layer in self.layers:
            x = layer(x, src_mask=self.mask[:time, :time])
        return x.flatten(0, 1)

    def _embedded(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        return x + self.positions[: tokens.shape[1]]

    @torch.no_grad()
    def activations(self, tokens: Tensor) -> Iterator[tuple[str, int | None, Tensor]]:
        """Yield the embedding, what each layer adds to the stream, the stream, the logits."""
        time = tokens.shape[1]
        x = self._embedded(tokens)
        yield "embedding", None, x.flatten(0, 1)
        for number, layer in enumerate(self.layers, start=1):
            before, x = x, layer(x, src_mask=self.mask[:time, :time])
            yield "layer", number, (x - before).flatten(0, 1)
        yield "stream", None, x.flatten(0, 1)
        yield "logits", None, self.head(x.flatten(0, 1))

    def loss(self, windows: Tensor, z_loss: float = 0.0) -> Tensor:
        """Return the mean loss in nats per token of windows (batch, time + 1)."""
        logits = self._logits(windows)
        loss = F.cross_entropy(logits, windows[:, 1:].flatten())
        if z_loss:
            penalty = z_loss * logits.logsumexp(1).square().mean()
            loss = loss + (penalty - penalty.detach())
        return loss

    @torch.no_grad()
    def window_losses(self, windows: Tensor) -> Tensor:
        """Return the mean loss of each window (batch, time + 1) in nats per token, (batch,)."""
        targets = windows[:, 1:].flatten()
        losses = F.cross_entropy(self._logits(windows), targets, reduction="none")
        return losses.view(len(windows), -1).double().mean(1)

    def _logits(self, windows: Tensor) -> Tensor:
        return self.head(self.hidden(windows[:, :-1]))


def sinusoids(context: int, width: int) -> Tensor:
    """Return sine and cosine of each position at width / 2 frequencies, side by side.

    (context, width), float32; Vaswani et al. 2017, section 3.5.
    """
    frequencies = FREQUENCY_BASE ** (-torch.arange(0, width, 2).double() / width)
    angles = torch.outer(torch.arange(context).double(), frequencies)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1).float()
