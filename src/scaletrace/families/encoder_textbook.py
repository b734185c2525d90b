"""Post-norm nn.TransformerEncoderLayer with sinusoidal positions.

The textbook language model: PyTorch's encoder layers behind a causal mask, with ReLU, biases and
norms, and without dropout.
"""

from typing import TYPE_CHECKING

from scaletrace.models.counts import Shape, attention_flops, matrix_parameters
from scaletrace.models.memory import stream_channels

if TYPE_CHECKING:
    from scaletrace.models.language_model import LanguageModel

ZERO_OUTPUTS = False
MIXED_PRECISION = None
# Bytes per value that backpropagation keeps, in fp32; and per logit: the logits, their softmax and
# its gradient.
VALUE_BYTES = 4
LOGIT_BYTES = 12


def build(shape: Shape, seed: int) -> "LanguageModel":
    """Return an untrained model."""
    from scaletrace.models.encoder_textbook import EncoderTextbook

    return EncoderTextbook(shape, seed)


def n_non_embedding(shape: Shape) -> int:
    """Return the parameters of the layers: matrices, biases and norms.

    Biases are 3 + 1 widths of attention and 4 + 1 of the MLP, two norms have gain and bias: 13
    widths.
    """
    return matrix_parameters(shape) + shape.layers * 13 * shape.width


def n_head(shape: Shape) -> int:
    """Return the parameters of the output head: a matrix and a bias."""
    return shape.vocabulary_size * shape.width + shape.vocabulary_size


def flops_per_token_exact(shape: Shape) -> int:
    """Return the training FLOPs of one token, forward and backward; biases are no products."""
    head = shape.vocabulary_size * shape.width
    return 6 * (matrix_parameters(shape) + head) + attention_flops(shape)


def pass_bytes(shape: Shape, tokens: int) -> int:
    """Return the memory of a pass: the values that are kept, and all logits at once."""
    # Attention with a mask keeps all scores: logits, probabilities and their gradient.
    channels = stream_channels(shape) + 3 * shape.layers * shape.heads * shape.context
    return tokens * (channels * VALUE_BYTES + shape.vocabulary_size * LOGIT_BYTES)
