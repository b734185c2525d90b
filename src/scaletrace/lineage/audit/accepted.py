"""Do the notes of accepted code name records of the study, and does the root fix them?"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.acceptance import Acceptance
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.lineage import root, signature
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.hashing import sha256_of_small


def check(scope: Scope) -> Iterator[Finding]:
    """Compare every note of the study with the records of its sample, and with the root."""
    known = Acceptances(scope.study)
    for path, message in known.unreadable.items():
        yield Finding(str(path), "", "a note of scaletrace accept", message)
    jobs = {str(job.path): job for job in scope.ancestry.jobs}
    for path, note in known.by_path.items():
        yield from _sample(scope, path, note, jobs)
    # Of a root that cannot be read, the check of locks tells.
    with contextlib.suppress(BadInput):
        yield from _root(scope, known, root.read(scope.study))


def _sample(
    scope: Scope, path: Path, note: Acceptance, jobs: dict[str, RecordedJob]
) -> Iterator[Finding]:
    """Compare what was computed again with what the records say was made."""
    gone = []
    for once in note.sample:
        job = jobs.get(once.record)
        if job is None or job.record.id != once.id:
            gone.append(once.record)
            continue
        code = job.identity.code.fingerprint
        if code != note.then.fingerprint:
            found = note.then.fingerprint
            yield Finding(str(path), "then.fingerprint", f"{code} as in {once.record}", found)
        made = {output.path: output.sha256 for output in job.identity.outputs}
        for name in sorted(made.keys() | once.outputs.keys()):
            there, here = made.get(name, "no output"), once.outputs.get(name, "no output")
            if there != here:
                yield Finding(str(path), f"sample: {name}", f"{there} as in {once.record}", here)
    if gone:
        scope.notes.append(
            f"{path}: of the {len(note.sample)} jobs in its sample {len(gone)} have no such record "
            f"here, so that nothing shows what they gave ({gone[0]})"
        )


def _root(scope: Scope, known: Acceptances, held: dict[str, Any]) -> Iterator[Finding]:
    """Compare the notes with those that the root names: a signed one vouches for no other."""
    accepted = held.get("accepted", {})
    for name, sha256 in accepted.items():
        actual = sha256_of_small(Path(name))
        if actual != sha256:
            yield Finding(name, "sha256 (in the root)", sha256, str(actual))
    for name in sorted(map(str, known.by_path)):
        if name in accepted:
            continue
        if signature.path_of(scope.study).exists():
            yield Finding(name, "file", "no note that the signed root does not name", "a note")
        else:
            scope.notes.append(
                f"{name}: the study's root does not name it; scaletrace record takes it up"
            )
