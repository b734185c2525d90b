"""What nanochat publishes: rates of embedding and head by 1 / sqrt(width) (Karpathy 2025)."""

from typing import Literal

from scaletrace.models.counts import Shape
from scaletrace.parametrisations import Factors, ParametrisationKeys

# github.com/karpathy/nanochat, scripts/base_train.py: rates of embedding, head and matrices (Muon),
# found at this width.
AT_WIDTH = 768
EMBEDDING, HEAD, MATRIX = 0.3, 0.008, 0.02


class Keys(ParametrisationKeys):
    """The study's rate is that of the matrices; 0.02 with Muon is the published one."""

    kind: Literal["nanochat"]

    def factors(self, role: str, shape: Shape, grows: float) -> Factors:
        """Return the published rates as multiples of that of the matrices."""
        del grows
        narrower = (shape.width / AT_WIDTH) ** -0.5
        published = {"embedding": EMBEDDING * narrower, "head": HEAD * narrower}
        return Factors(rate=published.get(role, MATRIX) / MATRIX)
