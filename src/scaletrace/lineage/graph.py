"""The workflow's graph as Snakemake sees it, joined with the job records."""

import csv
import dataclasses
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.lineage import records
from scaletrace.lineage.command import Job, parse


@dataclasses.dataclass(frozen=True)
class Output:
    """One file that the workflow's graph makes."""

    path: str
    rule: str
    status: str
    plan: str


def _snakemake(study_file: Path, *options: str) -> str:
    words = [sys.executable, "-m", "snakemake", "--configfile", str(study_file), *options]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise BadInput(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def jobs(study_file: Path) -> dict[Path, Job]:
    """Return every job of a study's graph by its record's path, as it would run now.

    Timings are no such job: they are printed from the records.

    Raises:
        BadInput: Snakemake cannot read the workflow.
    """
    said = _snakemake(study_file, "--dry-run", "--forceall", "--printshellcmds")
    found = (parse(line) for line in said.splitlines())
    return {job.record: job for job in found if job}


def outputs(study_file: Path) -> list[Output]:
    """Return every output of a study's graph, with Snakemake's verdict on it.

    Raises:
        BadInput: Snakemake cannot read the workflow.
    """
    table = csv.DictReader(io.StringIO(_snakemake(study_file, "--summary")), delimiter="\t")
    return [Output(row["output_file"], row["rule"], row["status"], row["plan"]) for row in table]


def unfinished(found: list[Output]) -> list[Output]:
    """Return the outputs that Snakemake would make or make again."""
    return [output for output in found if output.plan != "no update"]


def recorded_jobs(study: str, found: list[Output]) -> list[dict[str, Any]]:
    """Return the records of the jobs that made the outputs, sorted by rule and wildcards.

    Timings have no record: they are printed from the records themselves.

    Raises:
        BadInput: an output has no record.
    """
    needed = {output.path: output for output in found if output.rule != "timings"}
    jobs = []
    for path in sorted((records.PROVENANCE / "jobs" / study).glob("*/*.json")):
        record = records.read(path)
        made = {entry["path"] for entry in record["identity"]["outputs"]}
        if made & needed.keys():
            jobs.append({**record, "path": str(path)})
            needed = {name: output for name, output in needed.items() if name not in made}
    if needed:
        raise BadInput(
            f"{min(needed)}: no job record says how it was made; delete it and snakemake makes "
            "it again"
        )
    return jobs
