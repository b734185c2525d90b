"""The processes that began a job, one after another, and why those failed that did.

They stand in the job's working folder, and at last in its record.
"""

import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scaletrace.formats import files, untrusted
from scaletrace.formats.record import Attempt, Circumstances
from scaletrace.jobs import job_note, lease
from scaletrace.jobs.lease import is_process

FILE = "attempts.json"
FINISHED = "finished"
SILENT = "ended without a word: killed, out of memory, or its node died"


@dataclasses.dataclass(frozen=True)
class Failed:
    """An attempt that ended without a result: its number, where it ran, and why."""

    attempt: int
    node: str | None
    slurm_job: str | None
    problem: str


def read(folder: Path | None) -> list[dict[str, Any]]:
    """Return the processes that a working folder has seen, oldest first."""
    try:
        processes = untrusted.read_json(folder / FILE) if folder else []
    except (OSError, ValueError):
        return []
    return processes if isinstance(processes, list) and all(map(is_process, processes)) else []


@contextlib.contextmanager
def begin(work: Path, start: float, surroundings: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the processes that began the job, this one last; note why it fails if it does."""
    before = read(work)
    me = {name: surroundings[name] for name in ("host", "node", "slurm_job")}
    me |= {"pid": os.getpid(), "start": start}
    files.write_json(work / FILE, [*before, me])
    try:
        yield [*before, me]
    except BaseException as problem:
        ended = {"end": time.time(), "problem": job_note.reason_of(problem)}
        with contextlib.suppress(OSError):
            files.write_json(work / FILE, [*before, me | ended])
        raise


def finish(work: Path) -> None:
    """Clear the working folder of a job that is done, but for who began it."""
    for path in work.iterdir():
        if path.name not in (FILE, lease.FILE):
            path.unlink() if path.is_file() else shutil.rmtree(path)
    (work / FINISHED).touch()


def is_finished(work: Path) -> bool:
    """Tell whether a job of a working folder was done before."""
    return (work / FINISHED).exists()


def forget(study: str) -> None:
    """Delete the working folders of a study's finished jobs."""
    for finished in Path("work", study).glob(f"*/{FINISHED}"):
        if not (finished.parent / lease.FILE).exists():
            shutil.rmtree(finished.parent, ignore_errors=True)


def failed(tried: Iterable[Attempt]) -> tuple[Failed, ...]:
    """Return what became of attempts that all ended without a result."""
    return tuple(
        Failed(number, one.node or one.host, one.slurm_job, one.problem or SILENT)
        for number, one in enumerate(tried, 1)
    )


def described(failed: dict[str, Any]) -> str:
    """Return which attempt it was and where, of the attributes of a failed one."""
    where = f" on {failed['node']}" if failed["node"] else ""
    where += f", SLURM {failed['slurm_job']}" if failed["slurm_job"] else ""
    return f"attempt {failed['attempt']}{where}"


def overcome(circumstances: Circumstances) -> tuple[Failed, ...]:
    """Return the attempts that failed before the one whose result is recorded.

    Later ones have only put that result in place.
    """
    starts = [one.start for one in circumstances.attempts]
    start = circumstances.start
    return failed(circumstances.attempts[: starts.index(start) if start in starts else -1])
