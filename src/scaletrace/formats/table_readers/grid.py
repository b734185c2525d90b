"""A table as its cells, whatever the file's format, and what no reader goes beyond."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.untrusted import LARGEST_TEXT

LARGEST_UNPACKED = 8 * LARGEST_TEXT
MOST_CELLS = 20_000_000


@dataclass(frozen=True)
class Grid:
    """Header and rows, as text; a row may have another number of cells than the header.

    lines: of each row in the file, for messages. notes: what a reader of the table should know,
    such as a decimal comma.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: list[str] = field(default_factory=list)


def written(value: Any) -> str:
    """Return a value of JSON, Parquet or Excel as a cell."""
    if type(value) in (float, int):
        return repr(value)
    return "" if value is None else str(value).strip()


def require_small(path: Path, cells: int, size: int) -> None:
    """Raise BadInput for more cells, or more bytes unpacked, than a table may have."""
    if cells > MOST_CELLS or size > LARGEST_UNPACKED:
        what = f"{cells} cells" if cells > MOST_CELLS else f"{size} bytes unpacked"
        raise BadInput(
            f"{path}: {what}; at most {MOST_CELLS} cells and {LARGEST_UNPACKED} bytes are read"
        )


def needs(path: Path, what: str, library: str) -> BadInput:
    """Return the sentence on a library that is not installed."""
    return BadInput(
        f"{path}: {what}; {library} is needed to read it: pip install 'scaletrace[tables]', or "
        "save it as CSV"
    )
