"""What each job took: `python -m scaletrace.jobs.timings STUDY` prints timings.csv.

These numbers differ between identical executions; they come from the job records, and no fit
reads them.
"""

import sys
from typing import Any, TextIO

import pandas as pd

from scaletrace.jobs import records

COLUMNS = (
    "rule",
    "job",
    "seconds",
    "cpu_seconds",
    "tokens_per_s",
    "flops_per_s",
    "utilisation",
    "peak_memory_mb",
    "peak_gpu_memory_mb",
    "attempts",
    "threads",
    "host",
    "cpu",
    "gpu",
    "slurm_job",
)


def utilisation(record: dict[str, Any]) -> float | None:
    """Return a training's FLOP/s (exact) as a part of what plain matrix products reached.

    The products were measured by the job itself when it had trained, on the same threads or GPU.
    """
    circumstances = record["circumstances"]
    reached = (circumstances.get("measured") or {}).get("flops_per_s")
    matrix = (circumstances.get("matrix") or {}).get("flops_per_s")
    if not reached or not matrix:
        return None
    processes = record["identity"]["settings"].get("compute", {}).get("processes", 1)
    return reached / matrix / processes


def table(study: str) -> pd.DataFrame:
    """Return one row per recorded job up to the observations, sorted by rule and job.

    Fits and figures may still run when the table is printed. Seconds are wall-clock time, memory
    is in MiB, attempts are the processes that began the job.
    """
    rows = []
    for path in sorted((records.PROVENANCE / "jobs" / study).glob("*/*.json")):
        if path.parent.name in {"fit", "figures"}:
            continue
        record = records.read(path)
        records.require_circumstances(record, path)
        circumstances = record["circumstances"]
        found = {
            **circumstances,
            **(circumstances.get("measured") or {}),
            # The whole job's, where the stage has measured its own part as well.
            "seconds": circumstances.get("seconds"),
            "rule": path.parent.name,
            "job": path.stem,
            "utilisation": utilisation(record),
            "attempts": max(1, len(circumstances.get("attempts", []))),
        }
        rows.append([found.get(name) for name in COLUMNS])
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def write(study: str, stream: TextIO) -> None:
    """Write the timings of a study as CSV."""
    table(study).to_csv(stream, index=False, lineterminator="\n")


if __name__ == "__main__":
    write(sys.argv[1], sys.stdout)
