"""Text with a delimiter: commas, tabs, semicolons or pipes, by what the first line holds."""

import csv
import io
import re
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers.grid import Grid

DELIMITERS = (",", "\t", ";", "|")
_NUMBER_WITH_COMMA = re.compile(r"[+-]?(\d[\d.]*)?,\d[\d,.]*([eE][+-]?\d+)?\s*([kKmMbBtT%]|bn)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?\D*")
_CERTAIN_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}((,\d{3}){2,}(\.\d+)?|,\d{3}\.\d+)\D*")
_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_POINTS_BETWEEN_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?\D*")
_RULE = re.compile(r":?-{2,}:?")


def read(path: Path, text: str) -> Grid:
    """Return the table that a text holds.

    Raises:
        BadInput: quotes that do not match, a line that no cell may be as long as, or numbers
            with a comma that may be a decimal one or one between thousands.
    """
    skipped, text = _without_preface(text)
    first, _ = _line(text, 0)
    delimiter = _delimiter(first)
    if delimiter is None and len(first.split()) > 1:
        records = [(i, line.split()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    else:
        records = _records(path, text, delimiter or ",")
    header = records.pop(0)[1] if records else []
    records = [(line + skipped, cells) for line, cells in records]
    lines = [line for line, _ in records]
    header = [cell.strip() for cell in header]
    rows = [[cell.strip() for cell in cells] for _, cells in records]
    notes: list[str] = []
    if delimiter == "|":
        header, rows, lines = _unframed(header, rows, lines)
    if delimiter not in (",", None):
        rows, notes = _decimal_commas(path, rows, lines)
    return Grid(header, rows, lines, notes)


def _records(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from error


def _without_preface(text: str) -> tuple[int, str]:
    """Return how many lines stand before the header (blank, or comments), and the text after."""
    skipped, start = 0, 0
    while start < len(text):
        first, after = _line(text, start)
        comment = first.startswith("#") and _delimiter(first) != _delimiter(_line(text, after)[0])
        if first.strip() and not comment and not re.fullmatch(r"sep=.\s*", first):
            break
        skipped, start = skipped + 1, after
    return skipped, text[start:]


def _line(text: str, start: int) -> tuple[str, int]:
    """Return the line that begins at a place, and where the next one does."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return text[start:end], end + 1


def _delimiter(line: str) -> str | None:
    """Return the commonest delimiter of a line, or None."""
    line = re.sub(r'"[^"]*"', "", line)
    best = max(DELIMITERS, key=line.count)
    return best if best in line else None


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
        if "," in cell and _NUMBER_WITH_COMMA.fullmatch(cell)
    ]
    if not found:
        return rows, []
    decimal = any(not _THOUSANDS.fullmatch(cell) for cell, _ in found)
    points = (cell for row in rows for cell in row if "." in cell)
    grouped = any(_CERTAIN_THOUSANDS.fullmatch(cell) for cell, _ in found) or any(
        _POINT.fullmatch(cell) and not _POINTS_BETWEEN_THOUSANDS.fullmatch(cell) for cell in points
    )
    if decimal == grouped:
        cell, line = found[0]
        raise BadInput(
            f"{path}: line {line}: {cell!r} may have a decimal comma or one between thousands; "
            "write the numbers with decimal points and without other commas"
        )
    if grouped:
        return rows, []
    return [[_with_point(cell) for cell in row] for row in rows], ["numbers have decimal commas"]


def _with_point(cell: str) -> str:
    if _POINTS_BETWEEN_THOUSANDS.fullmatch(cell):
        cell = cell.replace(".", "")
    return cell.replace(",", ".") if _NUMBER_WITH_COMMA.fullmatch(cell) else cell
