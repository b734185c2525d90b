"""Text with a delimiter: commas, tabs, semicolons or pipes, by what the first line holds."""

import csv
import io
import re
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers.grid import Grid

DELIMITERS = (",", "\t", ";", "|")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?\s*([kKmMbBtT%]|bn)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_RULE = re.compile(r":?-{2,}:?")


def read(path: Path, text: str) -> Grid:
    """Return the table that a text holds.

    Raises:
        BadInput: quotes that do not match, a line that no cell may be as long as, or numbers
            with a comma that may be a decimal one or one between thousands.
    """
    delimiter = _delimiter(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = next(reader, [])
        records = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from error
    lines = [line for line, _ in records]
    header = [cell.strip() for cell in header]
    rows = [[cell.strip() for cell in cells] for _, cells in records]
    notes: list[str] = []
    if delimiter == "|":
        header, rows, lines = _unframed(header, rows, lines)
    if delimiter != ",":
        rows, notes = _decimal_commas(path, rows, lines)
    return Grid(header, rows, lines, notes)


def _delimiter(text: str) -> str:
    first = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(DELIMITERS, key=first.count)


def _unframed(
    header: list[str], rows: list[list[str]], lines: list[int]
) -> tuple[list[str], list[list[str]], list[int]]:
    """Take off the outer pipes and the line of dashes that a table in Markdown has."""
    kept = [
        (row, line)
        for row, line in zip(rows, lines, strict=True)
        if not all(_RULE.fullmatch(cell) for cell in row if cell)
    ]
    framed = len(header) > 2 and not header[0] and not header[-1]
    if framed and all(len(row) == len(header) and not row[0] and not row[-1] for row, _ in kept):
        header, kept = header[1:-1], [(row[1:-1], line) for row, line in kept]
    return header, [row for row, _ in kept], [line for _, line in kept]


def _decimal_commas(
    path: Path, rows: list[list[str]], lines: list[int]
) -> tuple[list[list[str]], list[str]]:
    """Return the rows with decimal points where commas are decimal, and a note of it."""
    # Almost every cell has no comma: the quick test first.
    found = [
        (cell, line)
        for row, line in zip(rows, lines, strict=True)
        for cell in row
        if "," in cell and (_DECIMAL_COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell))
    ]
    doubtful = [(cell, line) for cell, line in found if _GROUPED.fullmatch(cell)]
    if not found:
        return rows, []
    if len(doubtful) == len(found) or any(cell.count(",") > 1 for cell, _ in doubtful):
        cell, line = doubtful[0]
        raise BadInput(
            f"{path}: line {line}: {cell!r} may have a decimal comma or one between thousands; "
            "write the numbers with decimal points and without other commas"
        )
    changed = [
        [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in row]
        for row in rows
    ]
    return changed, ["numbers have decimal commas"]
