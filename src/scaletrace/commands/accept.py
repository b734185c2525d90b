"""Say that edited code gives the same bytes, after some jobs have shown it, so that none rerun.

Any edit of what a stage executes makes its recorded jobs stale, whatever it changes. This computes
a sample of them again with today's code, in scratch folders. Where every output is equal, byte for
byte, it writes down that the two versions are, who says so, why, and on what evidence:
provenance/accepted/STUDY holds it, `scaletrace record` takes it up, trace and audit tell of it.
Where one differs nothing is written, and the jobs have to run again.

Where today's code was accepted before (by a colleague, or before an edit that was taken back)
nothing is computed, and snakemake alone is told of it.
"""

import argparse
import contextlib
import dataclasses
import json
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("stage", metavar="STAGE", help="stage whose code was edited: pretrain, …")
    parser.add_argument("--study", default="demo", help="name of a study")
    parser.add_argument(
        "--because", required=True, metavar="TEXT", help="what changed, and why no byte does"
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=3,
        metavar="K",
        help="jobs to compute again of each earlier version (default 3)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON; progress goes to stderr")


def run(arguments: argparse.Namespace) -> int:
    """Compute the sample, showing each job, and say what was accepted."""
    from scaletrace.jobs.acceptances import path_of, sentence
    from scaletrace.lineage.accept import accept

    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        answer = accept(arguments.study, arguments.stage, arguments.because, arguments.sample)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(answer), indent=2))
        return int(bool(answer.others))
    for other in answer.others:
        print(f"{other.path}: recorded {other.recorded}, found {other.found}")
    if answer.others:
        print(f"{arguments.stage}: NOT accepted; nothing was written")
    for acceptance in answer.accepted:
        print(
            f"{sentence(acceptance)}\n{path_of(acceptance)}: written; scaletrace record takes it up"
        )
    if answer.taken and not answer.accepted:
        print(f"{arguments.stage}: accepted before; snakemake takes {answer.taken} jobs for done")
    return int(bool(answer.others))
