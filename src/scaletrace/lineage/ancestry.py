"""The job records of a study as a graph: what made a file, from what, and what came of it."""

import dataclasses
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from scaletrace.errors import BadInput
from scaletrace.formats.fields import NAME
from scaletrace.formats.record import Identity, Record, parse_record, record_from_bytes
from scaletrace.jobs import ledger

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedJob:
    """One job record and where it lies."""

    path: Path
    record: Record

    @property
    def identity(self) -> Identity:
        """What decides the job's outcome, and its outputs."""
        return self.record.identity

    @property
    def rule(self) -> str:
        """Name of the rule, which is also its stage's."""
        return self.identity.rule

    @property
    def name(self) -> str:
        """The rule with its wildcards, as people name a job."""
        wildcards = self.identity.wildcards
        if len(wildcards) == 1:
            return " ".join([self.rule, *wildcards.values()])
        return " ".join([self.rule, *(f"{key}={wildcards[key]}" for key in sorted(wildcards))])

    @property
    def packages(self) -> dict[str, str]:
        """Versions of the packages whose text the job read, by name."""
        packages = self.identity.settings.get("packages")
        versions = sorted(packages.items()) if isinstance(packages, dict) else ()
        return {name: str(version) for name, version in versions}

    @property
    def run(self) -> str | None:
        """Name of the run that the job belongs to, if it belongs to one."""
        return self.identity.wildcards.get("run")


class Ancestry:
    """Every readable job record of a study, joined by the paths of the files between them.

    `unreadable` holds one message per file that is no job record. Ids are not checked here.

    Args:
        study: its name.
        contents: the records' bytes by path, where they are not those of the working folder.
    """

    def __init__(self, study: str, contents: dict[Path, bytes] | None = None) -> None:
        if not re.fullmatch(NAME, study):
            raise BadInput(f"study: found {study[:80]!r}; a study's name is like {NAME}")
        self.study = study
        self.jobs: list[RecordedJob] = []
        self.unreadable: dict[Path, str] = {}
        for path in ledger.paths(study) if contents is None else sorted(contents):
            try:
                record = (
                    parse_record(path)
                    if contents is None
                    else record_from_bytes(contents[path], path)
                )
                self.jobs.append(RecordedJob(path, record))
            except BadInput as problem:
                self.unreadable[path] = str(problem)
        self.makers: dict[str, RecordedJob] = {
            output.path: job for job in self.jobs for output in job.identity.outputs
        }

    @cached_property
    def readers(self) -> dict[str, list[RecordedJob]]:
        """The jobs that read each file."""
        readers: dict[str, list[RecordedJob]] = {}
        for job in self.jobs:
            for path in {file.path for file in job.identity.inputs}:
                readers.setdefault(path, []).append(job)
        return readers

    def parents(self, job: RecordedJob) -> list[RecordedJob]:
        """Return the jobs that made a job's inputs, each once."""
        makers = (self.makers.get(file.path) for file in job.identity.inputs)
        return list(dict.fromkeys(maker for maker in makers if maker is not None))

    def children(self, job: RecordedJob) -> list[RecordedJob]:
        """Return the jobs that read a job's outputs, each once."""
        paths = (output.path for output in job.identity.outputs)
        return list(dict.fromkeys(r for path in paths for r in self.readers.get(path, [])))

    def upstream(self, jobs: Iterable[RecordedJob]) -> list[RecordedJob]:
        """Return the jobs and all that they rest on."""
        return reached(jobs, self.parents)

    def downstream(self, paths: Iterable[str]) -> list[RecordedJob]:
        """Return the jobs that rest on any of the files."""
        return reached((r for path in paths for r in self.readers.get(path, [])), self.children)


def reached(start: Iterable[T], step: Callable[[T], Iterable[T]]) -> list[T]:
    """Return all that steps lead to, however many, from where they start on."""
    waiting = list(start)
    passed: dict[T, None] = {}
    while waiting:
        place = waiting.pop()
        if place not in passed:
            passed[place] = None
            waiting.extend(step(place))
    return list(passed)
