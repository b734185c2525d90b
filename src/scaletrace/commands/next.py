"""Propose the runs that most shrink an interval for the FLOPs that they take.

What is wanted is a loss (loss@N,D or loss@C), an optimum (N_opt@C, D_opt@C), a parameter, or the
growth `a` of N_opt. The interval that the runs leave is foretold from the fit: its law, how its
draws differ, the noise of its runs, and an error of the law that grows away from them.
"""

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.commands._columns import aligned
from scaletrace.errors import BadInput
from scaletrace.formats.fit_file import read_planning

if TYPE_CHECKING:
    from scaletrace.fitting.proposal import Estimate, Proposal
    from scaletrace.study.config import Study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("fit", type=Path, help="FIT.json as `scaletrace fit --out` writes it")
    parser.add_argument(
        "--spend", type=float, required=True, metavar="C", help="FLOPs, counted as in the fit"
    )
    parser.add_argument(
        "--goal",
        help="loss@N,D, loss@C, N_opt@C, D_opt@C, a parameter, or a "
        "(default: the best loss of 10 times the largest budget)",
    )
    parser.add_argument("--smallest", type=float, metavar="N", help="least parameters (measured)")
    parser.add_argument(
        "--largest", type=float, metavar="N", help="most parameters (4 times the measured)"
    )
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw it (.pdf, .svg, .png)")
    parser.add_argument("--study", type=Path, metavar="FILE.yaml", help="write a study to run")
    parser.add_argument(
        "--like",
        type=Path,
        metavar="STUDY.yaml",
        help="the study that was fitted, which --study adds to (default: that of a fit under "
        "results/, else a plain ladder of decoders)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the runs, and write what was asked for. Exit code 1 where no run would tell enough.

    Raises:
        BadInput: the fit, the goal or a limit cannot be used, or a file cannot be written.
    """
    from scaletrace.fitting.proposal import next_runs

    fit = read_planning(arguments.fit)
    limits = (arguments.smallest, arguments.largest)
    try:
        proposal = next_runs(fit, arguments.spend, arguments.goal, *limits)
    except BadInput:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # As for predictions: a file with another kind of thing in one of many places.
        raise BadInput(f"{arguments.fit}: not a fit that scaletrace wrote ({error!r})") from error
    if arguments.figure:
        from scaletrace.drawing.next_runs import save

        save(proposal, arguments.figure)
    if arguments.study:
        former = _former(arguments.fit, arguments.like)
        _write_study(arguments.study, proposal, fit.law, fit.data.columns.get("n", ""), former)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(proposal), indent=2, sort_keys=True, allow_nan=False))
    else:
        print("\n".join(_lines(proposal)))
        for path in filter(None, (arguments.figure, arguments.study)):
            print(f"written: {path}")
    return 0 if proposal.runs else 1


def _lines(proposal: "Proposal") -> Iterator[str]:
    names = ("N", "D", "FLOPs", "seeds", "of the spend")
    rows: list[list[str]] = [["run", *names]]
    for number, run in enumerate(proposal.runs, start=1):
        n, d = ("" if value is None else f"{value:.3g}" for value in (run.n, run.d))
        share = f"{100 * run.flops * run.seeds / proposal.spend:.1f} %"
        rows.append([str(number), n, d, f"{run.flops:.3g}", str(run.seeds), share])
    if proposal.runs:
        yield from aligned(rows)
    else:
        yield "no run within these limits would shrink the interval by as much as half a per cent"
    yield f"{proposal.flops:.3g} of {proposal.spend:.3g} FLOPs ({proposal.convention})"
    yield f"{proposal.goal}: now {_text(proposal.before)}"
    yield f"{' ' * len(proposal.goal)}  then {_text(proposal.after)}, as far as the fit can say"


def _text(estimate: "Estimate") -> str:
    ends = f"[{estimate.low:.5g}, {estimate.high:.5g}]"
    return f"{estimate.estimate:.5g} {ends} ({100 * estimate.level:g} %)"


def _former(fit: Path, like: Path | None) -> "Study | None":
    """Return the study that a fit belongs to, by its name or by its place under results/."""
    from scaletrace.study.config import file_of, load

    if like is not None:
        return load(like)
    folders = fit.absolute().parts
    if len(folders) > 4 and folders[-2] == "fits" and folders[-4] == "results":
        path = Path(*folders[:-4]) / file_of(folders[-3])
        return load(path) if path.exists() else None
    return None


def _write_study(
    path: Path, proposal: "Proposal", law: str, n_column: str, former: "Study | None"
) -> None:
    from scaletrace.formats.files import write_text
    from scaletrace.study.proposed import Wanted, proposed_study

    if path.suffix not in (".yaml", ".yml"):
        raise BadInput(f"{path}: --study ends in .yaml")
    wanted = [
        Wanted(run.n, run.d, run.seeds)
        for run in proposal.runs
        if run.n is not None and run.d is not None
    ]
    if not wanted:
        raise BadInput("--study: the proposed runs have no N and D; fit a law of N and D")
    problem: BadInput | None = None
    for fits in [*([None] if former else []), *_fits(law)]:
        text = proposed_study(path.stem, wanted, n_column, former, fits)
        problem = _problem(path.name, text)
        if problem is None:
            return write_text(path, text)
    said = str(problem)
    if former is None:
        said += "\n--study: runs of their own fit nothing: name the study that was fitted by --like"
    raise BadInput(said)


def _fits(law: str) -> list[list[Any]]:
    """Return fits of which the first that the runs can carry is made."""
    return [
        [law],
        [{"law": law, "unit": "observation"}],
        [{"law": "power_c", "unit": "observation"}],
    ]


def _problem(name: str, text: str) -> BadInput | None:
    """Say why a study cannot be planned or cannot carry its fits."""
    from scaletrace.jobs.planned import open_fittable_graph

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        try:
            open_fittable_graph(path)
        except BadInput as problem:
            return BadInput(str(problem).replace(f"{folder}/", ""))
    return None
