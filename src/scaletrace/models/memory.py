"""The GPU memory that training takes, and the largest passes that fit: a model, not a measurement.

Per weight: 4 bytes each for the fp32 weight and its gradient, 8 for AdamW's moments, 2 for the
bf16 copy that a pass works with. Per token of a pass: what backpropagation keeps of every layer,
in bf16 where the family has a mixed-precision form and in fp32 elsewhere, and the logits, which
only the mixed-precision form takes in chunks.
"""

from scaletrace.models.counts import Shape, n_total

GIB = 1 << 30
# CUDA's own context, compiled kernels and the libraries' workspaces; and what lies between the
# blocks of the allocator, as a fraction of all.
CONTEXT_BYTES = 3 * GIB // 2
USABLE = 0.92
# Values kept per token, layer and channel: the stream twice, two norms, queries, keys and values
# before and after they are turned, the heads' outputs, the MLP's two (4 channels each); and one
# layer's gradients of all that.
KEPT = 2 + 2 + 3 + 3 + 1 + 8
AT_WORK = 16
# Bytes per logit: bf16 logits and errors, and fp32 where a compiler does not fuse; without chunks
# the fp32 logits, their softmax and gradient.
LOGIT_BYTES = {"decoder": 8, "encoder_textbook": 12}
VALUE_BYTES = {"decoder": 2, "encoder_textbook": 4}
# As in mixed.py, which imports torch and is not for a plan.
CHUNK_LOGITS = 1 << 28


def training_bytes(shape: Shape, tokens: int, keepers: int = 1, cuda_graphs: bool = False) -> int:
    """Return the GPU memory of one process that takes `tokens` tokens in a pass.

    Args:
        shape: architecture.
        tokens: tokens of a pass.
        keepers: processes that share AdamW's moments out among themselves.
        cuda_graphs: whether a pass is recorded, which keeps memory of its own.
    """
    weights = n_total(shape) * (4 + 4 + 2 + 8 / keepers)
    channels = shape.width * (shape.layers * KEPT + AT_WORK)
    if shape.family != "decoder":
        # Attention with a mask keeps all scores: logits, probabilities and their gradient.
        channels += 3 * shape.layers * shape.heads * shape.context
    values = tokens * channels * VALUE_BYTES[shape.family]
    logits = tokens * shape.vocabulary_size
    if shape.family == "decoder":
        logits = min(logits, CHUNK_LOGITS)
        values += 12 * shape.vocabulary_size * shape.width
    passing = values + logits * LOGIT_BYTES[shape.family] + 32 * tokens
    return round(CONTEXT_BYTES + weights + passing * (1.25 if cuda_graphs else 1))


def fits(needed: int, gpu_memory: float) -> bool:
    """Return whether a process that needs so many bytes may have them of a GPU; GiB."""
    return needed <= USABLE * gpu_memory * GIB
