"""`curve.csv`: the loss of one training along its steps."""

import csv
import io
import math
import reprlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

COLUMNS = ("step", "tokens", "loss", "learning_rate")
SKIPPED = "skipped"


@dataclass(frozen=True)
class CurvePoint:
    """Steps and tokens done, mean loss since the point before (nats per token), and the rate.

    skipped: steps since the point before that changed nothing and are not in the loss; None of a
    training that skips none.
    """

    step: int
    tokens: int
    loss: float
    learning_rate: float
    skipped: int | None = None


def write_curve(path: Path, points: Iterable[CurvePoint]) -> None:
    """Write a curve, numbers with all their digits; `skipped` only if the points have it."""
    rows = [[cell for cell in astuple(point) if cell is not None] for point in points]
    told = any(len(row) > len(COLUMNS) for row in rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, SKIPPED) if told else COLUMNS)
    writer.writerows(map(repr, row) for row in rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def read_curve(path: Path) -> list[CurvePoint]:
    """Read a curve; one that took no step has no point.

    Raises:
        BadInput: it cannot be read, a column is missing, or a cell is no finite number.
    """
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    return curve_in(content, path)


def curve_in(content: bytes, path: Path) -> list[CurvePoint]:
    """Return the points in the content of a curve; errors as `read_curve`."""
    try:
        return [_point(row) for row in untrusted.rows_of(content.decode("utf-8"))]
    except KeyError as error:
        raise BadInput(f"{path}: not a loss curve (it has no column {error.args[0]})") from None
    except ValueError as error:
        raise BadInput(f"{path}: not a loss curve ({str(error)[:200]})") from None


def _point(row: dict[str, str]) -> CurvePoint:
    cells = [row[name] for name in COLUMNS]
    step, tokens, loss, rate = map(float, cells)
    finite = all(map(math.isfinite, (step, tokens, loss, rate)))
    if not finite or min(step, tokens, loss) <= 0.0 or rate < 0.0:
        raise ValueError(f"found {reprlib.repr(cells)}; positive finite numbers are needed")
    return CurvePoint(int(step), int(tokens), loss, rate, _skipped(row.get(SKIPPED)))


def _skipped(cell: str | None) -> int | None:
    if cell is None:
        return None
    if not (cell.isascii() and cell.isdigit()):
        raise ValueError(f"found {SKIPPED} {reprlib.repr(cell)}; a number of steps is needed")
    return int(cell)
