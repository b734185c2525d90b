"""Whose code judges, and is the workflow that lies here the one that made the results?"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import scaletrace
from scaletrace.formats import untrusted
from scaletrace.jobs import planted
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.snapshot import objects
from scaletrace.study.rules import RULES

# What Snakemake reads here, and an audit never executes.
FILES = ("Snakefile", "rules/*.smk")


def check(scope: Scope) -> Iterator[Finding]:
    """Find what git brings in the place of results or code; note whose code is on both sides."""
    for name in planted.tracked():
        yield Finding(name, "file", "nothing that git tracks", "a file in the place of a result")
    inside = Path(scaletrace.__file__).resolve().is_relative_to(Path.cwd().resolve())
    scope.notes.append(
        "the code that audits lies in the repository that it judges: whoever doubts that code "
        "installs a release elsewhere and audits with it"
        if inside
        else "the code that audits lies outside of the repository that it judges"
    )
    unknown = Counter(job.rule for job in scope.jobs if job.rule not in RULES)
    scope.unverified += [f"{count} jobs of rule {rule}" for rule, count in unknown.items()]
    named = {job.record.circumstances.git.commit or "" for job in scope.jobs}
    commits = list(filter(re.compile("[0-9a-f]{40,64}").fullmatch, named))
    here = sorted({str(path) for pattern in FILES for path in Path().glob(pattern)})
    there = objects([f"{commit}:{name}" for commit in commits for name in here])
    moved = [
        name
        for name in here
        if any(there.get(f"{commit}:{name}") is not None for commit in commits)
        and _bytes(name) not in [there.get(f"{commit}:{name}") for commit in commits]
    ]
    if moved:
        scope.notes.append(
            f"{', '.join(moved)}: not as in the commits that made the results: snakemake here may "
            "do something else"
        )


def _bytes(name: str) -> bytes | None:
    try:
        return untrusted.read_bytes(Path(name))
    except OSError:
        return None
