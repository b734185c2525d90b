"""Pre-norm with rotary positions.

The decoder-only transformer: QK-norm, causal attention, a squared-ReLU MLP, no norm gains and no
biases.
"""

from typing import TYPE_CHECKING

from scaletrace.models.counts import Shape, attention_flops, matrix_parameters
from scaletrace.models.memory import stream_channels

if TYPE_CHECKING:
    from scaletrace.models.language_model import LanguageModel

ZERO_OUTPUTS = True
MIXED_PRECISION = "scaletrace.models.decoder_bf16"
# Bytes per value that backpropagation keeps, in bf16; and per logit: bf16 logits and errors, and
# fp32 where a compiler does not fuse.
VALUE_BYTES = 2
LOGIT_BYTES = 8
# As in decoder_bf16.py, which imports torch and is not for a plan.
CHUNK_LOGITS = 1 << 28


def build(shape: Shape, seed: int) -> "LanguageModel":
    """Return an untrained model."""
    from scaletrace.models.decoder import Decoder

    return Decoder(shape, seed)


def n_non_embedding(shape: Shape) -> int:
    """Return the parameters of the blocks: their matrices, and one query gain per head."""
    return matrix_parameters(shape) + shape.layers * shape.heads


def n_head(shape: Shape) -> int:
    """Return the parameters of the output head."""
    return shape.vocabulary_size * shape.width


def flops_per_token_exact(shape: Shape) -> int:
    """Return the training FLOPs of one token, forward and backward."""
    return 6 * (matrix_parameters(shape) + n_head(shape)) + attention_flops(shape)


def pass_bytes(shape: Shape, tokens: int) -> int:
    """Return the memory of a pass: the values that are kept, and one chunk of logits."""
    values = tokens * stream_channels(shape) * VALUE_BYTES
    # The head and its gradient, and a chunk's share of that, in both precisions.
    values += 12 * shape.vocabulary_size * shape.width
    return values + min(tokens * shape.vocabulary_size, CHUNK_LOGITS) * LOGIT_BYTES
