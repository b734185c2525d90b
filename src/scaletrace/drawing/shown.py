"""A figure that a notebook shows where it is the value of a cell, pyplot loaded or not."""

import io

from matplotlib.figure import Figure
from PIL import Image

from scaletrace.drawing import style

DOTS_PER_INCH = 90
COLORS = 96  # as many as a figure's few hues and their shades need; notebooks stay small


class ShownFigure(Figure):
    """A figure that gives its picture to a notebook."""

    def _repr_png_(self) -> bytes:
        drawn, small = io.BytesIO(), io.BytesIO()
        with style.house_style():
            self.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
        picture = Image.open(drawn).convert("RGB")
        picture.quantize(COLORS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
        return small.getvalue()
