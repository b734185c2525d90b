"""What each job took: `python -m scaletrace.lineage.timings STUDY` prints timings.csv.

These numbers differ between identical executions; they come from the job records, and no fit
reads them.
"""

import csv
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from scaletrace.lineage import records

COLUMNS: tuple[str, ...] = (
    "rule",
    "job",
    "seconds",
    "tokens_per_s",
    "peak_memory_mb",
    "threads",
    "host",
    "cpu",
)


def rows(study: str) -> Iterator[dict[str, Any]]:
    """Yield one row per recorded job up to the observations, sorted by rule and job.

    Fits and figures may still run when the table is printed.
    """
    for path in sorted((records.PROVENANCE / "jobs" / study).glob("*/*.json")):
        if path.parent.name in {"fit", "figures"}:
            continue
        circumstances = records.read(path)["circumstances"]
        yield {
            "rule": path.parent.name,
            "job": path.stem,
            **{name: circumstances.get(name) for name in ("seconds", "threads", "host", "cpu")},
            **{name: circumstances.get("measured", {}).get(name) for name in COLUMNS[3:5]},
        }


def write(study: str, stream: TextIO) -> None:
    """Write the timings of a study as CSV."""
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(study))


if __name__ == "__main__":
    write(sys.argv[1], sys.stdout)
