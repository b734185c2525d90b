"""The forms that a picture of a fit is written in, told by the end of its name."""

from pathlib import Path

from scaletrace.errors import BadInput

FORMS = ("pdf", "svg", "png", "html")


def form_of(path: Path) -> str:
    """Return the form of a picture by its name's end.

    Raises:
        BadInput: it is none that pictures are written in.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        allowed = ", ".join(f".{one}" for one in FORMS)
        raise BadInput(f"{path}: no picture's name; one that ends in {allowed} is needed")
    return form


def csv_beside(path: Path) -> Path:
    """Return where a picture's numbers go: `fit.pdf` has `fit.plotted.csv` beside it."""
    return path.with_suffix(".plotted.csv")
