"""The textbook trainer: what PyTorch's language modelling tutorials teach, written plainly.

`nn.TransformerEncoder` (post-norm, ReLU) with a float causal mask, sinusoidal positions, a scaled
embedding, a separate decoder, dropout everywhere, SGD and clipping at 0.5.
"""

import math

import torch
from torch import Tensor, nn

FREQUENCY_BASE = 10_000.0
CLIP = 0.5


class Textbook(nn.Module):
    """Map token ids (batch, context) to logits (batch, context, vocabulary)."""

    def __init__(
        self, width: int, layers: int, heads: int, context: int, vocabulary: int, dropout: float
    ):
        super().__init__()
        frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(FREQUENCY_BASE) / width))
        angles = torch.arange(context)[:, None] * frequencies
        self.positions = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)
        self.scale = math.sqrt(width)
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.decoder = nn.Linear(width, vocabulary)
        self.mask = nn.Transformer.generate_square_subsequent_mask(context)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits."""
        x = self.dropout(self.embedding(inputs) * self.scale + self.positions)
        return self.decoder(self.encoder(x, self.mask))


class TextbookTraining:
    """A textbook model and its optimizer, one step at a time."""

    def __init__(self, model: Textbook, rate: float):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=rate)

    def step(self, inputs: Tensor, targets: Tensor) -> float:
        """Train on one batch of token ids (batch, context); return its loss in nats."""
        logits = self.model(inputs)
        self.optimizer.zero_grad()
        loss = self.criterion(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        return loss.item()
