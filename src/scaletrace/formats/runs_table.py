"""Tables of training runs: any CSV, or the `observations.csv` of a study as it is."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.untrusted import refused_in_words

# Default columns by variable, the first that the table has: anybody's table, then a study's.
DEFAULTS = {
    "n": ("n_params", "n_non_embedding"),
    "d": ("n_tokens",),
    "c": ("flops", "flops_exact"),
    "u": ("unique_tokens",),
    "loss": ("loss",),
    "loss_se": ("loss_se",),
}


@dataclass(frozen=True)
class RunsTable:
    """Rows with status `ok` (all rows where there is no such column), as text.

    lines: line of each row in the file, for messages; left_out: status -> names of those runs.
    """

    path: Path
    header: list[str]
    rows: list[dict[str, str]]
    lines: list[int]
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def column_for(self, variable: str, asked: str | None) -> str | None:
        """Return the column of n, d, c, u, loss or loss_se; None where the table has none.

        Raises:
            BadInput: a column was asked for by name and is missing.
        """
        if asked is not None:
            self.require(asked)
            return asked
        return next((name for name in DEFAULTS[variable] if name in self.header), None)

    def require(self, column: str) -> None:
        """Raise BadInput unless the table has `column`."""
        if column not in self.header:
            raise BadInput(
                f"{self.path}: no column {column!r}; the table has {', '.join(self.header)}"
            )

    def numbers(self, column: str) -> list[float]:
        """Return a column of positive finite numbers.

        Raises:
            BadInput: the column is missing or a cell is anything else; row and column are named.
        """
        self.require(column)
        values = []
        for row, line in zip(self.rows, self.lines, strict=True):
            cell = row[column]
            try:
                value = float(cell)
            except ValueError:
                value = math.nan
            if not (math.isfinite(value) and value > 0.0):
                raise BadInput(
                    f"{self.path}: line {line}, column {column!r}: {cell!r} cannot be used; "
                    "a positive finite number is needed"
                )
            values.append(value)
        return values

    def labels(self, column: str) -> list[str]:
        """Return a column as text."""
        self.require(column)
        return [row[column] for row in self.rows]


def read_runs(path: Path, budget: str | None = None, family: str | None = None) -> RunsTable:
    """Read a CSV with a header line, and leave out failed runs.

    Args:
        path: the file.
        budget: keep the rows with this label in column `budget` alone.
        family: keep the rows with this name in column `family` alone.

    Raises:
        BadInput: not a readable CSV, a ragged row, no rows, or no rows of that budget or family.
    """
    try:
        with refused_in_words(path), path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            records = [(reader.line_num, cells) for cells in reader if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from error
    header = [name.strip() for name in header]
    repeated = {name for name in header if header.count(name) > 1}
    if not header or "" in header or repeated:
        raise BadInput(f"{path}: the first line must name every column, each once; found {header}")
    asked = {"budget": budget, "family": family}
    kept = {column: value for column, value in asked.items() if value is not None}
    rows, lines, left_out = [], [], {}
    for line, cells in records:
        if len(cells) != len(header):
            raise BadInput(f"{path}: line {line}: {len(cells)} cells under {len(header)} columns")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        if any(row.get(column) != value for column, value in kept.items()):
            continue
        status = row.get("status", "ok")
        if status != "ok":
            left_out.setdefault(status, []).append(row.get("run", f"line {line}"))
            continue
        rows.append(row)
        lines.append(line)
    if kept and not rows and not left_out:
        every = _as_rows(header, records)
        said = " and ".join(f"{column} {value!r}" for column, value in kept.items())
        known = sorted({" ".join(row.get(column, "") for column in kept) for row in every})
        raise BadInput(f"{path}: no row with {said}; the table has {', '.join(known)}")
    return RunsTable(path, header, rows, lines, left_out)


def _as_rows(header: list[str], records: list[tuple[int, list[str]]]) -> list[dict[str, str]]:
    return [dict(zip(header, cells, strict=True)) for _, cells in records]
