"""Excel's .xlsx, by openpyxl of the extra `tables`: the first sheet, formulas by their values."""

import io
import warnings
import zipfile
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers.grid import Grid, needs, require_small, written

WORKBOOK = "xl/workbook.xml"


def read(path: Path, content: bytes) -> Grid:
    """Return the table on the first sheet of an Excel file.

    Raises:
        BadInput: it is none, is too large unpacked, or openpyxl is not installed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BadInput(f"{path}: no Excel file ({error})") from None
    if WORKBOOK not in sizes:
        raise BadInput(f"{path}: a ZIP archive, and no table: unpack it first")
    require_small(path, 0, sum(sizes.values()))
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise needs(path, "an Excel file", "openpyxl") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, which hold no cells
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets, rows = book.sheetnames, _rows(path, book.worksheets[0])
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # what openpyxl, zipfile and expat raise for broken files is no list
        raise BadInput(f"{path}: no Excel file that can be read ({error})") from None
    filled = [(line, row) for line, row in enumerate(rows, 1) if any(row)]
    width = max((len(row) for _, row in filled), default=0)
    require_small(path, width * len(filled), 0)
    padded = [row + [""] * (width - len(row)) for _, row in filled]
    notes = [f"of the sheets {', '.join(sheets)} the first was read"] if len(sheets) > 1 else []
    return Grid(padded[0] if padded else [], padded[1:], [line for line, _ in filled][1:], notes)


def _rows(path: Path, sheet: object) -> list[list[str]]:
    # A sheet may say that it is larger than its cells are; one far cell makes rows before it.
    sheet.reset_dimensions()  # pyright: ignore[reportAttributeAccessIssue]
    rows, cells = [], 0
    for values in sheet.iter_rows(values_only=True):  # pyright: ignore[reportAttributeAccessIssue]
        cells += 1 + len(values)
        require_small(path, cells, 0)
        rows.append([written(value) for value in values])
    return rows
