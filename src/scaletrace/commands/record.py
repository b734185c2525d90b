"""Hand a finished study to DVC and git."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--study", default="demo", help="name of a study: config/NAME.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Record the study and say what comes next."""
    from scaletrace.lineage.record import record

    jobs = record(Path("config") / f"{arguments.study}.yaml")
    print(f"{arguments.study}: {jobs} jobs recorded in dvc.yaml, dvc.lock and provenance/")
    print("next: git commit, dvc push")
    return 0
