"""`coordinates/<check>.csv`: how far each layer of one model moves in its first steps."""

import csv
import io
import math
import reprlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted


@dataclass(frozen=True)
class CoordinateRow:
    """One layer of a model after `step` steps; root mean squares over tokens and channels.

    layer: the kind of layer. block: the number of its block from 1, None outside of blocks.
    rms: of what it makes of fixed tokens. change: of the same minus what it made at step 0.
    """

    family: str
    width: int
    layers: int
    seed: int
    step: int
    layer: str
    block: int | None
    rms: float
    change: float


COLUMNS = tuple(field.name for field in fields(CoordinateRow))


def write_coordinates(path: Path, rows: Iterable[CoordinateRow]) -> None:
    """Write rows, numbers with all their digits; a layer outside of blocks has an empty block."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(row) for row in rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def read_coordinates(path: Path) -> list[CoordinateRow]:
    """Read the rows of one model.

    Raises:
        BadInput: it cannot be read, a column is missing, or a cell that must be a number is none.
    """
    try:
        with untrusted.refused_in_words(path):
            return [_row(row) for row in untrusted.read_rows(path)]
    except KeyError as error:
        raise BadInput(f"{path}: not a table of coordinates (no column {error.args[0]})") from None
    except ValueError as error:
        raise BadInput(f"{path}: not a table of coordinates ({str(error)[:200]})") from None


def _row(row: dict[str, str]) -> CoordinateRow:
    width, layers, seed, step = (int(row[name]) for name in ("width", "layers", "seed", "step"))
    rms, change = float(row["rms"]), float(row["change"])
    sound = width > 0 and layers > 0 and all(0.0 <= one < math.inf for one in (rms, change))
    if not sound:
        raise ValueError(f"found {reprlib.repr(row)}; finite numbers that are not negative")
    block = int(row["block"]) if row["block"] else None
    return CoordinateRow(row["family"], width, layers, seed, step, row["layer"], block, rms, change)
