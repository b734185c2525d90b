"""What each job took: `python -m scaletrace.jobs.timings STUDY` prints timings.csv.

These numbers differ between identical executions; they come from the job records, and no fit
reads them.
"""

import csv
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.formats.record import Record, read_record, require_circumstances
from scaletrace.formats.written_numbers import numbers
from scaletrace.jobs import ledger
from scaletrace.study.rules import ANNEAL, FIGURES, FIT

# These may still run when the table is printed.
AFTER = {FIT.name, FIGURES.name}
COLUMNS = (
    *("rule", "job", "seconds", "cpu_seconds", "tokens_per_s", "flops_per_s", "utilisation"),
    *("peak_memory_mb", "peak_gpu_memory_mb", "attempts", "threads"),
    *("host", "cpu", "gpu", "slurm_job"),
)


def utilisation(record: Record) -> float | None:
    """Return a training's FLOP/s (exact) as a part of what plain matrix products reached.

    The products were measured by the job itself when it had trained, on the same threads or GPU.
    """
    reached = record.circumstances.measured.flops_per_s
    matrix = record.circumstances.matrix.flops_per_s
    return reached / matrix / record.identity.processes if reached and matrix else None


def job_timings(study: str, records: Iterable[Path] | None = None) -> list[list[Any]]:
    """Return a row of COLUMNS per recorded job up to the observations, sorted by rule and job.

    Seconds are wall-clock time, memory is in MiB, attempts are the processes that began the job.

    Args:
        study: its name.
        records: of its jobs; without them all that there are.
    """
    rows = []
    for path in ledger.paths(study) if records is None else sorted(records):
        if path.parent.name in AFTER:
            continue
        record = read_record(path)
        require_circumstances(record, path)
        took, measured = record.circumstances, record.circumstances.measured
        row = {
            "rule": path.parent.name,
            "job": path.stem,
            # The whole job's, of which the stage may have measured its own part.
            "seconds": took.seconds,
            "cpu_seconds": took.cpu_seconds,
            "tokens_per_s": measured.tokens_per_s,
            "flops_per_s": measured.flops_per_s,
            "utilisation": utilisation(record),
            "peak_memory_mb": measured.peak_memory_mb or took.peak_memory_mb,
            "peak_gpu_memory_mb": measured.peak_gpu_memory_mb,
            "attempts": max(1, len(took.attempts)),
            "threads": took.threads,
            "host": took.host,
            "cpu": took.cpu,
            "gpu": took.gpu,
            "slurm_job": took.slurm_job,
        }
        rows.append([row[name] for name in COLUMNS])
    return rows


def write(study: str, stream: TextIO, records: Iterable[Path] | None = None) -> None:
    """Write the timings of a study as CSV; arguments as of `job_timings`."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([COLUMNS, *job_timings(study, records)])


def read_speeds(path: Path) -> dict[str, float]:
    """Return the tokens per second of each run's training, from a study's timings.csv.

    Raises:
        BadInput: it cannot be read, is none, or holds no training.
    """
    with untrusted.refused_in_words(path):
        text = untrusted.read_text(path)
    speeds, faults = {}, []
    try:
        rows = untrusted.rows_of(text)
        trained = [row for row in rows if row["rule"] == ANNEAL.name]
        for row in trained:
            speed, run = numbers([row["tokens_per_s"]])[0], row["job"].removeprefix("run=")
            if 0.0 < speed < math.inf:
                speeds[run] = speed
            else:
                faults.append(
                    f"{path}: tokens_per_s of {row['job'][:80]}: a positive number is needed"
                )
    except (KeyError, ValueError) as error:
        raise BadInput(f"{path}: no timings.csv of a study ({str(error)[:200]})") from None
    if faults:
        raise BadInput("\n".join(faults))
    if not speeds:
        raise BadInput(f"{path}: no training has finished")
    return speeds


if __name__ == "__main__":
    write(sys.argv[1], sys.stdout)
