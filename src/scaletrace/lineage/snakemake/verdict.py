"""Snakemake's verdict on each output of a study. It runs the Snakefile of the working folder."""

import csv
import dataclasses
import io
import os
import subprocess
from pathlib import Path

from scaletrace import python_command
from scaletrace.errors import BadInput


@dataclasses.dataclass(frozen=True)
class Output:
    """One file that the workflow's graph makes."""

    path: str
    rule: str
    status: str
    plan: str


def _snakemake(study_file: Path, *options: str) -> str:
    python_command.require("snakemake")
    words = python_command.words("snakemake", "--configfile", str(study_file), *options)
    environment = os.environ | python_command.ENVIRONMENT
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise BadInput(done.stderr.strip() or done.stdout.strip())
    return done.stdout


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
