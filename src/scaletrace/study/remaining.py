"""How long a study still takes, by its plan and by what of it has been measured.

A job has a start, if a model is loaded in it, and its work, which takes as long as planned times a
ratio: what measured work took, to what was planned for it. For work on a size that is the ratio of
its own trainings, the more there is of them, and otherwise of all trainings; for the jobs without a
model, which read text or fit and draw, that of those which are done.
"""

import dataclasses
import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence

from scaletrace.study.graph import Job

# So many seconds of work are taken to go as planned, or on one size as on all, beside what is
# measured: the first seconds of a training are too noisy to judge the whole study by.
PRIOR_SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class MeasuredWork:
    """Work on a size, or on none, without the start: seconds planned for it and seconds taken."""

    size: str | None
    planned: float
    taken: float


@dataclasses.dataclass(frozen=True)
class Underway:
    """A job that runs: seconds since it began, and the share of a training's steps that is done."""

    seconds: float
    share: float = 0.0


@dataclasses.dataclass(frozen=True)
class Left:
    """What is left of a job: seconds on so many cores, which it holds already if it runs."""

    name: str
    needs: tuple[str, ...]
    seconds: float
    cores: int = 1
    running: bool = False


def _stretch(size: str | None, measured: Sequence[MeasuredWork]) -> float:
    """Return the seconds that work on a size takes for each that is planned."""
    alike = [part for part in measured if (part.size is None) == (size is None)]
    if size is None:
        return _ratio(alike) if alike else 1.0
    own = [part for part in alike if part.size == size]
    return _ratio(own, PRIOR_SECONDS, _ratio(alike, PRIOR_SECONDS))


def _ratio(parts: Sequence[MeasuredWork], weight: float = 0.0, prior: float = 1.0) -> float:
    """Return taken over planned seconds, of the parts and of `weight` seconds at a prior ratio."""
    taken = sum(part.taken for part in parts) + weight * prior
    return taken / (sum(part.planned for part in parts) + weight)


def work(job: Job, start: float) -> float:
    """Return the planned seconds of a job without its start; one without a model has no start."""
    return job.takes.seconds - start if job.size else job.takes.seconds


def left_of(
    jobs: Iterable[Job],
    planned_start: float,
    start: float,
    done: Collection[str],
    underway: Mapping[str, Underway],
    measured: Sequence[MeasuredWork],
) -> list[Left]:
    """Return what is left of each job that is not done, in the order of the jobs.

    Args:
        jobs: the study's, each after those that it needs.
        planned_start: the part of a job's planned seconds in which it loads its libraries.
        start: the same as measured.
        done: names of jobs.
        underway: the jobs that run, by name.
        measured: parts of the work, of any job.
    """
    left, stretch = [], {}
    for job in jobs:
        if job.name in done:
            continue
        if job.size not in stretch:
            stretch[job.size] = _stretch(job.size, measured)
        begin = start if job.size else 0.0
        rest = work(job, planned_start) * stretch[job.size]
        now = underway.get(job.name, Underway(0.0))
        # The steps of a training tell how far its work is; of other work only the clock does.
        if job.tokens:
            seconds = max(0.0, begin - now.seconds) + rest * (1 - now.share)
        else:
            seconds = max(0.0, begin + rest - now.seconds)
        left.append(Left(job.name, job.needs, seconds, job.takes.cores, job.name in underway))
    return left


def makespan(left: Sequence[Left], cores: int) -> float:
    """Return the seconds until all is done, when the longest chain that can begin begins first.

    Args:
        left: what is left of each job, each after those that it needs; a need that is not among
            them is done.
        cores: a job that wants more than there are gets them all.
    """
    by_name = {one.name: one for one in left}
    chain = dict.fromkeys(by_name, 0.0)
    for one in reversed(left):
        chain[one.name] += one.seconds
        for need in chain.keys() & one.needs:
            chain[need] = max(chain[need], chain[one.name])
    blocked = {one.name: len(chain.keys() & one.needs) for one in left if not one.running}
    freed: dict[str, list[str]] = {name: [] for name in by_name}
    for name in blocked:
        for need in chain.keys() & by_name[name].needs:
            freed[need].append(name)
    ends = [(one.seconds, one.name) for one in left if one.running]
    heapq.heapify(ends)
    ready = [(-chain[name], name) for name, count in blocked.items() if not count]
    heapq.heapify(ready)
    held = {one.name: min(one.cores, cores) for one in left}
    now, free = 0.0, cores - sum(held[name] for _, name in ends)
    while ends or ready:
        while ready and held[ready[0][1]] <= free:
            _, name = heapq.heappop(ready)
            free -= held[name]
            heapq.heappush(ends, (now + by_name[name].seconds, name))
        now, ended = heapq.heappop(ends)
        free += held[ended]
        for name in freed[ended]:
            blocked[name] -= 1
            if not blocked[name]:
                heapq.heappush(ready, (-chain[name], name))
    return now
