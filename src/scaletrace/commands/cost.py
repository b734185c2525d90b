"""Say what a study cost: time, memory and GPUs, what was asked of SLURM for them, and advice.

From the job records of what is done; where SLURM keeps accounts, also from those, with what
failed attempts took. `scaletrace plan` tells what is still to come.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from scaletrace.commands._columns import aligned, duration, memory
from scaletrace.errors import BadInput

if TYPE_CHECKING:
    from scaletrace.jobs.bill import Item

HEADER = (
    *("rule", "jobs", "attempts", "core-hours", "GPU-hours"),
    *("longest", "asked", "memory", "asked", "busy", "of peak"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--study", default="demo", help="name of a study: config/NAME.yaml")
    parser.add_argument("--jobs", action="store_true", help="a line for every job")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the bill of the jobs that are done, by rule or by job, and the advice."""
    from scaletrace.jobs import bill

    items, reused = _items(arguments.study)
    advice = bill.advice(items)
    if arguments.json:
        costs = {
            "study": arguments.study,
            **bill.hours(items),
            "jobs": [dataclasses.asdict(one) for one in items],
            "reused": reused,
            "advice": advice,
        }
        print(json.dumps(costs, indent=2))
        return 0
    groups: dict[str, list[Item]] = {}
    for one in items:
        groups.setdefault(one.job if arguments.jobs else one.rule, []).append(one)
    groups["total"] = items
    print("\n".join(aligned([HEADER, *(_cells(name, own) for name, own in groups.items())])))
    if not any(one.asked_minutes for one in items):
        print("\nnothing was asked of SLURM: no job ran under it")
    if reused:
        print(f"\n{len(reused)} jobs took what had been computed before, which cost nothing")
    wasted = sum(one.waste_seconds or 0.0 for one in items)
    if wasted:
        print(f"\nattempts that did not finish took {duration(wasted)} more")
    for line in advice:
        print(f"\n{line}")
    return 0


def _items(study: str) -> tuple[list["Item"], list[str]]:
    """Return what jobs cost, and the names of those that took what had been computed before."""
    from scaletrace.cluster import slurm
    from scaletrace.formats.record import read_record, require_circumstances
    from scaletrace.jobs import bill, ledger

    paths = ledger.paths(study)
    if not paths:
        raise BadInput(
            f"--study: found {study!r}, which has no job records under {ledger.PROVENANCE}; "
            "run it first, or name a study that has run"
        )
    records = [(path, read_record(path)) for path in paths]
    for path, record in records:
        require_circumstances(record, path)
    submissions = [
        attempt.slurm_job
        for _, record in records
        for attempt in record.circumstances.attempts
        if attempt.slurm_job
    ]
    accounts = slurm.accounted(submissions)
    reused = [_name(path) for path, record in records if record.circumstances.reused.by]
    named = (
        (_name(path), path.parent.name, record)
        for path, record in records
        if not record.circumstances.reused.by
    )
    return bill.items(named, accounts), reused


def _name(path: Path) -> str:
    return path.parent.name if path.stem == path.parent.name else f"{path.parent.name} {path.stem}"


def _cells(name: str, items: list["Item"]) -> list[str]:
    from scaletrace.jobs.bill import hours

    def largest(key: str) -> float:
        return max((getattr(one, key) or 0.0 for one in items), default=0.0)

    held = hours(items)
    busy = sum(one.cpu_seconds or 0.0 for one in items)
    cores = sum(one.seconds * one.cores for one in items if one.cpu_seconds is not None)
    utilised = [one.utilisation for one in items if one.utilisation is not None]
    return [
        name,
        str(len(items)),
        str(sum(one.attempts for one in items)),
        f"{held['core_hours']:.3g}",
        f"{held['gpu_hours']:.3g}" if held["gpu_hours"] else "",
        duration(largest("seconds")),
        duration(60 * largest("asked_minutes")) if largest("asked_minutes") else "",
        memory(largest("memory_mb")) if largest("memory_mb") else "",
        memory(largest("asked_mb")) if largest("asked_mb") else "",
        f"{busy / cores:.0%}" if cores else "",
        f"{sum(utilised) / len(utilised):.0%}" if utilised else "",
    ]
