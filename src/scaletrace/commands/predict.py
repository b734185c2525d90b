"""Predict losses, compute-optimal N and D, or what a target loss needs, from a fit."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from scaletrace.commands import _limits, _schedule
from scaletrace.commands._answers import predict_each
from scaletrace.commands._points import as_csv, lines, read_points, spread
from scaletrace.errors import BadInput
from scaletrace.formats.fit import Answering
from scaletrace.formats.fit_file import read_answering

GIVEN = {
    "flops": "training FLOPs, counted as in the fit",
    "n": "model parameters, counted as in the fit",
    "d": "training tokens",
    "unique": "unique tokens (default: all are)",
    "loss": "target loss, in the fit's unit",
    "perplexity": "target perplexity",
}

# What is asked alone, beside no limit.
ALONE = ("table", "out", "schedule", "steps")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: a budget, a point, or a target."""
    parser.add_argument("fit", type=Path, help="FIT.json as `scaletrace fit --out` writes it")
    for name, what in GIVEN.items():
        parser.add_argument(f"--{name}", type=float, nargs="+", metavar="X", help=what)
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="answer for every row: columns N and D, or C, are found as in `fit` (docs/tables.md)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE.csv", help="write the answers of several points as CSV"
    )
    _limits.add_arguments(parser)
    _schedule.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the prediction. Exit code 1 where a target is unreachable.

    Raises:
        BadInput: the file is no fit, or the law cannot answer this question.
    """
    fit = read_answering(arguments.fit)
    try:
        if _limits.asked(arguments):
            others = [name for name in (*GIVEN, *ALONE) if name != "flops"]
            others = [f"--{name}" for name in others if getattr(arguments, name) is not None]
            answer = _limits.answer(arguments, fit, others)
            _show(answer, arguments.json)
            return 0
        return _answer_points(arguments, fit)
    except BadInput:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What a fit holds is used in many places; a file with the wrong kind of thing in any of
        # them was not written by scaletrace.
        raise BadInput(f"{arguments.fit}: not a fit that scaletrace wrote ({error!r})") from error


def _answer_points(arguments: argparse.Namespace, fit: Answering) -> int:
    given = {n: getattr(arguments, n) for n in GIVEN if getattr(arguments, n) is not None}
    areas = _schedule.areas_of(arguments, fit.data.momentum)
    given |= {name: [value] for name, value in areas.items()}
    if arguments.table and given:
        raise BadInput(f"--table, or {', '.join(f'--{name}' for name in given)}; not both")
    several = arguments.table or any(len(values) > 1 for values in given.values())
    if arguments.out and not several:
        raise BadInput("--out is for answers about several points: give --table, or several values")
    points = read_points(arguments.table, fit) if arguments.table else spread(given)
    answers = predict_each(fit, points.questions, points.names)
    for note in points.notes:
        print(note, file=sys.stderr)
    if arguments.out:
        _write(arguments.out, as_csv(points, answers))
    if arguments.json or not several:
        _show(answers if several else answers[0], arguments.json)
    elif arguments.table and not arguments.out:
        print(as_csv(points, answers), end="")
    elif not arguments.out:
        print("\n".join(lines(points, answers)))
    return 1 if any(answer["reachable"] == "unreachable" for answer in answers) else 0


def _show(answer: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer, indent=2, sort_keys=True, allow_nan=False))
    else:
        _tell(answer)


def _write(path: Path, text: str) -> None:
    from scaletrace.formats.files import write_text

    try:
        write_text(path, text)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from error
    print(f"written: {path}", file=sys.stderr)


def _tell(answer: dict[str, Any]) -> None:
    if {"C", "a"} & answer["predictions"].keys() or "flops" in answer["given"]:
        print(f"C is {answer['flop_convention']}")
    for name, prediction in answer["predictions"].items():
        low, high, estimate = (
            "no limit" if prediction[key] is None else f"{prediction[key]:.5g}"
            for key in ("low", "high", "estimate")
        )
        level = f"{100 * prediction['level']:g} %"
        run = prediction.get("measured_run")
        whose = "  of the law's mean" if run else ""
        print(f"{name:<6} {estimate:<12} [{low}, {high}]  ({level}){whose}")
        if run:
            print(f"{'':<19} [{run['low']:.5g}, {run['high']:.5g}]  ({level})  of a measured run")
    print("".join(f"{line}\n" for line in _limits.lines(answer)), end="")
    for warning in answer["warnings"]:
        print(f"warning: {warning['message']} [{warning['code']}]")
