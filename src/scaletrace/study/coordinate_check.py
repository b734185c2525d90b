"""What a study file says of its coordinate check: which models, and how many steps of each."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from scaletrace.formats.fields import Count, Section, Seeds, each_once


class CoordinateCheck(Section):
    """Models of several widths, and depths, whose first steps show whether rates carry over."""

    widths: Annotated[list[Count], Field(min_length=2), AfterValidator(each_once)] = Field(
        description="residual streams, channels; multiples of head_width"
    )
    layers: Annotated[list[Count], Field(min_length=1), AfterValidator(each_once)] = Field(
        default=[2],
        description="blocks: every width has the first, and the first width has all",
    )
    head_width: Count = Field(16, description="channels per head, even")
    # Behind a head and outputs of blocks that begin at zero, other weights move from the third on.
    steps: Annotated[Count, Field(ge=3)] = Field(
        10, description="steps at the peak rate, without warm-up"
    )
    seeds: Seeds = Field(default=[0], description="seeds of each model")

    @model_validator(mode="after")
    def _heads_divide_widths(self) -> "CoordinateCheck":
        for width in self.widths:
            if self.head_width % 2 or width % self.head_width:
                raise ValueError(
                    f"width {width} with head_width {self.head_width}: head_width must be even, "
                    "and width a multiple of it"
                )
        return self

    def architectures(self) -> list[tuple[int, int]]:
        """Return the (width, layers) of all models."""
        wide = [(width, self.layers[0]) for width in self.widths]
        return wide + [(self.widths[0], layers) for layers in self.layers[1:]]
