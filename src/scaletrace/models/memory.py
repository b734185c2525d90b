"""The GPU memory that training takes, and the largest passes that fit: a model, not a measurement.

Per weight: 4 bytes each for the fp32 weight and its gradient, 8 for two moments, 2 for the
bf16 copy that a pass works with. Per token of a pass: what the family's file says, which is what
backpropagation keeps of every layer, and the logits.
"""

from scaletrace import kinds
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


def stream_channels(shape: Shape) -> int:
    """Return how many values a pass of the usual blocks keeps per token."""
    return shape.width * (shape.layers * KEPT + AT_WORK)


def training_bytes(shape: Shape, tokens: int, keepers: int = 1, cuda_graphs: bool = False) -> int:
    """Return the GPU memory of one process that takes `tokens` tokens in a pass.

    Args:
        shape: architecture.
        tokens: tokens of a pass.
        keepers: processes that share the moments out among themselves.
        cuda_graphs: whether a pass is recorded, which keeps memory of its own.
    """
    weights = n_total(shape) * (4 + 4 + 2 + 8 / keepers)
    passing = kinds.load("families", shape.family).pass_bytes(shape, tokens) + 32 * tokens
    return round(CONTEXT_BYTES + weights + passing * (1.25 if cuda_graphs else 1))


def fits(needed: int, gpu_memory: float) -> bool:
    """Return whether a process that needs so many bytes may have them of a GPU; GiB."""
    return needed <= USABLE * gpu_memory * GIB
