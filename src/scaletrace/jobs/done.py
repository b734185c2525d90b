"""Which jobs of a study are done, judged cheaply: by records and files, without Snakemake."""

from collections.abc import Iterable
from pathlib import Path

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.record import (
    Circumstances,
    Record,
    RecordedInput,
    parse_record,
    require_circumstances,
)
from scaletrace.jobs import fingerprint, ledger
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import as_json
from scaletrace.study.graph import Job
from scaletrace.study.plan import Plan
from scaletrace.study.rules import LARGE


def glance(study: str, rule: str, wildcards: dict[str, str]) -> Record | None:
    """Return a record as it stands, not verified; None without a sound one."""
    path = ledger.path_of(study, rule, wildcards)
    try:
        record = parse_record(path)
        require_circumstances(record, path)
    except BadInput:
        return None
    return record


def _absent_inputs(job: Job) -> set[Path]:
    return {path for paths in job.input_files().values() for path in paths if not path.exists()}


class Done:
    """The jobs whose small outputs are there, made by today's code, settings and inputs.

    Contents are not hashed: `scaletrace audit` and `snakemake -n` look closer.
    """

    def __init__(self, plan: Plan) -> None:
        self.study = plan.study.study
        # Tables hold what there is of excluded runs, for which no job is planned.
        self._excluded = plan.study.exclude.keys()
        self.circumstances: dict[str, Circumstances] = {}
        self._made: dict[str, str] = {}
        self._accepted = Acceptances(self.study)
        self._code: dict[tuple[str, tuple[str, ...]], str] = {}

    def look(self, jobs: Iterable[Job]) -> None:
        """Look at jobs, each after those that it needs."""
        done, lacking = dict[str, Job](), set[Path]()
        for job in jobs:
            record = glance(self.study, job.rule.name, job.wildcards)
            if record is not None and self._holds(job, record):
                self._made.update((output.path, record.id) for output in record.identity.outputs)
                self.circumstances[job.name] = record.circumstances
                done[job.name] = job
            else:
                lacking |= _absent_inputs(job)
        # A large file that is not here is made again where a job needs it that is not done.
        for name, job in reversed(done.items()):
            if not lacking.isdisjoint(job.output_files().values()):
                del self.circumstances[name]
                lacking |= _absent_inputs(job)

    def _holds(self, job: Job, record: Record) -> bool:
        identity = record.identity
        # As the job was handed them: through JSON.
        planned = job.settings()
        settings = as_json(contract.plain(planned))
        key = (job.rule.name, contract.kinds(job.rule.stage, planned))
        if key not in self._code:
            self._code[key] = fingerprint.fingerprint(*key)
        return (
            identity.settings == settings
            and self._accepted.same(key[0], identity.code.fingerprint, self._code[key])
            and all(map(self._current, identity.inputs))
            and all(
                output.path.endswith(LARGE) or Path(output.path).is_file()
                for output in identity.outputs
            )
        )

    def _current(self, file: RecordedInput) -> bool:
        path = Path(file.path)
        if {path.stem, path.parent.name} & self._excluded:
            return True
        return file.record == self._made.get(file.path)
