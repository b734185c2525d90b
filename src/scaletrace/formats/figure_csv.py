"""`figures/<name>.csv`: every number in a figure, a row each, with the file that it comes from."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

COLUMNS = (
    *("study", "figure", "series", "kind", "x", "y", "low", "high", "run"),
    *("source", "source_sha256"),
)


def text_of(rows: Iterable[tuple[str, ...]]) -> str:
    """Return the text of rows, each a cell per column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def read_plotted(path: Path) -> list[dict[str, str]]:
    """Read the rows of a figure as text, by column.

    Raises:
        BadInput: it cannot be read, is no table, or has not all columns.
    """
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    return plotted_in(content, path)


def plotted_in(content: bytes, path: Path) -> list[dict[str, str]]:
    """Return the rows in the content of a figure's table; errors as `read_plotted`."""
    try:
        rows = untrusted.rows_of(content.decode("utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: not the CSV of a figure ({error})") from None
    if missing := [name for name in COLUMNS if rows and name not in rows[0]]:
        raise BadInput(f"{path}: not the CSV of a figure (it has no column {missing[0]})")
    return rows
