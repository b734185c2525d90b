"""Train one run or trunk segment again and compare its weights with the record.

On the same processor and libraries the weights must be equal bit for bit; elsewhere the last
loss must be within the tolerance.
"""

import argparse
import contextlib
import json
import sys

# Between seeds of the same run lie up to 0.03 nats; rounding on another processor moves less.
TOLERANCE = 0.03


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", metavar="RUN", help="SIZE-sSEED-BUDGET, or SIZE-sSEED/TOKENS")
    parser.add_argument("--study", default="demo", help="name of a study")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="NATS",
        help=f"of the last loss on another processor or library (default {TOLERANCE})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON; progress goes to stderr")


def run(arguments: argparse.Namespace) -> int:
    """Repeat the training, showing its progress, and say how it compares."""
    import dataclasses

    from scaletrace.lineage.reproduce import reproduce

    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        outcome = reproduce(arguments.name, arguments.study, arguments.tolerance)
    if arguments.json:
        print(json.dumps({**dataclasses.asdict(outcome), "reproduced": outcome.reproduced}))
        return int(not outcome.reproduced)
    for path, pair in outcome.outputs.items():
        same = pair["recorded"] == pair["found"]
        print(f"{path}: {'equal' if same else 'differs'}, sha256 {pair['found']}")
    if outcome.loss:
        print(
            f"last loss: recorded {outcome.loss[0]:.6f}, found {outcome.loss[1]:.6f} nats per "
            f"token; tolerance on another machine {outcome.tolerance}"
        )
    machine = "the same machine type" if outcome.same_machine else "another machine type"
    print(f"{machine}: {outcome.machine}")
    how = "bit for bit" if outcome.identical else "within the tolerance"
    print(
        f"{outcome.job}: reproduced {how}"
        if outcome.reproduced
        else f"{outcome.job}: NOT reproduced"
    )
    return int(not outcome.reproduced)
