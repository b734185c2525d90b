"""One of the two states of a study that are compared."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.formats.record import RecordedFile
from scaletrace.jobs import ledger, meaning
from scaletrace.jobs.sources import Sources
from scaletrace.lineage import code_at, drift
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.lineage.dvc import store
from scaletrace.lineage.snapshot import Snapshot
from scaletrace.study.config import file_of

SMALL = (".csv", ".json")
HARDWARE = ("cpu", "cpu_features", "threads")


class Side:
    """A study in a snapshot: its job records, and what can be read of what they name.

    Raises:
        BadInput: the snapshot has no records of the study.
    """

    def __init__(self, snapshot: Snapshot, study: str) -> None:
        self.snapshot, self.notes = snapshot, []
        names = snapshot.names(f"{ledger.PROVENANCE}/jobs/{study}", ".json")
        held = snapshot.read([name for name in names if name.count("/") == 4])
        self.ancestry = Ancestry(study, {Path(n): c for n, c in held.items() if c is not None})
        if not self.ancestry.jobs:
            known = ", ".join(studies(snapshot)) or "none"
            raise BadInput(f"{snapshot.name}: no job records of study {study}; it has {known}")
        self.jobs = {job.path: job for job in self.ancestry.jobs}
        self.notes += [
            f"{snapshot.name}: {message}" for message in self.ancestry.unreadable.values()
        ]
        digests = {str(job.record.circumstances.environment) for job in self.jobs.values()}
        places = {digest: str(ledger.environment_path(digest)) for digest in digests}
        made = {
            output.path: output.md5
            for job in self.ancestry.jobs
            for output in job.identity.outputs
            if output.path.endswith(SMALL)
        }
        self._config = str(file_of(study))
        self._contents = snapshot.read([*made, *places.values(), self._config])
        # What git holds no revision of, DVC may.
        absent = {path: md5 for path, md5 in made.items() if self._contents[path] is None}
        held = store.cached(set(absent.values())) if absent else {}
        self._contents.update((path, held.get(md5)) for path, md5 in absent.items())
        self._sources: Sources | None = None
        self._parts: dict[tuple[str, str, str], dict[str, str] | None] = {}
        self._environments = {d: self._environment(d, path) for d, path in places.items()}

    def _environment(self, digest: str, path: str) -> dict[str, Any]:
        content = self._contents[path]
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            return {"environment": digest}
        return drift.leaves(from_json(content, path), "environment")

    def config(self) -> dict[str, Any]:
        """Return the study file's values by their dotted names."""
        content = self._contents[self._config]
        if content is None:
            self.notes.append(f"{self.snapshot.name}: {self._config} is not there")
            return {}
        where = f"{self.snapshot.name}: {self._config}"
        values = drift.leaves(store.from_yaml(content, where), "")
        return {name.removeprefix("."): value for name, value in values.items()}

    def content(self, output: RecordedFile | None) -> bytes | None:
        """Return a small output's bytes; None where they are not there or not the recorded ones."""
        if output is None:
            return None
        content, path = self._contents.get(output.path), output.path
        if content is None:
            self.notes.append(
                f"{self.snapshot.name}: {path} is not there: known by its hash only; "
                "dvc fetch --all-commits may bring it"
            )
        elif hashlib.sha256(content).hexdigest() != output.sha256:
            self.notes.append(
                f"{self.snapshot.name}: {path} is not what its record says, and left aside; "
                "scaletrace audit tells more"
            )
            return None
        return content

    def environment(self, job: RecordedJob) -> dict[str, Any]:
        """Return what was installed when a job ran, by dotted names, or its hash alone."""
        return self._environments[str(job.record.circumstances.environment)]

    def hardware(self, job: RecordedJob) -> dict[str, Any]:
        """Return what a job ran on, its GPU if it used one."""
        ran = job.record.circumstances
        names = (*HARDWARE, "gpu") if job.identity.device != "cpu" else HARDWARE
        # Earlier releases did not tell of all.
        return {name: getattr(ran, name) for name in names if name in ran.raw}

    def parts(self, job: RecordedJob, module: str) -> dict[str, str] | None:
        """Return the parts of a module as a job ran it, see `meaning.parts`.

        None where no text of it with the recorded meaning is here.
        """
        digest = job.identity.code.modules.get(module, "")
        key = module, digest, str(job.record.circumstances.git.commit)
        if key not in self._parts:
            reached = job.identity.code.scheme > 1
            self._parts[key] = (
                self._reached_parts(job, *key) if reached else self._found_parts(*key)
            )
        return self._parts[key]

    def _reached_parts(
        self, job: RecordedJob, module: str, digest: str, commit: str
    ) -> dict[str, str] | None:
        """Return the parts of a module that counted for a job, in a state where it was the same."""
        modules = job.identity.code.modules
        for sources in self._states(commit):
            reached = code_at.counted(sources, job.rule, modules) or {}
            if module in reached and reached[module].hash == digest:
                return reached[module].parts
        return None

    def _states(self, commit: str) -> Iterator[Sources]:
        """Yield the sources that a job may have run: of the snapshot, and at a commit."""
        self._sources = self._sources or code_at.of_snapshot(self.snapshot)
        yield self._sources
        if commit.isalnum():
            for repository in dict.fromkeys((self.snapshot.folder, Path())):
                sources = code_at.of_commit(commit, repository)
                if sources is not None:
                    yield sources

    def _found_parts(self, module: str, digest: str, commit: str) -> dict[str, str] | None:
        for content in self.snapshot.module(module, commit):
            try:
                text = content.decode("utf-8")
                if meaning.module_meaning(text) == digest:
                    return meaning.parts(text)
            except code_at.NO_PYTHON:
                continue
        return None


def from_json(content: bytes, where: object) -> Any:
    """Return the data of a JSON file that may be hostile.

    Raises:
        BadInput: it is no JSON, or nested too deep; `where` names it.
    """
    try:
        return untrusted.from_json(content)
    except ValueError as error:
        raise BadInput(f"{where}: no readable JSON ({error})") from None


def studies(snapshot: Snapshot) -> list[str]:
    """Return the studies that a snapshot has job records of."""
    names = snapshot.names(f"{ledger.PROVENANCE}/jobs", ".json")
    return sorted({Path(name).parts[2] for name in names if name.count("/") == 4})
