"""Tables of training runs: anybody's, or the `observations.csv` of a study as it is."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import table_readers
from scaletrace.formats.row_conditions import Condition
from scaletrace.formats.table_readers import Grid
from scaletrace.formats.written_numbers import numbers

# Faults of a table that are listed; the others are counted.
LISTED = 20
MOST_COLUMNS = 10_000
# What a run may say of itself that ended well, in lower case; the first is a study's.
ENDED_WELL = ("ok", "finished", "completed", "complete", "success", "succeeded", "done")
# What W&B says of runs: a column `State` with other words is about something else.
STATES = {"finished", "running", "crashed", "failed", "killed", "pending", "preempted"}
RUN_COLUMNS = ("run", "name", "run_name")


@dataclass(frozen=True)
class RunsTable:
    """Rows of runs that ended well (all rows where none says how it ended), as text by column.

    lines: line of each row in the file, for messages; left_out: why -> names of those runs.
    notes: what was read in another way than it stands there, in words.
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def header(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        return list(self.columns)

    @property
    def names(self) -> list[str]:
        """What each run is called: by its column `run` or `Name`, else by its line."""
        by_lower = {name.lower(): name for name in reversed(self.header)}
        column = next((by_lower[name] for name in RUN_COLUMNS if name in by_lower), None)
        return self.columns[column] if column else [f"line {line}" for line in self.lines]

    def require(self, column: str) -> str:
        """Return a column's name as the table writes it, by one that may differ in case.

        Raises:
            BadInput: the table has no such column.
        """
        alike = [name for name in self.header if name.lower() == column.lower()]
        if column in self.columns:
            return column
        if len(alike) == 1:
            return alike[0]
        raise BadInput(f"{self.path}: no column {column!r}; the table has {', '.join(self.header)}")

    def take(self, rows: Sequence[int], why: str = "") -> "RunsTable":
        """Return the table with some of its rows; the others are left out for a reason, if any."""
        left_out = self.left_out
        if why and len(rows) < len(self.lines):
            kept, names = set(rows), self.names
            others = [names[i] for i in range(len(names)) if i not in kept]
            left_out = {**left_out, why: left_out.get(why, []) + others}
        columns = {name: [cells[i] for i in rows] for name, cells in self.columns.items()}
        return replace(
            self, columns=columns, lines=[self.lines[i] for i in rows], left_out=left_out
        )

    def numbers(self, column: str) -> list[float]:
        """Return the numbers of a column, as written; NaN where a cell holds none.

        Raises:
            BadInput: the table has no such column.
        """
        return numbers(self.columns[self.require(column)])

    def labels(self, column: str) -> list[str]:
        """Return a column as text.

        Raises:
            BadInput: the table has no such column.
        """
        return self.columns[self.require(column)]


def read_runs(
    path: Path, budget: str | None = None, family: str | None = None, where: Sequence[str] = ()
) -> RunsTable:
    """Read a table with a header, and leave out runs that failed.

    Args:
        path: the file: delimited text, JSON, Parquet or Excel, by its content.
        budget: keep the rows with this label in column `budget` alone.
        family: keep the rows with this name in column `family` alone.
        where: keep the rows alone of which all these conditions hold, such as "split == test".

    Raises:
        BadInput: not a readable table, ragged rows, no rows, or no rows of that budget or family
            or under a condition.
    """
    grid = table_readers.read(path)
    columns, notes = _columns(path, grid)
    table = RunsTable(path, columns, grid.lines, notes=grid.notes + notes)
    asked = {"budget": budget, "family": family}
    kept = {column: value for column, value in asked.items() if value is not None}
    if kept:
        table = _labelled(table, kept)
    for condition in map(Condition.parse, where):
        table = table.take(condition.rows(table.path, table.columns))
    return _ended_well(table)


def refuse(path: Path, faults: Sequence[str]) -> None:
    """Raise BadInput with a line for each of the first faults of a table, if there are any."""
    faults = list(dict.fromkeys(faults))
    if faults:
        lines = [f"{path}: {fault}" for fault in faults[:LISTED]]
        if len(faults) > LISTED:
            lines.append(f"{path}: and {len(faults) - LISTED} more")
        raise BadInput("\n".join(lines))


def _columns(path: Path, grid: Grid) -> tuple[dict[str, list[str]], list[str]]:
    """Return the cells by column, without an unnamed index or unnamed empty columns."""
    header, rows, notes = grid.header, grid.rows, []
    width = len(header)
    if width > MOST_COLUMNS:
        raise BadInput(f"{path}: {width} columns; at most {MOST_COLUMNS} are read")
    refuse(
        path,
        [
            f"line {line}: {len(row)} cells under {width} columns"
            for row, line in zip(rows, grid.lines, strict=True)
            if len(row) != width
        ],
    )
    cells = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in header]
    named = list(zip(header, cells, strict=True))
    if len(named) > 1 and not header[0] and _is_index(cells[0]):
        notes.append("the unnamed first column counts the rows and is passed over")
        named = named[1:]
    named = [(name, column) for name, column in named if name or any(column)]
    names = [name for name, _ in named]
    if len(names) > 1 and not any(map(math.isnan, numbers(names))):
        raise BadInput(f"{path}: the first line holds numbers; it must name every column")
    if not names or "" in names or len(set(names)) < len(names):
        raise BadInput(f"{path}: the first line must name every column, each once; found {header}")
    return dict(named), notes


def _is_index(cells: list[str]) -> bool:
    """Tell whether cells are an index of pandas: integers that grow, as rows may be filtered."""
    if not all(cell.isdecimal() and len(cell) < 16 for cell in cells):
        return False
    values = [int(cell) for cell in cells]
    return all(before < after for before, after in itertools.pairwise(values))


def _labelled(table: RunsTable, kept: dict[str, str]) -> RunsTable:
    nowhere = [""] * len(table.lines)
    labels = list(zip(*(table.columns.get(column, nowhere) for column in kept), strict=True))
    rows = [i for i, label in enumerate(labels) if label == tuple(kept.values())]
    if not rows:
        said = " and ".join(f"{column} {value!r}" for column, value in kept.items())
        known = sorted({" ".join(label) for label in labels})
        raise BadInput(f"{table.path}: no row with {said}; the table has {', '.join(known)}")
    return table.take(rows)


def _ended_well(table: RunsTable) -> RunsTable:
    by_lower = {name.lower(): name for name in reversed(table.header)}
    column = by_lower.get("status")
    if column is not None and not any(table.columns[column]):
        column = None
    if column is None and "state" in by_lower:
        states = {cell.lower() for cell in table.columns[by_lower["state"]]}
        column = by_lower["state"] if states and states <= STATES else None
    if column is None:
        return table
    cells = table.columns[column]
    for ending in dict.fromkeys(cell for cell in cells if cell.lower() not in ENDED_WELL):
        cells = table.columns[column]
        table = table.take([i for i, cell in enumerate(cells) if cell != ending], ending)
    return table
