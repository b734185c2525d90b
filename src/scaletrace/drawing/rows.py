"""What a figure shows, as rows: the picture is drawn from them and the CSV holds nothing else."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scaletrace.formats.source import SourceFile

Kind = Literal["point", "curve", "band", "asymptote", "line"]
COLUMNS = (
    "study",
    "figure",
    "series",
    "kind",
    "x",
    "y",
    "low",
    "high",
    "run",
    "source",
    "source_sha256",
)


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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        numbers = (
            "" if math.isnan(v) else repr(float(v)) for v in (row.x, row.y, row.low, row.high)
        )
        origin = (row.run, row.source.path, row.source.sha256)
        writer.writerow((study, figure, row.series, row.kind, *numbers, *origin))
    return text.getvalue()


def sources(rows: Iterable[Row]) -> dict[str, str]:
    """Return path -> sha256 of every file that the rows come from."""
    return {row.source.path: row.source.sha256 for row in rows}
