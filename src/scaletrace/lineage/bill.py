"""What a study cost: what each job asked for, what it used, and where the two lay far apart."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from scaletrace.lineage import slurm
from scaletrace.lineage.timings import utilisation
from scaletrace.study.cost import MEMORY_STEP_MB, SNAKEMAKE_MB, TIME_FLOOR_MINUTES

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

    memory_mb: peak of the job's own processes, MiB. waste_seconds: of attempts that did not
    finish, where SLURM keeps accounts. utilisation: of the matrix peak, in training.
    """

    job: str
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


def item(job: str, rule: str, record: dict[str, Any], accounts: dict[str, dict[str, str]]) -> Item:
    """Return what one job cost, from its record and SLURM's accounts of its attempts."""
    circumstances = record["circumstances"]
    asked = circumstances.get("requested") or {}
    measured = circumstances.get("measured") or {}
    attempts = circumstances.get("attempts", [])
    own = circumstances.get("slurm_job")
    others = {attempt["slurm_job"] for attempt in attempts} - {own, None}
    wasted = [float(accounts[job]["ElapsedRaw"]) for job in others if job in accounts]
    resident = slurm.megabytes(accounts.get(own or "", {}).get("MaxRSS", ""))
    return Item(
        job=job,
        rule=rule,
        attempts=max(1, len(attempts)),
        seconds=circumstances["seconds"],
        cpu_seconds=circumstances.get("cpu_seconds"),
        memory_mb=resident or circumstances.get("peak_memory_mb"),
        gpu_memory_mb=measured.get("peak_gpu_memory_mb"),
        utilisation=utilisation(record),
        cores=asked.get("cpus") or circumstances.get("threads", 1),
        gpus=asked.get("gpus") or 0,
        asked_minutes=asked.get("minutes"),
        asked_mb=asked.get("memory_mb"),
        waste_seconds=sum(wasted) if accounts else None,
    )


def hours(items: Iterable[Item]) -> dict[str, float]:
    """Return the core-hours and GPU-hours that jobs held, their last attempts alone."""
    items = list(items)
    return {
        "core_hours": sum(one.seconds * one.cores for one in items) / 3600,
        "gpu_hours": sum(one.seconds * one.gpus for one in items) / 3600,
    }


def advice(items: Iterable[Item]) -> list[str]:
    """Return a sentence for every rule whose requests were far off, or close to too little."""
    by_rule: dict[str, list[Item]] = {}
    for one in items:
        by_rule.setdefault(one.rule, []).append(one)
    return [line for rule, own in by_rule.items() for line in _advice(rule, own)]


def _advice(rule: str, items: list[Item]) -> Iterable[str]:
    times = [(one.seconds / 60, one.asked_minutes) for one in items if one.asked_minutes]
    if times:
        used, asked = max(used for used, _ in times), max(asked for _, asked in times)
        if asked > max(TOO_MUCH * used, PETTY_MINUTES):
            yield (
                f"{rule}: asked for up to {asked:.0f} min and took at most {used:.1f}: SLURM "
                f"starts shorter jobs sooner; --set-resources {rule}:runtime="
                f"{TIME_FLOOR_MINUTES + round(2 * used)}, or a higher flops_per_s in "
                "slurm/site.yaml"
            )
        close = [used / asked for used, asked in times if used > TOO_CLOSE * asked]
        if close:
            yield (
                f"{rule}: {len(close)} of {len(times)} jobs took over {TOO_CLOSE:.0%} of their "
                "time limit; a lower flops_per_s in slurm/site.yaml gives them more"
            )
    sizes = [(one.memory_mb, one.asked_mb) for one in items if one.asked_mb and one.memory_mb]
    if sizes:
        used, asked = max(used for used, _ in sizes), max(asked for _, asked in sizes)
        need = SNAKEMAKE_MB + used
        enough = MEMORY_STEP_MB * round(1.5 * need / MEMORY_STEP_MB)
        if asked > max(TOO_MUCH * need, need + PETTY_MB):
            yield (
                f"{rule}: asked for up to {asked:.0f} MiB and used at most {used:.0f}; "
                f"--set-resources {rule}:mem_mb={enough}"
            )
        if any(SNAKEMAKE_MB + used > TOO_CLOSE * asked for used, asked in sizes):
            yield (
                f"{rule}: memory came close to what was asked for ({used:.0f} MiB used, "
                f"{SNAKEMAKE_MB} kept for Snakemake); --set-resources {rule}:mem_mb={enough}"
            )
    idle = [one for one in items if one.gpus and (one.utilisation or 1.0) < IDLE_GPU]
    if idle:
        yield (
            f"{rule}: {len(idle)} jobs had a GPU and used less than {IDLE_GPU:.0%} of it; several "
            "of them can share one: `together` in slurm/site.yaml"
        )
