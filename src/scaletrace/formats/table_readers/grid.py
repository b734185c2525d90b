"""A table as its cells, whatever the file's format."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grid:
    """Header and rows, as text; every row has as many cells as the header, or is a fault later.

    lines: of each row in the file, for messages; place: what the lines count, "line" or "row".
    notes: what a reader of the file should know, such as a decimal comma.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: list[str] = field(default_factory=list)
