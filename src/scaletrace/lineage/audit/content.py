"""Is every file what the record of its job says that the job wrote or read?"""

from collections.abc import Iterator
from pathlib import Path

from scaletrace.formats.record import RecordedFile, inside
from scaletrace.lineage.audit.chain import HASHES
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.hashing import hashes_of
from scaletrace.study.rules import LARGE


def check(scope: Scope, raw: set[str]) -> Iterator[Finding]:
    """Hash every file in full, several at a time, each in one read for sha256 and md5.

    Args:
        scope: what to audit.
        raw: files outside the repository that the configuration itself names as text to read.
    """
    expected = _expected(scope, raw)
    hashed = hashes_of({path: file.size for path, file in expected.items()})
    owners = {file.sha256: path for path, file in expected.items()}
    for path, file in expected.items():
        hashes = hashed[path]
        if isinstance(hashes, str):
            yield scope.finding(path, "file", f"sha256 {file.sha256}", hashes)
        elif hashes["sha256"] != file.sha256:
            owner = owners.get(hashes["sha256"])
            actual = f"{hashes['sha256']}" + (f", which is {owner}" if owner else "")
            yield scope.finding(path, "sha256", file.sha256, actual)
        else:
            for kind in HASHES:
                if hashes[kind] != (recorded := getattr(file, kind)):
                    maker = scope.ancestry.makers.get(path)
                    where = str(maker.path) if maker else path
                    field = f"outputs: {path}: {kind}"
                    yield scope.finding(where, field, hashes[kind], recorded)


def _expected(scope: Scope, raw: set[str]) -> dict[str, RecordedFile]:
    """Return what is to be hashed, by path, and note what is not."""
    recorded: dict[str, RecordedFile] = {}
    for job in scope.jobs:
        for output in job.identity.outputs:
            recorded[output.path] = output
        for file in job.identity.inputs:
            if file.path not in scope.ancestry.makers:
                recorded[file.path] = file
    foreign = [path for path in recorded if not inside(path) and path not in raw]
    if foreign:
        scope.notes.append(
            f"{len(foreign)} files outside the repository were not read, because the configuration "
            f"does not name them: {foreign[0]}"
        )
    large = [path for path in recorded if not scope.large and path.endswith(LARGE)]
    if large:
        size = sum(recorded[path].size for path in large)
        scope.notes.append(
            f"{len(large)} checkpoints, token files and texts ({size / 1e6:.1f} MB) were not read: "
            "what is said of them rests on the records alone"
        )
    kept = scope.keep
    gone = [p for p in recorded if scope.large and not kept.pushes(p) and not Path(p).exists()]
    if gone:
        size = sum(recorded[path].size for path in gone)
        scope.notes.append(
            f"{len(gone)} files ({size / 1e6:.1f} MB) are not here, which `keep` in the study file "
            "hands to nobody: what is said of them rests on the records alone"
        )
    left_out = {*foreign, *large, *gone}
    return {path: file for path, file in recorded.items() if path not in left_out}
