"""What the study would do now, against what its records say was done."""

import json
from pathlib import Path
from typing import Any

from scaletrace.formats.record import Record, read_record
from scaletrace.jobs import fingerprint
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage.ancestry import reached
from scaletrace.study.rules import LARGE

MISSING = object()
ABSENT = "nothing"
# What the names of settings begin with that say which text was read.
PACKAGES = "settings.packages."


def job_name(job: AskedJob) -> str:
    """Return a job as people name it: its rule and wildcards."""
    return " ".join([job.rule, *(text for _, text in sorted(job.wildcards.items()))])


def leaves(value: Any, name: str = "settings") -> dict[str, Any]:
    """Return the leaves of plain data by their dotted names."""
    if isinstance(value, dict) and value:
        parts = [leaves(item, f"{name}.{key}") for key, item in value.items()]
    elif isinstance(value, list) and value:
        parts = [leaves(item, f"{name}[{i}]") for i, item in enumerate(value)]
    else:
        return {name: value}
    return {key: item for part in parts for key, item in part.items()}


def different(then: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the names under which two sides hold other values, with the values."""
    return {
        name: (_scalar(then.get(name, ABSENT)), _scalar(now.get(name, ABSENT)))
        for name in sorted(then.keys() | now.keys())
        if then.get(name, ABSENT) != now.get(name, ABSENT)
    }


def _scalar(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _labelled(items: list[Any]) -> dict[str, Any]:
    """Return the items of a list by what tells them apart: the name of the run, or themselves."""
    return {
        str(item["run"] if isinstance(item, dict) and "run" in item else item): item
        for item in items
    }


def changes(before: Any, after: Any, name: str = "settings") -> list[str]:
    """Return where two pieces of plain data differ, each place by its dotted name."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        places, form = (before, after), f"{name}.{{}}"
    elif isinstance(before, list) and isinstance(after, list):
        places, form = (_labelled(before), _labelled(after)), f"{name}[{{}}]"
    elif before is MISSING:
        return [f"{name}: new" if isinstance(after, dict | list) else f"{name}: new, {after!r}"]
    elif after is MISSING:
        return [f"{name}: made with it, now absent"]
    else:
        return [f"{name}: made with {before!r}, now {after!r}"]
    then, now = places
    lines = [
        line
        for key in sorted(then.keys() | now.keys())
        for line in changes(then.get(key, MISSING), now.get(key, MISSING), form.format(key))
    ]
    return lines or [f"{name}: the same in another order"]


def differences(job: AskedJob, record: Record | None, known: Acceptances) -> list[str]:
    """Return in which settings, code and inputs a job of the graph is not the recorded one.

    Args:
        job: as the graph has it.
        record: what was recorded of it.
        known: the study's, by which different code may be equal.
    """
    if record is None:
        return ["no record: the job is new, or has another name"]
    identity = record.identity
    lines = changes(identity.settings, job.settings)
    same = known.same(job.rule, identity.code.fingerprint, job.fingerprint)
    scheme, now = identity.code.scheme, fingerprint.SCHEME
    if not same and scheme != now:
        lines.append(f"code: its fingerprint is of scheme {scheme}, and now {now} is in use")
    elif not same:
        after = fingerprint.modules(job.rule, fingerprint.kinds_of(job.rule, job.settings))
        names = ", ".join(different(identity.code.modules, after)) or "an unknown module"
        lines.append(f"code: changed since in {names}")
    for side, recorded, here in (
        ("inputs", identity.inputs, {path for paths in job.inputs.values() for path in paths}),
        ("outputs", identity.outputs, set(job.outputs.values())),
    ):
        there = {file.path for file in recorded}
        if gone := sorted(there - here):
            lines.append(f"{side}: made with {', '.join(gone)}, now absent")
        if new := sorted(here - there):
            lines.append(f"{side}: new are {', '.join(new)}")
    return lines


def stale(jobs: dict[Path, AskedJob], known: Acceptances) -> list[str]:
    """Return in words which jobs are to be made again: new, changed, or without their files.

    Raises:
        BadInput: a record is damaged.
    """
    lines = []
    for path, job in jobs.items():
        record = read_record(path) if path.is_file() else None
        kept = [name for name in job.outputs.values() if not name.endswith(LARGE)]
        absent = [name for name in kept if not Path(name).is_file()]
        why = [*differences(job, record, known), *(f"{name}: missing" for name in absent)]
        lines += [f"{job_name(job)}: {line}" for line in why]
    return lines


def dependents(jobs: dict[Path, AskedJob], start: set[Path]) -> set[Path]:
    """Return the jobs that rest on any of `start`, directly or not, without `start` itself."""
    readers: dict[str, list[Path]] = {}
    for name, job in jobs.items():
        for paths in job.inputs.values():
            for path in paths:
                readers.setdefault(path, []).append(name)

    def next_of(name: Path) -> list[Path]:
        return [job for path in jobs[name].outputs.values() for job in readers.get(path, [])]

    return set(reached(start, next_of)) - start
