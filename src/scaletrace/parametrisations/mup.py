"""Updates of every layer's output as large at any width (Yang et al. 2022, arXiv 2203.03466)."""

from typing import Literal

from pydantic import Field

from scaletrace.formats.fields import Count
from scaletrace.models.counts import Shape
from scaletrace.parametrisations import Factors, ParametrisationKeys

# What multiplies a vector as long as the stream is wide.
READS_WIDTH = ("head", "matrix_in", "matrix_out")


class Keys(ParametrisationKeys):
    """Maximal update parametrisation: table 8 for Adam."""

    kind: Literal["mup"]
    at_width: Count = Field(description="width at which the rate is the study's, channels")

    def factors(self, role: str, shape: Shape, grows: float) -> Factors:
        """Return the rate's factor (width / at_width)^-grows for what reads the width.

        Gradients of all but the head shrink with the width, and AdamW's epsilon with them. The
        paper's head, whose output is divided by the width, has such gradients too: one that begins
        at zero has that in its rate, and keeps its epsilon.
        """
        wider = shape.width / self.at_width
        rate = wider**-grows if role in READS_WIDTH else 1.0
        return Factors(rate=rate, epsilon=1.0 if role == "head" else 1.0 / wider)
