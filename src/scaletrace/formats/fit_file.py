"""`FIT.json` read and written, whole or by its parts.

Who needs a part alone reads that part, so that a file which is wrong elsewhere, or older than
another part, still answers.
"""

import math
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import typed_json, untrusted
from scaletrace.formats.files import write_json
from scaletrace.formats.fit import Answering, Drawable, Fit, FittedValues, Planning, Residual
from scaletrace.formats.typed_json import Listed, Named, Number

WHAT = "a fit that scaletrace wrote"


@dataclass(frozen=True)
class _Parameters:
    params: Named[Number]


@dataclass(frozen=True)
class _Residuals:
    residuals: Listed[Residual]


def parse_with_rows(content: bytes, path: Path) -> tuple[Fit, list[dict[str, Any]]]:
    """Return the fit in a file's content, and its rows of residuals with all that they hold.

    Raises:
        BadInput: as `read_fit`.
    """
    try:
        data = untrusted.from_json(content)
    except ValueError as error:
        raise BadInput(f"{path}: not {WHAT} ({str(error)[:200]})") from None
    return typed_json.checked(data, path, Fit, WHAT), data["residuals"]


def column_of(
    rows: list[dict[str, Any]], column: str, path: Path, *, zero: bool = False
) -> list[float]:
    """Return a column of a fit's rows of residuals: positive finite numbers, or zero too.

    Raises:
        BadInput: a row has none.
    """
    values = []
    for place, row in enumerate(rows):
        value: Any = row.get(column)
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not (known and (0.0 < value < math.inf or (zero and value == 0.0))):
            raise BadInput(
                f"{path}: not {WHAT} (residuals.{place}.{column[:80]}: found "
                f"{reprlib.repr(value)}; a positive finite number is needed)"
            )
        values.append(float(value))
    return values


def write_fit(path: Path, content: dict[str, Any]) -> None:
    """Write a fit, in one step.

    Raises:
        BadInput: it is none that `read_fit` would read.
    """
    typed_json.checked(content, path, Fit, WHAT)
    write_json(path, content)


def read_fit(path: Path) -> Fit:
    """Read a fit.

    Raises:
        BadInput: it cannot be read, or is no fit.
    """
    return typed_json.read(path, Fit, WHAT)


def fit_in(content: bytes, path: Path) -> Fit:
    """Return the fit in a file's content; errors as `read_fit`."""
    return typed_json.parse(content, path, Fit, WHAT)


def read_drawable(path: Path) -> Drawable:
    """Read what a picture of a fit shows; errors as `read_fit`."""
    return typed_json.read(path, Drawable, WHAT)


def read_answering(path: Path) -> Answering:
    """Read what predictions from a fit rest on; errors as `read_fit`."""
    return typed_json.read(path, Answering, WHAT)


def read_planning(path: Path) -> Planning:
    """Read what proposals of further runs rest on; errors as `read_fit`."""
    return typed_json.read(path, Planning, WHAT)


def planning_in(content: bytes, path: Path) -> Planning:
    """Return what proposals rest on in the content of a fit; errors as `read_fit`."""
    return typed_json.parse(content, path, Planning, WHAT)


def read_parameters(path: Path) -> dict[str, float]:
    """Read a fit's parameters by name; errors as `read_fit`."""
    return typed_json.read(path, _Parameters, WHAT).params


def read_residuals(path: Path) -> dict[str, float]:
    """Read ln(measured / fitted loss) of every run of a fit; errors as `read_fit`."""
    rows = typed_json.read(path, _Residuals, WHAT).residuals
    return {row.run: row.log_residual for row in rows}


def estimates_in(content: bytes, path: Path) -> FittedValues:
    """Return parameters and intervals in the content of a fit; errors as `read_fit`."""
    return typed_json.parse(content, path, FittedValues, WHAT)
