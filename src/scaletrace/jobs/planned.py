"""The graph of a study file, read as data: nothing of a repository is executed."""

from collections.abc import Callable
from pathlib import Path

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.record import read_record
from scaletrace.jobs import fingerprint, ledger
from scaletrace.jobs.command import AskedJob, as_json
from scaletrace.jobs.pace import known_pace
from scaletrace.study.config import load
from scaletrace.study.corpora import raw_files
from scaletrace.study.cost import ASSUMED, Pace
from scaletrace.study.estimates import Estimates
from scaletrace.study.fit_rows import require_enough
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan
from scaletrace.study.rules import CORPUS, EVALUATE


def open_graph(path: Path, pace: Callable[[Plan], Pace] = known_pace) -> Graph:
    """Return the jobs of a study file.

    Args:
        path: the file.
        pace: how fast jobs are taken to be.

    Raises:
        BadInput: every line of the message names the file, the key and what is allowed.
    """
    study = load(path)
    try:
        plan, files = Plan(study), raw_files(study)
        packages = study.corpus.package_versions(_recorded_packages(study.study))
    except BadInput as problem:
        raise _of_file(path, problem) from None
    return Graph(Estimates(plan, pace(plan), files), packages, _tabled(plan))


def open_fittable_graph(path: Path, pace: Callable[[Plan], Pace] = known_pace) -> Graph:
    """Return what `open_graph` does, for a study whose runs can carry its fits.

    Raises:
        BadInput: as `open_graph` does, or where a fit must fail whatever the runs will measure.
    """
    graph = open_graph(path, pace)
    try:
        require_enough(graph.plan)
    except BadInput as problem:
        raise _of_file(path, problem) from None
    return graph


def _of_file(path: Path, problem: BadInput) -> BadInput:
    return BadInput("\n".join(f"{path}: {line}" for line in str(problem).splitlines()))


def _recorded_packages(study: str) -> dict[str, str]:
    """Return the versions of the packages from which a study's text was read, where it was.

    So a study can be read where they are not installed.
    """
    try:
        settings = read_record(ledger.path_of(study, CORPUS.name, {})).identity.settings
    except BadInput:
        return {}
    packages = settings.get("packages")
    versions = packages.items() if isinstance(packages, dict) else ()
    return {name: str(version) for name, version in versions}


def _tabled(plan: Plan) -> tuple[str, ...]:
    """Return the excluded and given-up runs that have numbers from before, which tables keep.

    So no reason in the study file takes a measured loss away. Nothing is trained for them. Their
    record tells, which git carries, so that a fresh clone is asked for the same as the place where
    they were trained.
    """
    study = plan.study.study
    return tuple(
        run
        for run in (*plan.study.exclude, *plan.study.failed)
        if ledger.path_of(study, EVALUATE.name, {"run": run}).exists()
    )


def asked_jobs(study_file: Path) -> dict[Path, AskedJob]:
    """Return every job of a study by its record's path, as this installed code would run it.

    Raises:
        BadInput: the study file is unsound, or asks for what this code does not know.
    """
    graph = open_graph(study_file, lambda plan: ASSUMED[plan.study.training.device])
    jobs = {}
    for job in graph.everything():
        name, settings = job.rule.name, job.settings()
        record = ledger.path_of(graph.study, name, job.wildcards)
        jobs[record] = AskedJob(
            rule=name,
            fingerprint=fingerprint.fingerprint(name, contract.kinds(job.rule.stage, settings)),
            wildcards=job.wildcards,
            inputs={name: list(map(str, paths)) for name, paths in job.input_files().items()},
            outputs={name: str(path) for name, path in job.output_files().items()},
            settings=as_json(contract.plain(settings)),
            record=record,
        )
    return jobs
