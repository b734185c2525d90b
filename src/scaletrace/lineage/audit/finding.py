"""What an audit looks at, and what it finds."""

import dataclasses
from collections import Counter
from pathlib import Path

from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.study.keep import Keep

MOST_NAMED = 500


@dataclasses.dataclass(frozen=True)
class Finding:
    """One mismatch: which field of which file, what it should be, and what it is.

    `affects` names the jobs whose results rest on it.
    """

    file: str
    field: str
    expected: str
    found: str
    affects: tuple[str, ...] = ()


@dataclasses.dataclass
class Scope:
    """What is audited: jobs of a study; `large` files are read, or left to another audit.

    keep: what of them has to be here. notes, unverified: what checks say besides findings.
    left: records of jobs that neither the study file asks for nor the root names, as of a run that
    was dropped.
    """

    study: str
    ancestry: Ancestry
    jobs: list[RecordedJob]
    whole: bool
    large: bool
    keep: Keep
    notes: list[str] = dataclasses.field(default_factory=list)
    unverified: list[str] = dataclasses.field(default_factory=list)
    asked: int = 0
    left: frozenset[Path] = frozenset()

    def affected(self, file: str) -> tuple[str, ...]:
        """Return the names of the jobs that rest on an artifact or a job record.

        None are named any more after so many findings: each takes a walk through all jobs.
        """
        self.asked += 1
        if self.asked > MOST_NAMED:
            return ()
        if file in self.ancestry.readers:
            start = [file]
        else:
            jobs = [job for job in self.ancestry.jobs if str(job.path) == file]
            start = [output.path for job in jobs for output in job.identity.outputs]
        return tuple(sorted(job.name for job in self.ancestry.downstream(start)))

    def finding(self, file: str, field: str, expected: object, actual: object) -> Finding:
        """Return a finding with what rests on its file."""
        return Finding(file, field, str(expected), str(actual), self.affected(file))


def in_words(value: object) -> str:
    """Return the beginning of a value of somebody's file, which may be a number without end."""
    try:
        return str(value)[:80]
    except ValueError:
        return "a number of thousands of digits"


def in_few_words(names: tuple[str, ...]) -> str:
    """Return the names of jobs in a few words: each where they are few, else how many by rule."""
    if len(names) <= 4:
        return ", ".join(names)
    rules = Counter(name.partition(" ")[0] for name in names)
    return ", ".join(f"{count} {rule}" for rule, count in rules.items())
