"""Trace a figure, or a series or point of it, back to the raw text."""

import argparse
import json
from pathlib import Path


def _point(text: str) -> dict[str, float]:
    point: dict[str, float] = {}
    for word in text.split(","):
        axis, _, value = word.partition("=")
        if axis not in ("N", "D") or axis in point:
            raise argparse.ArgumentTypeError(f"found {word!r}; give N=NUMBER, D=NUMBER or both")
        try:
            point[axis] = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"found {word!r}; {axis} is a number") from None
    return point


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("figure", type=Path, help="a figure's pdf, svg, png or csv, or a copy")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--series", help="name of a series: what it rests on alone")
    part.add_argument(
        "--point", type=_point, metavar="N=…,D=…", help="a point, to three digits: its runs alone"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the tree of jobs and files behind the figure."""
    from scaletrace.lineage import trace

    traced = trace.trace(arguments.figure, arguments.series, arguments.point)
    print(json.dumps(trace.to_json(traced), indent=2) if arguments.json else trace.to_text(traced))
    return 0
