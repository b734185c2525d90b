"""What the Snakefile asks of the package: the plan of the study, and the words of a job."""

import contextlib
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.jobs.fingerprint import fingerprint, kinds_of
from scaletrace.jobs.pace import known_pace
from scaletrace.study.config import load
from scaletrace.study.corpora import package_versions, raw_files
from scaletrace.study.estimates import Estimates
from scaletrace.study.plan import Plan

DEFAULT = Path("config/demo.yaml")


def open_plan(path: Path) -> tuple[Plan, dict[str, str], list[str]]:
    """Return the plan of a study file, the packages and the files that its text comes from.

    Raises:
        BadInput: every line of the message names the file, the key and what is allowed.
    """
    study = load(path)
    try:
        return Plan(study), package_versions(study), raw_files(study)
    except BadInput as problem:
        raise BadInput(f"{path}: {problem}") from None


def study_file(configfiles: list[Path], config: dict[str, Any]) -> Path:
    """Return the one study file of an invocation of snakemake.

    Raises:
        BadInput: there are two, or single keys were given on the command line.
    """
    if config:
        raise BadInput(
            f"--config: found {', '.join(config)}; a study is one file, so that its results can "
            "be traced to it: edit a copy and give it with --configfile"
        )
    if len(configfiles) > 1:
        raise BadInput(
            f"--configfile: found {' and '.join(map(str, configfiles))}; snakemake would merge "
            "them: give one"
        )
    if not configfiles:
        return DEFAULT
    path = Path(configfiles[0])
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextlib.contextmanager
def _bad_input_ends() -> Iterator[None]:
    try:
        yield
    except BadInput as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


def open_plan_or_exit(
    configfiles: list[Path], config: dict[str, Any]
) -> tuple[Plan, dict[str, str], list[str]]:
    """Return what `open_plan` does; end with the message alone and exit code 2 if it cannot."""
    with _bad_input_ends():
        return open_plan(study_file(configfiles, config))


def estimates_or_exit(plan: Plan, raw_files: list[str]) -> Estimates:
    """Return what jobs are estimated to take; end as above where the site file is wrong."""
    with _bad_input_ends():
        return Estimates(plan, known_pace(plan), raw_files)


def tell_failures(estimates: Estimates, packages: dict[str, str]) -> None:
    """Print the failed jobs of a study, each with its reason and its log, and what helps then."""
    from scaletrace.jobs.status import Status
    from scaletrace.study.graph import jobs

    plan = estimates.plan
    standings = Status(plan, list(jobs(estimates, packages))).look().values()
    failed = [standing for standing in standings if standing.state == "failed"]
    if failed:
        print("\nfailed:", file=sys.stderr)
    for standing in failed:
        print(f"  {standing.job.name}: {standing.failed[-1].problem}", file=sys.stderr)
        print(f"      {standing.job.log}", file=sys.stderr)
    if any("run" in standing.job.wildcards for standing in failed):
        print(
            "The same command tries again and goes on from what is saved. A run that cannot be "
            "helped goes under `exclude: {RUN: reason}` in the study file; the rest is then "
            "completed without it.",
            file=sys.stderr,
        )


@functools.cache
def stage(name: str, family: str | None = None) -> str:
    """Return a stage as STAGE@FINGERPRINT: a change of its code is a change of this parameter.

    Args:
        name: of the stage.
        family: of the model that the job trains or measures, if it does.
    """
    kinds = kinds_of(name, {"model": {"family": family}})
    return f"{name}@{fingerprint(name, kinds)}"
