"""How far each job of a study is, while it runs and after, by the traces that jobs leave.

What is done is known from records; what is under way from the jobs' notes, leases and logs, and,
where there is SLURM, from its queue.
"""

import dataclasses
import json
import os
import socket
import time
from pathlib import Path
from typing import Any, Literal

import psutil

from scaletrace import lease
from scaletrace.formats.progress_line import ProgressLine, last_progress
from scaletrace.lineage import records, slurm, underway
from scaletrace.lineage.standing import Done
from scaletrace.study.jobs import Job
from scaletrace.study.plan import Plan

State = Literal["done", "running", "queued", "waiting", "failed"]
TAIL_BYTES = 8192
# A job on another host that has no lease yet is taken to be alive for this long, in seconds.
BEGINNING = 120.0
SILENT = "ended without a word: killed, out of memory, or its node died"


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where a job stands.

    seconds_left: of its own work; an estimate before it runs, from its log while it does.
    problem: why its newest attempt failed; `reason` why SLURM has not started it.
    """

    job: Job
    state: State
    node: str | None = None
    slurm_job: str | None = None
    progress: ProgressLine | None = None
    tokens_per_s: float | None = None
    seconds_left: float = 0.0
    attempts: int = 0
    problem: str | None = None
    reason: str | None = None


class Status:
    """Where the jobs of a study stand, looked at as often as somebody asks."""

    def __init__(self, plan: Plan, jobs: list[Job]) -> None:
        self.study = plan.study.study
        self.jobs = jobs
        self._done = Done(plan)

    def look(self) -> dict[str, Standing]:
        """Return where every job stands now, by name."""
        self._done.look(self.jobs)
        queue = slurm.queue()
        by_name = {name: queued for queued in queue for name in slurm.names(queued)}
        by_id = {queued.job: queued for queued in queue}
        return {job.name: self._look(job, by_name, by_id) for job in self.jobs}

    def _look(
        self, job: Job, by_name: dict[str, slurm.Queued], by_id: dict[str, slurm.Queued]
    ) -> Standing:
        circumstances = self._done.circumstances.get(job.name)
        if circumstances is not None:
            return _done(job, circumstances)
        queued = by_name.get(f"{job.rule} {'_'.join(job.wildcards.values())}")
        note = underway.read(self.study, job.rule, job.wildcards)
        if note is None:
            return self._without_note(job, queued)
        folder = Path(note["folder"]) if note.get("folder") else None
        holder = folder and lease.holder(folder)
        attempts = len(_attempts(folder)) or 1
        if holder or ("problem" not in note and _begins(note, by_id)):
            found = holder or note
            progress, age = _progress(job.log)
            left = max(0.0, progress.seconds_left - age) if progress else job.seconds
            return Standing(
                job,
                "running",
                note.get("node") or found["host"],
                found["slurm_job"],
                progress,
                progress and progress.tokens_per_s,
                left,
                attempts,
            )
        before = Standing(
            job,
            "failed",
            note.get("node") or note["host"],
            note["slurm_job"],
            _progress(job.log)[0],
            None,
            job.seconds,
            attempts,
            note.get("problem", SILENT),
        )
        return _queued_again(before, queued)

    def _without_note(self, job: Job, queued: slurm.Queued | None) -> Standing:
        """Tell a job that nobody has begun from one that failed before it could leave a note."""
        waiting = Standing(job, "waiting", seconds_left=job.seconds)
        record = records.path_of(self.study, job.rule, job.wildcards)
        # Snakemake leaves an empty log for each job of a group of which one failed.
        said = _tail(job.log).strip().splitlines() if job.log.exists() else []
        if queued or record.exists() or not said:
            return _queued_again(waiting, queued)
        return dataclasses.replace(waiting, state="failed", attempts=1, problem=said[-1])


def _queued_again(before: Standing, queued: slurm.Queued | None) -> Standing:
    if queued is None:
        return before
    state: State = "running" if queued.state == "RUNNING" else "queued"
    return dataclasses.replace(
        before,
        state=state,
        node=queued.node or None,
        slurm_job=queued.job,
        reason=queued.reason if queued.reason != "None" else None,
    )


def _done(job: Job, circumstances: dict[str, Any]) -> Standing:
    return Standing(
        job,
        "done",
        circumstances.get("node") or circumstances.get("host"),
        circumstances.get("slurm_job"),
        _progress(job.log)[0] if job.tokens else None,
        (circumstances.get("measured") or {}).get("tokens_per_s"),
        0.0,
        max(1, len(circumstances.get("attempts", []))),
    )


def _attempts(folder: Path | None) -> list[dict[str, Any]]:
    try:
        return json.loads((folder / "attempts.json").read_text(encoding="utf-8")) if folder else []
    except (OSError, ValueError):
        return []


def _begins(note: dict[str, Any], by_id: dict[str, slurm.Queued]) -> bool:
    """Tell whether a job without a lease lives: it may be reading its inputs, or wait for it."""
    if note["slurm_job"] in by_id:
        return by_id[note["slurm_job"]].state == "RUNNING"
    if note["host"] == socket.gethostname():
        return psutil.pid_exists(note["pid"])
    return time.time() - note["start"] < BEGINNING


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - TAIL_BYTES))
            return stream.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _progress(log: Path) -> tuple[ProgressLine | None, float]:
    """Return the newest progress in a log and its age in seconds."""
    found = last_progress(_tail(log))
    return found, max(0.0, time.time() - log.stat().st_mtime) if found else 0.0


def slurm_log(folder: Path, slurm_job: str | None) -> Path | None:
    """Return the file with what SLURM printed for a job, under the folder of such files."""
    found = sorted(folder.rglob(f"{slurm_job}.log")) if slurm_job else []
    return found[0] if found else None
