"""The workflow's graph as Snakemake sees it, joined with the job records."""

import contextlib
import csv
import dataclasses
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.record import read_record
from scaletrace.jobs import ledger
from scaletrace.jobs.command import AskedJob, parse
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.study.config import load
from scaletrace.study.corpora import levels_above
from scaletrace.study.rules import TIMINGS

# What Snakemake and the rules write beside the results.
WRITTEN = {".snakemake", "work"}


@dataclasses.dataclass(frozen=True)
class Output:
    """One file that the workflow's graph makes."""

    path: str
    rule: str
    status: str
    plan: str


def _snakemake(study_file: Path, *options: str, folder: Path = Path()) -> str:
    # Safe paths: a module of the standard library's name in the folder is not run in its place.
    words = [sys.executable, "-P", "-m", "snakemake", "--configfile", str(study_file), *options]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment)
    if done.returncode:
        raise BadInput(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def _show(entries: Path, folder: Path, but: Collection[str]) -> None:
    """Show in a folder what lies in another, by links."""
    folder.mkdir()
    for entry in entries.iterdir():
        if entry.name not in but:
            (folder / entry.name).symlink_to(entry)


@contextlib.contextmanager
def _view(levels: int) -> Iterator[Path]:
    """Yield a folder that shows the repository, and in which Snakemake may leave what it likes.

    Args:
        levels: how many folders above the repository are shown as well.
    """
    here = Path.cwd()
    above = [here, *here.parents][: levels + 1]
    with tempfile.TemporaryDirectory(prefix="scaletrace-") as scratch:
        folder = Path(scratch, "view")
        for place, below in zip(reversed(above), [*reversed(above[:-1]), None], strict=True):
            _show(place, folder, WRITTEN if below is None else {below.name})
            folder = folder if below is None else folder / below.name
        yield folder


def jobs(study_file: Path) -> dict[Path, AskedJob]:
    """Return every job of a study's graph by its record's path, as it would run now.

    Nothing is written here. Timings are no such job: they are printed from the records.

    Raises:
        BadInput: the study file is unsound, or Snakemake cannot read the workflow.
    """
    with _view(levels_above(load(study_file))) as folder:
        options = ("--dry-run", "--forceall", "--printshellcmds")
        printed = _snakemake(study_file, *options, folder=folder)
        asked = [parse(line, folder) for line in printed.splitlines()]
    return {job.record: job for job in asked if job}


def outputs(study_file: Path) -> list[Output]:
    """Return every output of a study's graph, with Snakemake's verdict on it.

    Raises:
        BadInput: Snakemake cannot read the workflow.
    """
    table = csv.DictReader(io.StringIO(_snakemake(study_file, "--summary")), delimiter="\t")
    return [Output(row["output_file"], row["rule"], row["status"], row["plan"]) for row in table]


def unfinished(outputs: list[Output]) -> list[Output]:
    """Return the outputs that Snakemake would make or make again."""
    return [output for output in outputs if output.plan != "no update"]


def recorded_jobs(study: str, outputs: list[Output]) -> list[RecordedJob]:
    """Return the recorded jobs that made the outputs, sorted by rule and wildcards.

    Timings have no record: they are printed from the records themselves.

    Raises:
        BadInput: an output has no record.
    """
    needed = {output.path: output for output in outputs if output.rule != TIMINGS}
    jobs = []
    for path in ledger.paths(study):
        record = read_record(path)
        made = {output.path for output in record.identity.outputs}
        if made & needed.keys():
            jobs.append(RecordedJob(path, record))
            needed = {name: output for name, output in needed.items() if name not in made}
    if needed:
        raise BadInput(
            f"{min(needed)}: no job record says how it was made; delete it and snakemake makes "
            "it again"
        )
    return jobs
