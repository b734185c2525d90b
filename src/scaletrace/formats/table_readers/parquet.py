"""Parquet, by pyarrow of the extra `tables`."""

import io
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers.grid import Grid, needs, require_small, written

INDEX = "__index_level_"  # what pandas calls an index without a name


def read(path: Path, content: bytes) -> Grid:
    """Return the table of a Parquet file.

    Raises:
        BadInput: it is none, is too large unpacked, or pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise needs(path, "a Parquet file", "pyarrow") from None
    try:
        file = ParquetFile(io.BytesIO(content))
        facts = file.metadata
        size = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
        require_small(path, facts.num_rows * facts.num_columns, size)
        table = file.read()
        header = [name for name in table.column_names if not name.startswith(INDEX)]
        columns = [[written(cell) for cell in table[name].to_pylist()] for name in header]
    except (ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path}: no Parquet file that can be read ({error})") from None
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Grid(header, rows, list(range(1, len(rows) + 1)))
