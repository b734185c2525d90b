"""Options that limit a training in time and size, and the best N and D under all limits at once."""

import argparse
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.commands import _metric
from scaletrace.commands._answers import Asked, estimates, warnings_of
from scaletrace.errors import BadInput
from scaletrace.formats.fit import Answering

if TYPE_CHECKING:
    from scaletrace.fitting.limits import Limits, Pace

# The option of each limit, and what it is counted in.
OPTIONS = {"flops": "--flops", "seconds": "--hours", "n_max": "--n-max"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group(
        "limits", "the best N and D under several limits at once, --flops among them"
    )
    group.add_argument("--hours", type=float, metavar="X", help="wall-clock time of the training")
    group.add_argument(
        "--gpus",
        type=float,
        metavar="X",
        help="how many (default 1); with --timings, multiples of what one training there had",
    )
    group.add_argument(
        "--flops-per-second",
        type=float,
        metavar="X",
        help="sustained by one GPU, utilisation included; FLOPs as the fit counts them",
    )
    group.add_argument(
        "--timings",
        type=Path,
        metavar="timings.csv",
        help="in its place: a study's, the pace of its own trainings, by size",
    )
    group.add_argument("--n-max", type=float, metavar="N", help="most parameters")


def asked(arguments: argparse.Namespace) -> bool:
    """Return whether any of the options is given."""
    names = ("hours", "gpus", "flops_per_second", "timings", "n_max")
    return any(getattr(arguments, name) is not None for name in names)


def answer(arguments: argparse.Namespace, fit: Answering, others: list[str]) -> dict[str, Any]:
    """Return the best N and D under all limits, with what each of them costs.

    others: options that are given beside, which have no part in it.

    Raises:
        BadInput: options or timings that cannot be used, a line each.
    """
    from scaletrace.fitting.allocation import trades_off
    from scaletrace.fitting.limits import best

    asked = Asked.of(fit)
    faults = list(_faults(arguments, others))
    if not trades_off(asked.law):
        faults.append(f"{asked.law.name} does not trade N against D: no limit has a best N and D")
    if faults:
        raise BadInput("\n".join(faults))
    limits = _limits(arguments, asked)
    predictions = estimates(asked, best(asked.law, limits, asked.cost), {})
    n = predictions["N_opt"]["estimate"]
    binding, costs = limits.binding(n), []
    for name, option in OPTIONS.items():
        value = getattr(limits, name)
        if value is None:
            continue
        rest = limits.without(name)
        without = _alone(asked, rest) if rest else None
        shown = value / 3600.0 if name == "seconds" else value
        costs.append(
            {"limit": option, "value": shown, "binds": name in binding, "without": without}
        )
    warnings = warnings_of(asked, {}, predictions)
    if arguments.timings and limits.pace is not None and not _within(limits.pace, n):
        warnings.append(
            {
                "code": "pace_extrapolated",
                "message": f"no training of N = {n:.3g} was timed: the pace is that of the nearest "
                "size",
            }
        )
    return {
        "law": asked.law.name,
        "given": {cost["limit"].removeprefix("--"): cost["value"] for cost in costs},
        "flop_convention": asked.cost.words,
        "predictions": _metric.in_metric(fit, predictions),
        "spent": limits.spent(n),
        "limits": costs,
        "reachable": "yes",
        "warnings": warnings,
    }


def _alone(asked: Asked, limits: "Limits") -> dict[str, float]:
    """Return N_opt, D_opt, the loss there, and what is spent, without intervals."""
    import numpy as np

    from scaletrace.fitting.limits import best

    params = np.array([[asked.fit.params[name] for name in asked.law.names]])
    values = {
        name: {"estimate": float(quantity(params)[0])}
        for name, quantity in best(asked.law, limits, asked.cost).items()
    }
    values = {k: v["estimate"] for k, v in _metric.in_metric(asked.fit, values).items()}
    return values | limits.spent(values["N_opt"])


def _faults(arguments: argparse.Namespace, others: list[str]) -> Iterator[str]:
    """Yield what is wrong with the options."""
    flops, hours = arguments.flops, arguments.hours
    for name in ("hours", "gpus", "flops_per_second", "n_max"):
        value = getattr(arguments, name)
        if value is not None and not 0.0 < value < math.inf:
            yield f"--{name.replace('_', '-')} {value}: a positive finite number is needed"
    for value in flops or []:
        if not 0.0 < value < math.inf:
            yield f"--flops {value}: a positive finite number is needed"
    if flops and len(flops) > 1:
        yield f"--flops {' '.join(f'{value:g}' for value in flops)}: one limit is needed"
    if others:
        yield f"{', '.join(others)}: not beside limits, which ask for the best N and D"
    pace = [
        name
        for name, value in (
            ("--flops-per-second", arguments.flops_per_second),
            ("--timings", arguments.timings),
        )
        if value is not None
    ]
    if len(pace) > 1:
        yield f"{' and '.join(pace)}: one pace is needed"
    if hours is not None and not pace:
        yield "--hours needs a pace: --flops-per-second X, or --timings results/STUDY/timings.csv"
    if hours is None:
        given = [*pace, *(["--gpus"] if arguments.gpus is not None else [])]
        if given:
            yield f"{', '.join(given)}: of --hours; give it"
        elif flops is None:
            yield "--n-max alone bounds no tokens: give --flops or --hours too"


def _limits(arguments: argparse.Namespace, asked: Asked) -> "Limits":
    import numpy as np

    from scaletrace.fitting.limits import Limits, Pace

    flops = arguments.flops[0] if arguments.flops else None
    if arguments.hours is None:
        return Limits(flops, n_max=arguments.n_max)
    if arguments.timings:
        pace = _timed(arguments.timings, asked)
    else:
        pace = Pace(np.zeros(1), np.log([arguments.flops_per_second]))
    gpus = 1.0 if arguments.gpus is None else arguments.gpus
    pace = Pace(pace.log_n, pace.log_rate + np.log(gpus))
    return Limits(flops, 3600.0 * arguments.hours, pace, arguments.n_max)


def _timed(path: Path, asked: Asked) -> "Pace":
    """Return the pace of a study's trainings; N from the table of observations beside it."""
    from scaletrace.fitting.limits import pace_of
    from scaletrace.formats.runs_table import read_runs
    from scaletrace.jobs.timings import read_speeds

    speeds = read_speeds(path)
    table = read_runs(path.with_name("observations.csv"))
    column = asked.fit.data.columns["n"]
    by_size: dict[float, list[float]] = {}
    for run, n in zip(table.names, table.numbers(column), strict=True):
        if run in speeds and 0.0 < n < math.inf:
            by_size.setdefault(n, []).append(speeds[run])
    if not by_size:
        raise BadInput(f"{path}: none of its trainings is a run of {table.path} with a {column}")
    return pace_of(by_size, asked.cost)


def _within(pace: "Pace", n: float) -> bool:
    log_n = math.log(n)
    return bool(pace.log_n[0] - 1e-3 <= log_n <= pace.log_n[-1] + 1e-3)


def lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is spent, and for each limit whether it binds, and the best training without."""
    if "limits" not in answer:
        return
    yield f"spends {_spent(answer['spent'])} (C is {answer['flop_convention']})"
    for limit in answer["limits"]:
        yield f"{limit['limit']} {limit['value']:.4g} " + _words(limit, answer["predictions"])


def _words(limit: Mapping[str, Any], predictions: Mapping[str, Any]) -> str:
    if not limit["binds"]:
        return "does not bind"
    without = limit["without"]
    if without is None:
        return "binds: without it nothing bounds the tokens"
    measured = next(name for name in predictions if name not in ("N_opt", "D_opt"))
    return (
        f"binds: without it {measured} {without[measured]:.5g} instead of "
        f"{predictions[measured]['estimate']:.5g}, with N {without['N_opt']:.3g}, "
        f"D {without['D_opt']:.3g}, {_spent(without)}"
    )


def _spent(spent: Mapping[str, float]) -> str:
    hours = f", {spent['hours']:.4g} hours" if "hours" in spent else ""
    return f"{spent['flops']:.4g} FLOPs{hours}"
