"""Are the job records whole, in their places, and do their inputs name what made them?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from scaletrace.formats import files, untrusted
from scaletrace.formats.record import inside
from scaletrace.jobs import fingerprint, ledger
from scaletrace.lineage.ancestry import RecordedJob
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
        for output in job.identity.outputs:
            first = makers.setdefault(output.path, job.path)
            if first != job.path:
                yield scope.finding(str(job.path), f"outputs: {output.path}", first, "claimed too")
    yield from _environments(scope)


def _itself(scope: Scope, job: RecordedJob) -> Iterator[Finding]:
    name, record, identity = str(job.path), job.record, job.identity
    if (actual := record.hashed_id) != record.id:
        yield scope.finding(name, "id", actual, record.id)
    if (actual := record.hashed_seal) != record.seal:
        yield scope.finding(name, "seal", actual, record.seal)
    place = ledger.path_of(scope.study, job.rule, identity.wildcards)
    if place != job.path:
        yield scope.finding(name, "place", place, job.path)
    if (actual := fingerprint.combined(identity.code.modules)) != identity.code.fingerprint:
        yield scope.finding(name, "code.fingerprint", actual, identity.code.fingerprint)
    if untrusted.read_bytes(job.path) != files.to_json(record.raw).encode(errors="replace"):
        yield scope.finding(name, "form", "the bytes that jobs write", "other bytes, same meaning")


def _inputs(scope: Scope, job: RecordedJob) -> Iterator[Finding]:
    for file in job.identity.inputs:
        maker = scope.ancestry.makers.get(file.path)
        field = f"inputs: {file.path}"
        made_by = maker.record.id if maker else None
        if file.record != made_by:
            actual = made_by or "no record of how it was made"
            yield scope.finding(str(job.path), f"{field}: record", file.record, actual)
        if maker is None:
            continue
        output = next(out for out in maker.identity.outputs if out.path == file.path)
        for kind in HASHES:
            made, read = getattr(output, kind), getattr(file, kind)
            if made != read:
                yield scope.finding(str(job.path), f"{field}: {kind}", made, read)


def _environments(scope: Scope) -> Iterator[Finding]:
    users: dict[str, list[RecordedJob]] = {}
    for job in scope.jobs:
        users.setdefault(str(job.record.circumstances.environment), []).append(job)
    for digest, jobs in users.items():
        path = ledger.environment_path(digest)
        names = tuple(sorted(job.name for job in jobs))
        if not inside(str(path)) or not path.is_file():
            yield Finding(str(path), "file", f"the environment of {len(jobs)} jobs", "none", names)
        elif (actual := hashlib.sha256(untrusted.read_bytes(path)).hexdigest()) != digest:
            yield Finding(str(path), "sha256", digest, actual, names)
