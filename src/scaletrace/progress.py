"""How far a running study is: what is done out of how much, and the time left."""

import dataclasses
import time
from pathlib import Path

from scaletrace.lineage import graph
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.jobs import jobs
from scaletrace.study.plan import Plan

# What people call the jobs of a rule; trials are part of tuning.
NAMES = {
    "vocab": "vocabulary",
    "tokenize": "tokens",
    "trial": "tuning",
    "tune": "tuning",
    "pretrain": "trunks",
    "anneal": "runs",
    "evaluate": "losses",
    "observe": "table",
    "fit": "fits",
}
# Work at the assumed pace that the measured pace is averaged with, so that the first estimate is
# not made from the first job alone.
PRIOR_SECONDS = 60.0


@dataclasses.dataclass
class Job:
    """One job of the graph: the file that tells that it is done, and its relative cost."""

    rule: str
    path: Path
    cost: float
    waiting: bool


class Progress:
    """Which jobs of a study are done, judged by the files they leave."""

    def __init__(self, plan: Plan, outputs: list[graph.Output]) -> None:
        self.began = time.time()
        waiting = {output.path for output in graph.unfinished(outputs)}
        # Only the ratios of the costs count: the pace is measured as the study runs.
        planned = jobs(Estimates(plan, ASSUMED[plan.study.training.device]), {})
        self.jobs = [
            Job(NAMES.get(job.rule, job.rule), job.result, job.seconds, str(job.result) in waiting)
            for job in planned
        ]
        self.finished: list[Job] = []

    def refresh(self) -> list[Job]:
        """Look at the files again; return the jobs that have finished since the last look."""
        news = []
        for job in self.jobs:
            if job.waiting and job.path.exists() and job.path.stat().st_mtime >= self.began:
                job.waiting = False
                news.append(job)
        self.finished += news
        return news

    def counts(self) -> str:
        """Return what is done out of how many, by kind of job."""
        parts = []
        for rule in dict.fromkeys(job.rule for job in self.jobs):
            jobs = [job for job in self.jobs if job.rule == rule]
            done = sum(not job.waiting for job in jobs)
            parts.append(f"{rule} {done}/{len(jobs)}" if len(jobs) > 1 or not done else f"{rule} ✓")
        return "  ".join(parts)

    def seconds_left(self, cores: int) -> float:
        """Return the time left on `cores` cores at the pace so far, in seconds."""
        spent = sum(job.cost for job in self.finished)
        left = sum(job.cost for job in self.jobs if job.waiting)
        gone = cores * (time.time() - self.began)
        # What has begun is about half done: a job per core, of the mean cost of those left.
        waiting = [job.cost for job in self.jobs if job.waiting]
        begun = min(left, cores * left / len(waiting)) / 2 if waiting else 0.0
        pace = (spent + begun + PRIOR_SECONDS) / (gone + PRIOR_SECONDS)
        return (left - begun) / cores / pace
