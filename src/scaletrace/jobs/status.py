"""How far each job of a study is, while it runs and after, by the traces that jobs leave.

What is done is known from records; what is under way from the jobs' notes, leases and logs, and,
where there is SLURM, from its queue.
"""

import dataclasses
import os
import socket
import time
from pathlib import Path
from typing import Any, Literal

import psutil

from scaletrace.cluster import slurm
from scaletrace.cluster.site import prefix_of, read_site
from scaletrace.formats.progress_line import ProgressLine, last_progress
from scaletrace.formats.record import Attempt, Circumstances
from scaletrace.jobs import attempts, job_note, lease, ledger
from scaletrace.jobs.attempts import Failed
from scaletrace.jobs.done import Done
from scaletrace.study.graph import Job
from scaletrace.study.plan import Plan
from scaletrace.study.rules import RULES

State = Literal["done", "running", "queued", "waiting", "failed"]
TAIL_BYTES = 8192
# The rules that may share a submission by the name of a group.
PACKED = [name for name, rule in RULES.items() if rule.pack in ("text", "run")]
# A job on another host that has no lease yet is taken to be alive for this long, in seconds.
BEGINNING = 120.0


@dataclasses.dataclass(frozen=True)
class JobStatus:
    """Where a job stands.

    seconds_left: of its own work; an estimate before it runs, from its log while it does.
    failed: its attempts that ended without a result, oldest first.
    reason: why SLURM has not started it.
    """

    job: Job
    state: State
    node: str | None = None
    slurm_job: str | None = None
    progress: ProgressLine | None = None
    tokens_per_s: float | None = None
    seconds_left: float = 0.0
    attempts: int = 0
    failed: tuple[Failed, ...] = ()
    reason: str | None = None


class Status:
    """Where the jobs of a study stand, looked at as often as somebody asks.

    packs: submissions in SLURM's queue that stand for several runs, and do not say for which.
    """

    def __init__(self, plan: Plan, jobs: list[Job]) -> None:
        self.study = plan.study.study
        self.jobs = jobs
        self.packs: list[slurm.Queued] = []
        self._logs = read_site().logs
        self._last_logs: dict[str, Path] = {}
        self._done = Done(plan)

    def look(self) -> dict[str, JobStatus]:
        """Return where every job stands now, by name."""
        self._done.look(self.jobs)
        queue = slurm.queue(prefix_of(self.study))
        by_name = {name: queued for queued in queue for name in slurm.names(queued.name, PACKED)}
        by_id = {queued.job: queued for queued in queue}
        known = {_queue_name(job) for job in self.jobs}
        self.packs = [one for one in queue if not known & set(slurm.names(one.name, PACKED))]
        self._last_logs = slurm.last_logs(self._logs, PACKED)
        return {job.name: self._look(job, by_name, by_id) for job in self.jobs}

    def _look(
        self, job: Job, by_name: dict[str, slurm.Queued], by_id: dict[str, slurm.Queued]
    ) -> JobStatus:
        circumstances = self._done.circumstances.get(job.name)
        if circumstances is not None:
            return _done(job, circumstances)
        queued = by_name.get(_queue_name(job))
        note = job_note.read(self.study, job.rule.name, job.wildcards)
        if note is None:
            return self._without_note(job, queued)
        folder = Path(note["folder"]) if note.get("folder") else None
        holder = folder and lease.holder(folder)
        # A full disk may have kept the reason out of one of the two.
        tried = [note | one if _same(one, note) else one for one in attempts.read(folder)]
        if not any(_same(one, note) for one in tried):
            # It waits for the lease, or failed before it could take it.
            tried.append(note)
        if holder or ("problem" not in note and _begins(note, by_id)):
            worker = holder or note
            progress, age = _progress(job.log)
            left = max(0.0, progress.seconds_left - age) if progress else job.takes.seconds
            place = next((n for n, one in enumerate(tried) if _same(one, worker)), -1)
            return JobStatus(
                job,
                "running",
                note.get("node") or worker["host"],
                worker["slurm_job"],
                progress,
                progress and progress.tokens_per_s,
                left,
                len(tried),
                attempts.failed(map(Attempt.of, tried[:place])),
            )
        before = JobStatus(
            job,
            "failed",
            note.get("node") or note["host"],
            note["slurm_job"],
            _progress(job.log)[0],
            None,
            job.takes.seconds,
            len(tried),
            attempts.failed(map(Attempt.of, tried)),
        )
        return _queued_again(before, queued)

    def _without_note(self, job: Job, queued: slurm.Queued | None) -> JobStatus:
        """Tell a job that nobody has begun from one that failed before it could leave a note."""
        waiting = JobStatus(job, "waiting", seconds_left=job.takes.seconds)
        record = ledger.path_of(self.study, job.rule.name, job.wildcards)
        if queued or record.exists():
            return _queued_again(waiting, queued)
        # Snakemake leaves an empty log for each job of a group of which one failed, and for one
        # that its node could not even begin, of which SLURM's log tells.
        text, submission = _tail(job.log).strip(), None
        log = self._last_logs.get(_queue_name(job))
        if log and not text and all(need in self._done.circumstances for need in job.needs):
            text, submission = _tail(log).strip(), log.stem
        if not text:
            return waiting
        failed = Failed(1, None, submission, text.splitlines()[-1])
        return dataclasses.replace(
            waiting, state="failed", slurm_job=submission, attempts=1, failed=(failed,)
        )


def _queue_name(job: Job) -> str:
    return f"{job.rule.name} {'_'.join(job.wildcards.values())}"


def in_queue(queued: slurm.Queued) -> dict[str, Any]:
    """Return what SLURM's queue says of a submission, under the names that a status has."""
    return {
        "state": "running" if queued.state == "RUNNING" else "queued",
        "node": queued.node or None,
        "slurm_job": queued.job,
        "reason": queued.reason if queued.reason != "None" else None,
    }


def _queued_again(before: JobStatus, queued: slurm.Queued | None) -> JobStatus:
    return dataclasses.replace(before, **in_queue(queued)) if queued else before


def _done(job: Job, circumstances: Circumstances) -> JobStatus:
    return JobStatus(
        job,
        "done",
        circumstances.node or circumstances.host,
        circumstances.slurm_job,
        _progress(job.log)[0] if job.tokens else None,
        circumstances.measured.tokens_per_s,
        0.0,
        max(1, len(circumstances.attempts)),
        attempts.overcome(circumstances),
    )


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (one["host"], one["pid"]) == (other["host"], other["pid"])


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
    progress = last_progress(_tail(log))
    return progress, max(0.0, time.time() - log.stat().st_mtime) if progress else 0.0
