"""How far a running study is: what is done out of how much, and the time left."""

import dataclasses
import time
from pathlib import Path

from scaletrace.lineage import graph
from scaletrace.study.plan import Plan

# Relative cost of a job on one core: starting Python and torch (s), FLOPs at a large model's pace
# (FLOP/s), and what each token costs however small the model (tokens/s). Only the ratios count:
# the pace is measured as the study runs. Measured with config/demo.yaml.
START_SECONDS = 3.0
FLOP_PACE = 50e9
TOKEN_PACE = 150e3
TEXT_SECONDS = 5.0
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
        self.results = Path("results") / plan.study.study
        waiting = {output.path for output in graph.unfinished(outputs)}
        self.jobs = [
            Job(rule, path, cost, str(path) in waiting) for rule, path, cost in self._all(plan)
        ]
        self.finished: list[Job] = []

    def _all(self, plan: Plan) -> list[tuple[str, Path, float]]:
        def cost(size: str, tokens: int) -> float:
            flops = plan.flops_per_token(size) * tokens
            return START_SECONDS + flops / FLOP_PACE + tokens / TOKEN_PACE

        jobs = [
            ("corpus", self.results / "corpus/manifest.json", TEXT_SECONDS),
            ("vocabulary", self.results / "vocab/vocabulary.json", TEXT_SECONDS),
            ("tokens", self.results / "tokens/train.json", TEXT_SECONDS),
        ]
        for size, seed, tokens in plan.trunk_states():
            folder = self.results / "trunks" / f"{size}-s{seed}" / str(tokens)
            new = tokens - plan.state_before(size, tokens)
            jobs.append(("trunks", folder / "state.safetensors", cost(size, new)))
        for run in plan.trained_runs():
            path = self.results / "runs" / run.name / "outcome.json"
            jobs.append(("runs", path, cost(run.size, run.n_tokens - plan.start(run))))
            jobs.append(("losses", self.results / "evals" / f"{run.name}.json", START_SECONDS))
        jobs += [
            ("fits", self.results / "fits" / f"{fit}.json", START_SECONDS) for fit in plan.fits()
        ]
        jobs += [
            ("figures", self.results / "figures" / f"{figure}.csv", START_SECONDS)
            for figure in plan.figures()
        ]
        return jobs

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
