"""Say whether study files and the text that they name are sound, or what is wrong where."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", type=Path, nargs="+", help="study files")


def run(arguments: argparse.Namespace) -> int:
    """Print one line per sound study; the first unsound one ends the command.

    Raises:
        BadInput: a study is unsound or cannot carry its fits, or its text cannot be read.
    """
    from scaletrace.jobs.planned import open_fittable_graph

    for path in arguments.config:
        graph = open_fittable_graph(path)
        plan, raw = graph.plan, graph.estimates.raw_files
        text = f"{len(raw)} files" if raw else plan.study.corpus.source
        text += plan.study.corpus.examine(raw)
        print(
            f"{path}: study {plan.study.study} is sound: {len(plan.sizes)} sizes, "
            f"{len(plan.runs)} runs, text from {text}"
        )
    return 0
