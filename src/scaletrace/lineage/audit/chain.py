"""Are the job records whole, in their places, and do their inputs name what made them?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from scaletrace.formats import files, untrusted
from scaletrace.jobs import fingerprint, records
from scaletrace.lineage.ancestry import Job
from scaletrace.lineage.audit.finding import Finding, Scope

HASHES = ("sha256", "md5", "size")


def check(scope: Scope) -> Iterator[Finding]:
    """Compare every record with itself, with its place, and with the records it names."""
    for path, message in scope.ancestry.unreadable.items():
        yield Finding(str(path), "", "a job record", message.removeprefix(f"{path}: "))
    makers: dict[str, Path] = {}
    for job in scope.jobs:
        yield from _itself(scope, job)
        yield from _inputs(scope, job)
        for entry in job.identity["outputs"]:
            first = makers.setdefault(entry["path"], job.path)
            if first != job.path:
                yield scope.finding(
                    str(job.path), f"outputs: {entry['path']}", first, "claimed too"
                )
    yield from _environments(scope)


def _itself(scope: Scope, job: Job) -> Iterator[Finding]:
    name, record, identity = str(job.path), job.record, job.identity
    if (actual := records.identifier(identity)) != record["id"]:
        yield scope.finding(name, "id", actual, record["id"])
    if (actual := records.seal(record)) != record.get("seal"):
        yield scope.finding(name, "seal", actual, record.get("seal"))
    place = records.path_of(scope.study, job.rule, identity["wildcards"])
    if place != job.path:
        yield scope.finding(name, "place", place, job.path)
    if (actual := fingerprint.combined(identity["code"]["modules"])) != identity["code"][
        "fingerprint"
    ]:
        yield scope.finding(name, "code.fingerprint", actual, identity["code"]["fingerprint"])
    if untrusted.read_bytes(job.path) != files.to_json(record).encode(errors="replace"):
        yield scope.finding(name, "form", "the bytes that jobs write", "other bytes, same meaning")


def _inputs(scope: Scope, job: Job) -> Iterator[Finding]:
    for entry in job.identity["inputs"]:
        path, maker = entry["path"], scope.ancestry.makers.get(entry["path"])
        field = f"inputs: {path}"
        made_by = maker.record["id"] if maker else None
        if entry["record"] != made_by:
            found = made_by or "no record of how it was made"
            yield scope.finding(str(job.path), f"{field}: record", entry["record"], found)
        if maker is None:
            continue
        output = next(out for out in maker.identity["outputs"] if out["path"] == path)
        for kind in HASHES:
            if output[kind] != entry[kind]:
                yield scope.finding(str(job.path), f"{field}: {kind}", output[kind], entry[kind])


def _environments(scope: Scope) -> Iterator[Finding]:
    users: dict[object, list[Job]] = {}
    for job in scope.jobs:
        users.setdefault(str(job.record["circumstances"].get("environment")), []).append(job)
    for digest, jobs in users.items():
        path = records.PROVENANCE / "env" / f"{digest}.json"
        names = tuple(sorted(job.name for job in jobs))
        if not records.inside(str(path)) or not path.is_file():
            yield Finding(str(path), "file", f"the environment of {len(jobs)} jobs", "none", names)
        elif (found := hashlib.sha256(untrusted.read_bytes(path)).hexdigest()) != digest:
            yield Finding(str(path), "sha256", str(digest), found, names)
