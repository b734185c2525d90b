"""Draw a fit: runs, fitted curves with bands, residuals, and the intervals of its parameters.

FILE ends in .pdf, .svg, .png, or in .html for one page with tables, which needs no network. Every
number that is drawn stands in FILE's .plotted.csv beside it.
"""

import argparse
from pathlib import Path

from scaletrace.drawing.forms import csv_beside, form_of
from scaletrace.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("fit", type=Path, help="FIT.json as `scaletrace fit --out` writes it")
    parser.add_argument("file", type=Path, metavar="FILE", help="the picture: .pdf .svg .png .html")


def run(arguments: argparse.Namespace) -> int:
    """Write the picture and its numbers.

    Raises:
        BadInput: no fit, no name of a picture, or it cannot be written there.
    """
    from scaletrace.drawing.fitted_runs import fitted_runs
    from scaletrace.drawing.picture import save
    from scaletrace.formats import untrusted

    form_of(arguments.file)
    with untrusted.refused_in_words(arguments.fit):
        content = untrusted.read_bytes(arguments.fit)
    try:
        save(fitted_runs(content, arguments.fit), arguments.file)
    except BadInput:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A picture uses what a fit holds in many places; a wrong value in any is not ours.
        raise BadInput(f"{arguments.fit}: not a fit that scaletrace wrote ({error!r})") from error
    print(f"written: {arguments.file}, {csv_beside(arguments.file)}")
    return 0
