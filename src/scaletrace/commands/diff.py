"""Say what moved between two states of a study, and the first cause of each move.

A state is a git revision of this repository, or a folder with a copy of it, such as another clone
in which the study was restored. Compared are the job records, and the values of what is there
beside them or in DVC's cache here: observations, fits, figures, loss curves. Exit codes: 0 nothing
moved, 1 something did.
"""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("then", metavar="A", help="git revision or folder")
    parser.add_argument("now", metavar="B", help="git revision or folder")
    parser.add_argument("--study", help="its name, where the two have several in common")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what moved and why; 1 if anything did."""
    from scaletrace.lineage import diff

    difference = diff.diff(arguments.then, arguments.now, arguments.study)
    print(
        json.dumps(diff.to_json(difference), indent=2, default=str)
        if arguments.json
        else diff.to_text(difference)
    )
    return 1 if difference.moved else 0
