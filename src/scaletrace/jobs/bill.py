"""What a study cost: what each job asked for, what it used, and where the two lay far apart."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable

from scaletrace.cluster import slurm
from scaletrace.formats.record import Record
from scaletrace.jobs.timings import utilisation
from scaletrace.study.cost import SNAKEMAKE_MB, TIME_FLOOR_MINUTES

# Asked for this many times what the neediest job of a rule used: too much.
TOO_MUCH = 4.0
# Used this part of what was asked for: another run may fail for it.
TOO_CLOSE = 0.85
# What is asked beyond need costs nobody anything below this, in minutes and MiB.
PETTY_MINUTES = 2 * TIME_FLOOR_MINUTES
PETTY_MB = 2_000
IDLE_GPU = 0.2


@dataclasses.dataclass(frozen=True)
class Item:
    """One job: what SLURM was asked for (None without SLURM), and what it used.

    start, seconds: of its last attempt, since 1970 and in all. memory_mb: peak of the job's own
    processes, MiB. waste_seconds: of submissions in which the job did not finish, beside the jobs
    that did, where SLURM keeps accounts; each counts with the first job that it failed.
    utilisation: of the matrix peak, in training.
    """

    job: str
    slurm_job: str | None
    start: float
    rule: str
    attempts: int
    seconds: float
    cpu_seconds: float | None
    memory_mb: float | None
    gpu_memory_mb: float | None
    utilisation: float | None
    cores: int
    gpus: int
    asked_minutes: float | None
    asked_mb: float | None
    waste_seconds: float | None


def items(
    jobs: Iterable[tuple[str, str, Record]], accounts: dict[str, dict[str, str]]
) -> list[Item]:
    """Return what jobs cost, given with their rules and records, by SLURM's accounts of them."""
    jobs = list(jobs)
    useful: dict[str | None, float] = defaultdict(float)
    for _, _, record in jobs:
        useful[record.circumstances.slurm_job] += record.circumstances.seconds or 0.0
    counted: set[str] = set()
    priced = []
    for job, rule, record in jobs:
        own = record.circumstances.slurm_job
        tried = [attempt.slurm_job for attempt in record.circumstances.attempts]
        # Its own submission once more, where that was queued again under its number.
        failed = {job for job in tried if job and (job != own or tried.count(own) > 1)}
        wasted = 0.0
        for submission in (failed & accounts.keys()) - counted:
            wasted += float(accounts[submission].get("EarlierRaw", 0))
            if submission != own:
                taken = float(accounts[submission]["ElapsedRaw"])
                wasted += max(0.0, taken - useful[submission])
        counted |= failed
        priced.append(_item(job, rule, record, accounts, wasted))
    return priced


def _item(
    job: str,
    rule: str,
    record: Record,
    accounts: dict[str, dict[str, str]],
    wasted: float,
) -> Item:
    circumstances = record.circumstances
    asked, own = circumstances.requested, circumstances.slurm_job
    resident = slurm.megabytes(accounts.get(own or "", {}).get("MaxRSS", ""))
    return Item(
        job=job,
        slurm_job=own,
        start=circumstances.start or 0.0,
        rule=rule,
        attempts=max(1, len(circumstances.attempts)),
        seconds=circumstances.seconds or 0.0,
        cpu_seconds=circumstances.cpu_seconds,
        memory_mb=resident or circumstances.peak_memory_mb,
        gpu_memory_mb=circumstances.measured.peak_gpu_memory_mb,
        utilisation=utilisation(record),
        cores=int(asked.cpus or circumstances.threads or 1),
        gpus=int(asked.gpus or 0),
        asked_minutes=asked.minutes,
        asked_mb=asked.memory_mb,
        waste_seconds=wasted if accounts else None,
    )


@dataclasses.dataclass(frozen=True)
class Allocation:
    """What one submission held, for one job or for several that shared it.

    seconds: from the first job's start to the last one's end. memory_mb: of the largest job, and
    of all together, as if they had run side by side.
    """

    rule: str
    jobs: int
    seconds: float
    memory_mb: tuple[float, float]
    cores: int
    gpus: int
    asked_minutes: float
    asked_mb: float
    utilisation: float


