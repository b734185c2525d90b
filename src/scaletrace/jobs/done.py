"""Which jobs of a study are done, judged cheaply: by records and files, without Snakemake."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.jobs import fingerprint, records
from scaletrace.study.graph import Job
from scaletrace.study.plan import Plan


def glance(study: str, rule: str, wildcards: dict[str, str]) -> dict[str, Any] | None:
    """Return a record as it stands, not verified; None without a sound one."""
    path = records.path_of(study, rule, wildcards)
    try:
        record = records.parse(path)
        records.require_circumstances(record, path)
    except BadInput:
        return None
    return record


class Done:
    """The jobs whose outputs are there, made by today's code with today's settings and inputs.

    Contents are not hashed: `scaletrace audit` and `snakemake -n` look closer.
    """

    def __init__(self, plan: Plan) -> None:
        self.study = plan.study.study
        # Tables hold what there is of excluded runs, for which no job is planned.
        self._excluded = plan.study.exclude.keys()
        self.circumstances: dict[str, dict[str, Any]] = {}
        self._made: dict[str, str] = {}
        self._code: dict[tuple[str, str | None], str] = {}

    def look(self, jobs: Iterable[Job]) -> None:
        """Look at jobs, each after those that it needs."""
        for job in jobs:
            record = glance(self.study, job.rule.name, job.wildcards)
            try:
                if record is None or not self._holds(job, record):
                    continue
                self._made.update((o["path"], record["id"]) for o in record["identity"]["outputs"])
                self.circumstances[job.name] = record["circumstances"]
            except (KeyError, TypeError, AttributeError):
                continue

    def _holds(self, job: Job, record: dict[str, Any]) -> bool:
        identity = record["identity"]
        # As the job was handed them: through JSON.
        settings = json.loads(json.dumps(contract.plain(job.settings())))
        key = (job.rule.name, fingerprint.family(settings))
        if key not in self._code:
            self._code[key] = fingerprint.fingerprint(*key)
        return (
            identity["settings"] == settings
            and identity["code"]["fingerprint"] == self._code[key]
            and all(self._current(entry) for entry in identity["inputs"])
            and all(Path(entry["path"]).is_file() for entry in identity["outputs"])
        )

    def _current(self, entry: dict[str, Any]) -> bool:
        path = Path(entry["path"])
        if {path.stem, path.parent.name} & self._excluded:
            return True
        return entry["record"] == self._made.get(entry["path"])
