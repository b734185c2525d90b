"""What a figure shows, as rows: the picture is drawn from them and the CSV holds nothing else."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scaletrace.formats.figure_csv import text_of
from scaletrace.formats.source import SourceFile

Kind = Literal["point", "curve", "band", "asymptote", "line"]


@dataclass(frozen=True)
class Row:
    """One plotted point, or one sample of a curve, a band or a line; NaN leaves a cell empty."""

    series: str
    kind: Kind
    source: SourceFile
    x: float
    y: float = math.nan
    low: float = math.nan
    high: float = math.nan
    run: str = ""


def to_csv(study: str, figure: str, rows: Iterable[Row]) -> str:
    """Return the rows as CSV text, numbers with all their digits (repr), in the order given."""
    return text_of(_cells(study, figure, row) for row in rows)


def _cells(study: str, figure: str, row: Row) -> tuple[str, ...]:
    numbers = ("" if math.isnan(v) else repr(float(v)) for v in (row.x, row.y, row.low, row.high))
    origin = (row.run, row.source.path, row.source.sha256)
    return (study, figure, row.series, row.kind, *numbers, *origin)


def sources(rows: Iterable[Row]) -> dict[str, str]:
    """Return path -> sha256 of every file that the rows come from."""
    return {row.source.path: row.source.sha256 for row in rows}
