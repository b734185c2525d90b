"""Run a study with everything on one screen, and end with its law; `make demo` sets up for it."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "config", type=Path, nargs="?", help="study file (default config/demo.yaml)"
    )
    parser.add_argument("--cores", type=int, default=2, help="cores to use (default 2)")


def run(arguments: argparse.Namespace) -> int:
    """Run the study; 0 where it is done, 1 where snakemake failed."""
    from scaletrace.commands._demo import demo
    from scaletrace.workflow import DEFAULT

    return demo(arguments.config or DEFAULT, arguments.cores)
