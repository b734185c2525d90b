"""muP in width, and blocks that add less the more they are (Dey et al. 2025, arXiv 2505.01618)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from scaletrace.formats.fields import Count
from scaletrace.models.counts import Shape
from scaletrace.parametrisations import Factors, mup


class Keys(mup.Keys):
    """Depth-wise transfer with alpha = 1: table 1."""

    kind: Literal["completep"]  # pyright: ignore[reportIncompatibleVariableOverride]
    at_layers: Count = Field(description="layers at which the rate is the study's")

    def factors(self, role: str, shape: Shape, grows: float) -> Factors:
        """Return muP's, and for what is added to the stream 1 / (layers / at_layers) of its rate.

        The paper multiplies a block's output by that, and its epsilon with it; on a matrix that
        begins at zero this is the rate's factor, and its own epsilon stays.
        """
        deeper = shape.layers / self.at_layers
        of_width = super().factors(role, shape, grows)
        if role == "matrix_out":
            return replace(of_width, rate=of_width.rate / deeper)
        if role in ("matrix_in", "gain"):
            return replace(of_width, epsilon=of_width.epsilon / deeper)
        return of_width
