"""Which columns of a table are N, D, C, U and the loss, and their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scaletrace.errors import BadInput
from scaletrace.fitting.column_names import DOUBTFUL, NAMES, metric_in, plain_name
from scaletrace.fitting.law import VARIABLES, Array
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.units import readings
from scaletrace.formats.runs_table import RunsTable
from scaletrace.formats.written_numbers import has_suffix, is_missing, numbers

OPTIONS = {
    **{"n": "--n", "d": "--d", "c": "--flops", "u": "--unique", "loss": "--loss"},
    **{"n_opt": "--loss", "d_opt": "--loss", "loss_se": "--loss-se"},
}
WHAT = {
    **VARIABLES,
    **{"loss": "the loss", "n_opt": "the optimal N", "d_opt": "the optimal D"},
    "loss_se": "the standard error of the loss",
}
EVERY_NAME = frozenset(name for groups in NAMES.values() for group in groups for name in group)
SAME = 0.01  # columns that differ by less, relatively, hold the same quantity


@dataclass(frozen=True)
class Column:
    """A column of a table that holds a variable, and what its numbers are multiplied by."""

    name: str
    factor: float = 1.0


@dataclass(frozen=True)
class Numbers:
    """Numbers (n,) of a variable, from a column or by a formula, with what is wrong with them."""

    values: Array
    column: str
    factor: float = 1.0
    faults: tuple[str, ...] = ()

    def take(self, rows: list[int]) -> "Numbers":
        """Return the numbers of some rows."""
        return replace(self, values=self.values[rows])


def asked_column(chosen: Settings, quantity: str) -> str | None:
    """Return the column that settings name for a quantity, or None."""
    fields = {"c": "flops", "u": "unique", "n_opt": "loss", "d_opt": "loss"}
    return getattr(chosen, fields.get(quantity, quantity))


def find(table: RunsTable, quantity: str, chosen: Settings) -> Column | None:
    """Return the column of n, d, c, u, loss, loss_se, n_opt or d_opt; None where there is none.

    Raises:
        BadInput: a column that was asked for is missing, or several could be it.
    """
    asked = asked_column(chosen, quantity)
    if asked is not None:
        name = table.require(asked)
        return _scaled(table, chosen, quantity, Column(name, _factor_of(name, quantity)))
    for group in NAMES[quantity]:
        found = _named(table, group)
        if not found and quantity == "loss" and group is NAMES["loss"][-1]:
            found = [Column(name) for name in table.header if metric_in(name)]
        if found:
            _require_one(table, quantity, found)
            return _scaled(table, chosen, quantity, found[0])
    return None


def _named(table: RunsTable, group: tuple[str, ...]) -> list[Column]:
    """Return the columns whose names are of a group, in the order of the group."""
    found = []
    for header in table.header:
        if header.endswith(("__MIN", "__MAX")):
            continue  # W&B writes them beside every column
        # `n_tokens` is D, not an N in tokens.
        ways = [(header, 1.0)] if header.lower() in EVERY_NAME else readings(header)
        for name, factor in ways:
            plain = plain_name(name)
            if plain in group:
                if plain not in DOUBTFUL or _holds_numbers(table, header):
                    found.append((group.index(plain), header != plain, Column(header, factor)))
                break
    return [column for *_, column in sorted(found, key=lambda one: one[:2])]


def _holds_numbers(table: RunsTable, column: str) -> bool:
    """Tell whether most cells of a column that hold something hold a number."""
    cells = [cell for cell in table.labels(column) if not is_missing(cell)]
    return bool(cells) and np.isnan(numbers(cells)).mean() < 0.5


def _factor_of(header: str, quantity: str) -> float:
    """Return the factor of a header's unit where the rest is a name of the quantity, else 1."""
    known = {name for group in NAMES[quantity] for name in group}
    return next((factor for name, factor in readings(header) if plain_name(name) in known), 1.0)


def _scaled(table: RunsTable, chosen: Settings, quantity: str, column: Column) -> Column:
    """Return a column with the factor that was asked for, else its header's where cells have none.

    Raises:
        BadInput: some cells under a header with a unit have a unit of their own.
    """
    if quantity in chosen.scale:
        return replace(column, factor=chosen.scale[quantity])
    if column.factor == 1.0:
        return column
    cells = [cell for cell in table.labels(column.name) if not is_missing(cell)]
    own = sum(map(has_suffix, cells))
    if 0 < own < len(cells):
        cell = next(filter(has_suffix, cells))
        raise BadInput(
            f"{table.path}: column {column.name!r}: {cell!r} has a unit of its own, and others "
            "have none: write all in one unit"
        )
    return replace(column, factor=1.0) if own else column


def _require_one(table: RunsTable, quantity: str, found: list[Column]) -> None:
    if len(found) == 1:
        return
    first = np.array(table.numbers(found[0].name)) * found[0].factor
    for other in found[1:]:
        values = np.array(table.numbers(other.name)) * other.factor
        if not np.allclose(first, values, rtol=SAME, atol=0.0, equal_nan=True):
            names = ", ".join(repr(column.name) for column in found)
            if len({plain_name(column.name) for column in found}) == 1:
                raise BadInput(
                    f"{table.path}: columns {names} are {WHAT[quantity]} of one run each, as a "
                    "chart is exported: export the table of runs, one run a row"
                )
            raise BadInput(
                f"{table.path}: columns {names} could each be {WHAT[quantity]}: say which with "
                f"{OPTIONS[quantity]} {found[0].name!r}"
            )


def read(table: RunsTable, column: Column) -> Numbers:
    """Return the numbers of a column; what is not positive and finite is a fault."""
    values = np.array(table.numbers(column.name), dtype=float) * column.factor
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(values) & (values > 0.0)
    faults = cell_faults(table, column.name, ~sound, "a positive finite number is needed")
    return Numbers(values, column.name, column.factor, faults)


def cell_faults(
    table: RunsTable, column: str, wrong: NDArray[np.bool_], needed: str
) -> tuple[str, ...]:
    """Return a sentence for each wrong cell of a column, by line."""
    cells = table.labels(column)
    return tuple(
        f"line {table.lines[i]}, column {column!r}: {cells[i][:80]!r} cannot be used; {needed}"
        for i in np.flatnonzero(wrong)
    )


def present(table: RunsTable, column: str) -> list[int]:
    """Return the rows in which a column holds something."""
    return [i for i, cell in enumerate(table.labels(column)) if not is_missing(cell)]


def derive(quantity: str, known: Mapping[str, Numbers]) -> Numbers | None:
    """Return n, d or c from the other two by C = 6 N D; None where they are not known."""
    sources = tuple(v for v in ("n", "d", "c") if v != quantity)
    if len(sources) == 3 or not {*sources} <= known.keys():
        return None
    first, second = (known[v] for v in sources)
    faults = tuple(dict.fromkeys(first.faults + second.faults))
    if quantity == "c":
        return Numbers(6.0 * first.values * second.values, "6ND", faults=faults)
    with np.errstate(all="ignore"):
        values = second.values / (6.0 * first.values)
    return Numbers(values, f"C/(6{sources[0].upper()})", faults=faults)
