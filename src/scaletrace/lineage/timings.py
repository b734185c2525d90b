"""What each job took: `python -m scaletrace.lineage.timings STUDY` prints timings.csv.

These numbers differ between identical executions; they come from the job records, and no fit
reads them.
"""

import sys
from typing import TextIO

import pandas as pd

from scaletrace.lineage import records

CIRCUMSTANCES = ("seconds", "threads", "host", "cpu")
MEASURED = ("tokens_per_s", "peak_memory_mb")


def table(study: str) -> pd.DataFrame:
    """Return one row per recorded job up to the observations, sorted by rule and job.

    Fits and figures may still run when the table is printed. Seconds are wall-clock time.
    """
    rows = []
    for path in sorted((records.PROVENANCE / "jobs" / study).glob("*/*.json")):
        if path.parent.name in {"fit", "figures"}:
            continue
        circumstances = records.read(path)["circumstances"]
        measured = circumstances.get("measured", {})
        rows.append(
            [path.parent.name, path.stem]
            + [circumstances.get(name) for name in CIRCUMSTANCES]
            + [measured.get(name) for name in MEASURED]
        )
    return pd.DataFrame(rows, columns=pd.Index(["rule", "job", *CIRCUMSTANCES, *MEASURED]))


def write(study: str, stream: TextIO) -> None:
    """Write the timings of a study as CSV."""
    table(study).to_csv(stream, index=False, lineterminator="\n")


if __name__ == "__main__":
    write(sys.argv[1], sys.stdout)
