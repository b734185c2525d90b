"""Is every file what the record of its job says that the job wrote or read?"""

from collections.abc import Iterator
from typing import Any

from scaletrace.jobs import records
from scaletrace.lineage.audit.chain import HASHES
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.hashing import hashes_of


def check(scope: Scope, raw: set[str]) -> Iterator[Finding]:
    """Hash every file in full, several at a time, each in one read for sha256 and md5.

    Args:
        scope: what to audit.
        raw: files outside the repository that the configuration itself names as text to read.
    """
    expected = _expected(scope, raw)
    hashed = hashes_of({path: entry["size"] for path, entry in expected.items()})
    owners = {entry["sha256"]: path for path, entry in expected.items()}
    for path, entry in expected.items():
        found = hashed[path]
        if isinstance(found, str):
            yield scope.finding(path, "file", f"sha256 {entry['sha256']}", found)
        elif found["sha256"] != entry["sha256"]:
            owner = owners.get(found["sha256"])
            said = f"{found['sha256']}" + (f", which is {owner}" if owner else "")
            yield scope.finding(path, "sha256", entry["sha256"], said)
        else:
            for kind in HASHES:
                if found[kind] != entry[kind]:
                    maker = scope.ancestry.makers.get(path)
                    where = str(maker.path) if maker else path
                    field = f"outputs: {path}: {kind}"
                    yield scope.finding(where, field, found[kind], entry[kind])


def _expected(scope: Scope, raw: set[str]) -> dict[str, dict[str, Any]]:
    """Return what is to be hashed, by path, and note what is not."""
    found: dict[str, dict[str, Any]] = {}
    for job in scope.jobs:
        for entry in job.identity["outputs"]:
            found[entry["path"]] = entry
        for entry in job.identity["inputs"]:
            if entry["path"] not in scope.ancestry.makers:
                found[entry["path"]] = entry
    foreign = [path for path in found if not records.inside(path) and path not in raw]
    if foreign:
        scope.notes.append(
            f"{len(foreign)} files outside the repository were not read, because the configuration "
            f"does not name them: {foreign[0]}"
        )
    large = [p for p in found if not scope.large and p.endswith(records.LARGE)]
    if large:
        size = sum(found[path]["size"] for path in large)
        scope.notes.append(
            f"{len(large)} checkpoints, token files and texts ({size / 1e6:.1f} MB) were not read: "
            "what is said of them rests on the records alone"
        )
    return {path: e for path, e in found.items() if path not in {*foreign, *large}}
