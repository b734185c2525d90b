"""Do tables, fits and figures follow from what they were made from? They are made once more.

This is what seconds can show: a fit whose numbers were changed, with every hash and every figure
after it, is no longer what its table gives.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage.agreement import MOST_NAMED, apart
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.machine import on_same_machine
from scaletrace.lineage.repeat import repeated, verified
from scaletrace.study.rules import RULES

# Of what cannot be compared but by its bytes.
PICTURES = (".pdf", ".svg", ".png")


def check(scope: Scope, asked: dict[Path, AskedJob]) -> Iterator[Finding]:
    """Make every analysis job's outputs again from its recorded inputs, and compare.

    Bytes are compared where code, libraries and processor are the recorded ones; otherwise
    numbers, within a tolerance. What was made by code that is not here is left, and noted, as is a
    job whose settings or inputs are not as recorded, for which there are findings already.
    """
    known, again, other, unseen = Acceptances(scope.study), Counter[str](), set(), set()
    for job in scope.jobs:
        rule, wanted = RULES.get(job.rule), asked.get(job.path)
        if rule is None or rule.kind != "analysis" or wanted is None:
            continue
        identity = job.identity
        if not known.same(job.rule, identity.code.fingerprint, wanted.fingerprint):
            other.add(job.name)
            continue
        if identity.settings != wanted.settings:
            continue
        try:
            for file in identity.inputs:
                verified(job.path, file)
        except BadInput:
            continue
        same, _ = on_same_machine(job.record)
        try:
            with repeated(job.path, job.record) as made:
                again[rule.title] += 1
                for output in identity.outputs:
                    now = made[output.name]
                    if same or now.suffix not in PICTURES:
                        yield from _compare(scope, output.path, output.sha256, now, same)
                    else:
                        unseen.add(output.path)
        except BadInput as problem:
            what = "outputs from the recorded inputs"
            yield scope.finding(str(job.path), "made again", what, str(problem))
    if again:
        count = ", ".join(f"{number} of {title}" for title, number in again.items())
        scope.notes.append(f"made again from what they rest on: {count}")
    for names, why in (
        (other, "jobs were made by code that is not here, and are not made again"),
        (unseen, "pictures are not drawn again here: their libraries or processor are others"),
    ):
        if names:
            scope.notes.append(f"{len(names)} {why} ({min(names)})")


def _compare(scope: Scope, path: str, recorded: str, now: Path, exactly: bool) -> Iterator[Finding]:
    """Compare an output with what its job gives now; name the first values that differ."""
    sha256 = str(files.hashes(now)["sha256"])
    if sha256 == recorded:
        return
    differing = apart(Path(path), now, exactly)
    for name, (there, here) in itertools.islice(differing.items(), MOST_NAMED):
        yield scope.finding(path, f"made again: {name}", here, there)
    if not differing and exactly:
        yield scope.finding(path, "made again", sha256, recorded)
