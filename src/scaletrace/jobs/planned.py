"""The graph of a study file, read as data: nothing of a repository is executed."""

from collections.abc import Callable
from pathlib import Path

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.jobs import fingerprint, ledger
from scaletrace.jobs.command import AskedJob, as_json
from scaletrace.jobs.pace import known_pace
from scaletrace.study.config import load
from scaletrace.study.corpora import raw_files
from scaletrace.study.cost import ASSUMED, Pace
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan
from scaletrace.study.rules import EVALUATE


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
        plan, packages, files = Plan(study), study.corpus.package_versions(), raw_files(study)
    except BadInput as problem:
        lines = str(problem).splitlines()
        raise BadInput("\n".join(f"{path}: {line}" for line in lines)) from None
    return Graph(Estimates(plan, pace(plan), files), packages, _tabled(plan))


def _tabled(plan: Plan) -> tuple[str, ...]:
    """Return the excluded runs that have numbers from before, which tables keep.

    Nothing is trained for them. Their record tells, which git carries, so that a fresh clone is
    asked for the same as the place where they were trained.
    """
    study = plan.study.study
    return tuple(
        run
        for run in plan.study.exclude
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
