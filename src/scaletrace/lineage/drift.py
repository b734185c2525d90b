"""What the study would do now, against what its records say was done."""

from pathlib import Path
from typing import Any

from scaletrace.lineage import fingerprint
from scaletrace.lineage.command import Job

MISSING = object()


def job_name(job: Job) -> str:
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


def _say(value: Any) -> str:
    return "absent" if value is MISSING else repr(value)


def differences(job: Job, record: dict[str, Any] | None) -> list[str]:
    """Return in which settings, code and inputs a job of the graph is not the recorded one."""
    if record is None:
        return ["no record: the job is new, or has another name"]
    identity, found = record["identity"], []
    then, now = leaves(identity["settings"]), leaves(job.settings)
    for name in sorted(then.keys() | now.keys()):
        before, after = then.get(name, MISSING), now.get(name, MISSING)
        if before != after:
            found.append(f"{name}: made with {_say(before)}, now {_say(after)}")
    if identity["code"]["fingerprint"] != job.fingerprint:
        before, after = identity["code"]["modules"], fingerprint.modules(job.rule)
        names = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
        found.append(f"code: changed since in {', '.join(names) or 'an unknown module'}")
    for side, here in (
        ("inputs", {path for paths in job.inputs.values() for path in paths}),
        ("outputs", set(job.outputs.values())),
    ):
        there = {entry["path"] for entry in identity[side]}
        found += [f"{side}: made with {path}, now absent" for path in sorted(there - here)]
        found += [f"{side}: {path} is new" for path in sorted(here - there)]
    return found


def dependents(jobs: dict[Path, Job], start: set[Path]) -> set[Path]:
    """Return the jobs that rest on any of `start`, directly or not, without `start` itself."""
    readers: dict[str, list[Path]] = {}
    for name, job in jobs.items():
        for paths in job.inputs.values():
            for path in paths:
                readers.setdefault(path, []).append(name)
    waiting, found = list(start), set()
    while waiting:
        for path in jobs[waiting.pop()].outputs.values():
            new = [reader for reader in readers.get(path, []) if reader not in found | start]
            found.update(new)
            waiting.extend(new)
    return found
