"""Parquet and Excel, by pandas and the libraries of the extra `tables`."""

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers import delimited
from scaletrace.formats.table_readers.grid import Grid
from scaletrace.formats.untrusted import LARGEST_TEXT

if TYPE_CHECKING:
    import pandas as pd

LARGEST_UNPACKED = 8 * LARGEST_TEXT
MOST_CELLS = 20_000_000


def parquet(path: Path, content: bytes) -> Grid:
    """Return the table of a Parquet file.

    Raises:
        BadInput: it is none, is too large unpacked, or pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise _missing(path, "a Parquet file", "pyarrow") from None
    try:
        file = ParquetFile(io.BytesIO(content))
        facts = file.metadata
        size = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
        _require_small(path, size, facts.num_rows * facts.num_columns)
        frame = file.read().to_pandas()
    except (ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path}: no Parquet file that can be read ({error})") from None
    return _grid(path, frame)


def excel(path: Path, content: bytes) -> Grid:
    """Return the first sheet of an Excel file.

    Raises:
        BadInput: it is none, is too large unpacked, or openpyxl is not installed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except zipfile.BadZipFile as error:
        raise BadInput(f"{path}: no Excel file ({error})") from None
    if "xl/workbook.xml" not in sizes:
        raise BadInput(f"{path}: a ZIP archive, and no table: unpack it first")
    _require_small(path, sum(sizes.values()), 0)
    try:
        import openpyxl  # noqa: F401
        import pandas as pd
    except ModuleNotFoundError:
        raise _missing(path, "an Excel file", "openpyxl") from None
    try:
        with pd.ExcelFile(io.BytesIO(content), engine="openpyxl") as book:
            sheets = list(map(str, book.sheet_names))
            frame = pd.read_excel(book, sheet_name=sheets[0], dtype=object)
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: no Excel file that can be read ({error})") from None
    frame = frame.dropna(how="all").dropna(axis="columns", how="all")
    grid = _grid(path, frame)
    notes = [f"of the sheets {', '.join(sheets)} the first was read"] if len(sheets) > 1 else []
    return Grid(grid.header, grid.rows, grid.lines, grid.notes + notes)


def _require_small(path: Path, size: int, cells: int) -> None:
    if size > LARGEST_UNPACKED or cells > MOST_CELLS:
        raise BadInput(
            f"{path}: {size} bytes unpacked, {cells} cells; at most {LARGEST_UNPACKED} and "
            f"{MOST_CELLS} are read"
        )


def _missing(path: Path, what: str, library: str) -> BadInput:
    return BadInput(
        f"{path}: {what}; {library} is needed to read it: pip install 'scaletrace[tables]', or "
        "save it as CSV"
    )


def _grid(path: Path, frame: "pd.DataFrame") -> Grid:
    """Return a frame as text; its index only where it has a name."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    frame = frame.rename(columns=lambda name: "" if str(name).startswith("Unnamed: ") else name)
    return delimited.read(path, frame.to_csv(index=False))
