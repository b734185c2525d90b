"""Conditions on the rows of a table: `experiment == x`, `lr <= 0.01`, `family in a, b`."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.written_numbers import number

ORDERS: dict[str, Callable[[float, float], bool]] = {
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
}
ALLOWED = "==, !=, <, <=, >, >=, in"
_FORM = re.compile(r"\s*(?:`([^`]+)`|(.+?))\s*(==|!=|<=|>=|<|>|\bin\b)\s*(.*\S)\s*")
SHOWN = 20  # values of a column that a message lists


@dataclass(frozen=True)
class Condition:
    """A column, how it is compared, and with what: one value, or those of `in`."""

    text: str
    column: str
    comparison: str
    values: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> "Condition":
        """Return the condition that a text says.

        Raises:
            BadInput: it says none.
        """
        found = _FORM.fullmatch(text)
        if found is None or found[4].startswith("="):
            raise BadInput(
                f'--where {text!r}: COLUMN COMPARISON VALUE is needed, such as "split == test"; '
                f"comparisons: {ALLOWED}; a column with spaces stands between backticks"
            )
        column, comparison, value = found[1] or found[2], found[3], found[4]
        values = (_unquoted(value),)
        if comparison == "in":
            inside = re.fullmatch(r"[\[({](.*)[\])}]", value)
            values = tuple(map(_unquoted, (inside[1] if inside else value).split(",")))
        elif comparison in ORDERS and math.isnan(number(values[0])):
            raise BadInput(f"--where {text!r}: {comparison} compares numbers; found {values[0]!r}")
        return Condition(text, column, comparison, values)

    def rows(self, path: Path, columns: Mapping[str, list[str]]) -> list[int]:
        """Return the rows of a table, by column, of which the condition holds.

        Raises:
            BadInput: the table has no such column, or none of its rows is so.
        """
        if self.column not in columns:
            raise BadInput(
                f"{path}: --where {self.text!r}: no column {self.column!r}; the table has "
                f"{', '.join(columns)}"
            )
        cells = columns[self.column]
        holds = {cell: self._holds(cell) for cell in dict.fromkeys(cells)}
        rows = [i for i, cell in enumerate(cells) if holds[cell]]
        if not rows:
            known = list(holds)
            more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
            shown = ", ".join(map(repr, known[:SHOWN]))
            raise BadInput(
                f"{path}: --where {self.text!r}: holds for no row; {self.column} is {shown}{more}"
            )
        return rows

    def _holds(self, cell: str) -> bool:
        if self.comparison in ORDERS:
            return ORDERS[self.comparison](number(cell), number(self.values[0]))
        same = any(_same(cell, value) for value in self.values)
        return not same if self.comparison == "!=" else same


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _same(cell: str, value: str) -> bool:
    """Compare as numbers where both are, as truths in any case, else letter by letter."""
    if cell == value:
        return True
    if {cell.lower(), value.lower()} <= {"true", "false"}:
        return cell.lower() == value.lower()
    return number(cell) == number(value)
