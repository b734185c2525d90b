"""A figure that a notebook shows where it is the value of a cell, pyplot loaded or not."""

import io

from matplotlib.figure import Figure

from scaletrace.drawing import style

DOTS_PER_INCH = 100


class ShownFigure(Figure):
    """A figure that gives its picture to a notebook."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        with style.house_style():
            self.savefig(picture, format="png", dpi=DOTS_PER_INCH)
        return picture.getvalue()