def allocations(items: Iterable[Item]) -> list[Allocation]:
    """Return what was held for jobs; one without SLURM held its cores while it ran."""
    shared: dict[str, list[Item]] = {}
    for one in items:
        shared.setdefault(one.slurm_job or f"- {one.job}", []).append(one)
    held = []
    for own in shared.values():
        memory = [one.memory_mb or 0.0 for one in own]
        end = max(one.start + one.seconds for one in own)
        held.append(
            Allocation(
                rule=" and ".join(dict.fromkeys(one.rule for one in own)),
                jobs=len(own),
                seconds=end - min(one.start for one in own),
                memory_mb=(max(memory), sum(memory)),
                cores=max(one.cores for one in own),
                gpus=max(one.gpus for one in own),
                asked_minutes=max(one.asked_minutes or 0.0 for one in own),
                asked_mb=max(one.asked_mb or 0.0 for one in own),
                utilisation=sum(one.utilisation or 0.0 for one in own),
            )
        )
    return held


def hours(items: Iterable[Item]) -> dict[str, float]:
    """Return the core-hours and GPU-hours that jobs held, their last attempts alone."""
    held = allocations(items)
    return {
        "core_hours": sum(one.seconds * one.cores for one in held) / 3600,
        "gpu_hours": sum(one.seconds * one.gpus for one in held) / 3600,
    }


def advice(items: Iterable[Item]) -> list[str]:
    """Return a sentence for each kind of submission that asked for far too much, or too little.

    Where several jobs share a submission, the rules have to be changed together.
    """
    by_rule: dict[str, list[Allocation]] = {}
    for one in allocations(items):
        by_rule.setdefault(one.rule, []).append(one)
    return [line for rule, own in by_rule.items() for line in _advice(rule, own)]


def _advice(rule: str, held: list[Allocation]) -> Iterable[str]:
    def setting(resource: str, value: float) -> str:
        # Of jobs that share a submission none can be set alone.
        return f": --set-resources {rule}:{resource}={value:.0f}" if " " not in rule else ""

    timed = [one for one in held if one.asked_minutes]
    longest = max((one.seconds / 60 for one in timed), default=0.0)
    asked = max((one.asked_minutes for one in timed), default=0.0)
    if asked > max(TOO_MUCH * longest, PETTY_MINUTES * max((one.jobs for one in timed), default=1)):
        yield (
            f"{rule}: asked for up to {asked:.0f} min and took at most {longest:.1f}; SLURM starts "
            f"shorter jobs sooner{setting('runtime', TIME_FLOOR_MINUTES + 2 * longest)}; a higher "
            "flops_per_s in slurm/site.yaml shortens what all training asks for"
        )
    close = sum(one.seconds / 60 > TOO_CLOSE * one.asked_minutes for one in timed)
    if close:
        yield (
            f"{rule}: {close} of {len(timed)} took over {TOO_CLOSE:.0%} of their time limit; a "
            "lower flops_per_s in slurm/site.yaml gives them more"
        )
    sized = [one for one in held if one.asked_mb and one.memory_mb[0]]
    most = max((one.asked_mb for one in sized), default=0.0)
    need = SNAKEMAKE_MB + max((one.memory_mb[1] for one in sized), default=0.0)
    if most > max(TOO_MUCH * need, need + PETTY_MB):
        yield (
            f"{rule}: asked for up to {most:.0f} MiB and used at most {need - SNAKEMAKE_MB:.0f} "
            f"beside Snakemake's {SNAKEMAKE_MB}{setting('mem_mb', 1.5 * need)}"
        )
    if any(SNAKEMAKE_MB + one.memory_mb[0] > TOO_CLOSE * one.asked_mb for one in sized):
        yield (
            f"{rule}: came close to the memory that was asked for, with {need - SNAKEMAKE_MB:.0f} "
            f"MiB beside Snakemake's {SNAKEMAKE_MB}{setting('mem_mb', 1.5 * need)}"
        )
    idle = sum(bool(one.gpus) and 0 < one.utilisation < IDLE_GPU for one in held)
    if idle:
        yield (
            f"{rule}: {idle} had a GPU and used less than {IDLE_GPU:.0%} of it; `together` in "
            "slurm/site.yaml lets several share one"
        )
