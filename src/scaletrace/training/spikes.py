"""Steps that are skipped: their gradient is much larger than usual, or not finite.

A gradient is a spike if its norm, before clipping, exceeds a multiple of a running mean of norms.
The mean takes a spike in at that multiple, as AdaGC's does (Wang et al. 2025, arXiv 2502.11034), so
that norms which stay large are trained on again. PaLM left such batches out by hand (Chowdhery et
al. 2022, arXiv 2204.02311, section 5.1).
"""

import math

import torch

# Norms that the mean remembers; those of the warm-up, which are large, it never sees.
MEMORY = 100
# Norms that it has to know before a step is judged by it.
LEAST_NORMS = 50
# Gradients in a row that are not finite, after which a training is given up.
MOST_NOT_FINITE = 100


class Spikes:
    """The running mean of a training's gradient norms, and which steps are skipped by it.

    numbers: all that later steps depend on: the mean, the norms in it, the gradients in a row that
    were not finite, the steps skipped, and those of them that the loss curve has told.
    """

    def __init__(self, multiple: float, warmup_steps: int):
        self.multiple = multiple
        self.warmup_steps = warmup_steps
        names = ("mean", "norms", "not_finite", "skipped", "told")
        self.numbers = {name: torch.zeros((), dtype=torch.float64) for name in names}

    @property
    def diverged(self) -> bool:
        """Whether so many gradients in a row were not finite that no other can be hoped for."""
        return bool(self.numbers["not_finite"] >= MOST_NOT_FINITE)

    @property
    def skipped(self) -> int:
        """Steps skipped since the training began."""
        return int(self.numbers["skipped"])

    def skips(self, step: int, norm: float) -> bool:
        """Return whether a step (0-based) is skipped, and remember the norm of its gradient."""
        skipped = not math.isfinite(norm)
        if skipped:
            self.numbers["not_finite"] += 1
        else:
            self.numbers["not_finite"].zero_()
            skipped = step >= self.warmup_steps and self._is_spike(norm)
        self.numbers["skipped"] += skipped
        return skipped

    def _is_spike(self, norm: float) -> bool:
        mean, norms = self.numbers["mean"], self.numbers["norms"]
        limit = self.multiple * mean.item() if norms >= LEAST_NORMS else math.inf
        norms += 1
        mean += (min(norm, limit) - mean) / norms.clamp(max=MEMORY)
        return norm > limit

    def tell(self) -> int:
        """Return how many steps were skipped since this was asked last."""
        untold = self.numbers["skipped"] - self.numbers["told"]
        self.numbers["told"] += untold
        return int(untold)
