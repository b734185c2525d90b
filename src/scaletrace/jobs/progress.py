"""How far a study is that runs here: what is done, what runs and how far, and the time left."""

import dataclasses
import time
from collections.abc import Iterator
from statistics import median

from scaletrace.formats.progress_line import ProgressLine, last_progress
from scaletrace.jobs import job_note
from scaletrace.jobs.done import Done
from scaletrace.study.cost import Pace
from scaletrace.study.graph import Graph, Job
from scaletrace.study.remaining import MeasuredWork, Underway, left_of, makespan, work
from scaletrace.study.rules import TRIAL

# From the end of one job on a core to the next one's first statement: snakemake and Python.
BETWEEN_SECONDS = 0.6


@dataclasses.dataclass(frozen=True)
class Running:
    """A job at work: seconds since it began, and a training's last report, with its time."""

    job: Job
    seconds: float
    report: ProgressLine | None
    reported: float


class Progress:
    """What is done of a study, by its records, and what runs, by notes and logs.

    began: seconds since 1970; notes and logs from before are those of jobs that run no more.
    """

    def __init__(self, graph: Graph) -> None:
        self.began = time.time()
        self._graph, self._plan = graph, graph.plan
        self.expect(graph.estimates.pace)
        self.running: list[Running] = []
        self._first: dict[str, Running] = {}
        self._done = Done(graph.plan)
        self._done.look(self.jobs)

    def expect(self, pace: Pace) -> None:
        """Plan the jobs at another pace; what is measured is set against it from now on."""
        self.jobs = list(self._graph.at_pace(pace).jobs())
        self._start = pace.start_seconds

    def is_done(self, name: str) -> bool:
        """Tell whether the job of this name is done, and not at work again."""
        return name in self._done.circumstances and all(o.job.name != name for o in self.running)

    def refresh(self) -> list[Job]:
        """Look again; return the jobs that have finished since the last look."""
        waiting = [job for job in self.jobs if not self.is_done(job.name)]
        self._done.look(waiting)
        self.running = [one for job in self.jobs if (one := self._look(job))]
        for one in self.running:
            if one.report:
                self._first.setdefault(one.job.name, one)
        return [job for job in waiting if self.is_done(job.name)]

    def _look(self, job: Job) -> Running | None:
        """Return a job that was begun since and is neither done nor failed."""
        note = job_note.read(self._graph.study, job.rule.name, job.wildcards)
        if not note or "problem" in note or note["start"] < self.began:
            return None
        try:
            # Before the text: a line that comes between the two is at most taken for an older one.
            reported = job.log.stat().st_mtime
            report = last_progress(job.log.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            report, reported = None, 0.0
        return Running(job, time.time() - note["start"], report, reported)

    def counts(self) -> list[str]:
        """Return what is done out of how many, of each kind of job that is begun but not done."""
        kinds: dict[str, list[bool]] = {}
        for job in self.jobs:
            kinds.setdefault(job.rule.title, []).append(self.is_done(job.name))
        return [
            f"{kind} {sum(done)}/{len(done)}"
            for kind, done in kinds.items()
            if 0 < sum(done) < len(done)
        ]

    def seconds_left(self, cores: int) -> float:
        """Return the time left on `cores` cores at the speeds measured so far, in seconds."""
        measured = [*self._measured_of_done(), *self._measured_of_running()]
        now = {
            one.job.name: Underway(one.seconds, self._share(one.job, one.report))
            for one in self.running
        }
        done = {job.name for job in self.jobs if self.is_done(job.name)}
        left = left_of(self.jobs, self._start, self._measured_start(), done, now, measured)
        return makespan(left, cores)

    def _steps(self, job: Job) -> float:
        if job.rule is TRIAL:
            return job.tokens / self._plan.trials[job.wildcards["trial"]].batch_tokens
        trained = self._plan.runs[job.run] if job.run else self._plan.longest[job.size or ""]
        return job.tokens / trained.batch_tokens

    def _share(self, job: Job, report: ProgressLine | None) -> float:
        return 1 - (report.last_step - report.step) / self._steps(job) if report else 0.0

    def _measured_of_done(self) -> Iterator[MeasuredWork]:
        for job in self.jobs:
            if not self.is_done(job.name):
                continue
            took = self._done.circumstances[job.name]
            if job.size is None:
                yield MeasuredWork(None, job.takes.seconds, took.seconds or 0.0)
            elif job.tokens and took.measured.tokens:
                planned = took.measured.tokens / job.tokens * work(job, self._start)
                yield MeasuredWork(job.size, planned, took.measured.seconds or 0.0)

    def _measured_of_running(self) -> Iterator[MeasuredWork]:
        for one in self.running:
            if one.job.size is None and one.seconds > one.job.takes.seconds:
                # Longer than planned already: at least so long.
                yield MeasuredWork(None, one.job.takes.seconds, one.seconds)
            first = self._first.get(one.job.name)
            if first and first.report and one.report and one.report.step > first.report.step:
                # From its first report on: the first steps of a process take longer.
                share = (one.report.step - first.report.step) / self._steps(one.job)
                seconds = one.reported - first.reported
                yield MeasuredWork(one.job.size, share * work(one.job, self._start), seconds)

    def _measured_start(self) -> float:
        """Return the seconds of a job before its work: as measured, or planned until it is."""
        starts = [
            (took.seconds or 0.0) - (took.measured.seconds or 0.0)
            for job in self.jobs
            if job.tokens and (took := self._done.circumstances.get(job.name))
        ]
        return median(starts) + BETWEEN_SECONDS if starts else self._start
