"""Predict losses, compute-optimal N and D, or what a target loss needs, from a fit."""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace import kinds
from scaletrace.commands import _metric, _schedule
from scaletrace.errors import BadInput
from scaletrace.formats.fit import Answering, read_answering

if TYPE_CHECKING:
    from scaletrace.fitting.allocation import Quantity
    from scaletrace.fitting.law import Law
    from scaletrace.fitting.prediction import Uncertain
    from scaletrace.fitting.token_cost import TokenCost

GIVEN = {
    "flops": "training FLOPs, counted as in the fit",
    "n": "model parameters, counted as in the fit",
    "d": "training tokens",
    "unique": "unique tokens (default: all are)",
    "loss": "target loss, in the fit's unit",
    "perplexity": "target perplexity",
}
VARIABLES = {"flops": "c", "unique": "u"}  # of options that are not called like their variable
FAR = 10.0  # beyond this factor outside the measured range a warning says so


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: a budget, a point, or a target."""
    parser.add_argument("fit", type=Path, help="FIT.json as `scaletrace fit --out` writes it")
    for name, what in GIVEN.items():
        parser.add_argument(f"--{name}", type=float, metavar="X", help=what)
    _schedule.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the prediction. Exit code 1 where a target is unreachable.

    Raises:
        BadInput: the file is no fit, or the law cannot answer this question.
    """
    fit = read_answering(arguments.fit)
    given = {
        name: getattr(arguments, name) for name in GIVEN if getattr(arguments, name) is not None
    } | _schedule.areas_of(arguments, fit.data.momentum)
    try:
        answer = predict(fit, given)
    except BadInput:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What a fit holds is used in many places; a file with the wrong kind of thing in any of
        # them was not written by scaletrace.
        raise BadInput(f"{arguments.fit}: not a fit that scaletrace wrote ({error!r})") from error
    if arguments.json:
        print(json.dumps(answer, indent=2, sort_keys=True, allow_nan=False))
    else:
        _tell(answer)
    return 1 if answer["reachable"] == "unreachable" else 0


def predict(fit: Answering, given: dict[str, float]) -> dict[str, Any]:
    """Answer one question, with an interval of the law's mean, and of a loss that will be measured.

    given: flops; n and d (and unique); or loss or perplexity, with n or d or neither. None stands
    for infinite.

    Raises:
        BadInput: not one of these questions, or not one that this law can answer.
    """
    import numpy as np

    from scaletrace.fitting import prediction

    if fit.law not in kinds.names("laws"):
        raise LookupError(fit.law)
    law = kinds.load("laws", fit.law).LAW
    for name, value in given.items():
        if not (math.isfinite(value) and (value > 0.0 or (name == "s2" and value == 0.0))):
            raise BadInput(f"--{name} {value}: a positive finite number is needed")
    quantities = _quantities(law, fit, given)
    params = np.array([[fit.params[name] for name in law.names]])
    known = prediction.known_of(fit, law)
    predictions: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for name, quantity in quantities.items():
            estimate = float(quantity(params)[0])
            ends = _ends_of_mean(fit, known, quantity)
            predictions[name] = {
                **{"estimate": _finite(estimate), "low": _finite(ends[0])},
                **{"high": _finite(ends[1]), "level": fit.settings.level},
            }
            if name == "loss" and known:
                best = {v: predictions.get(f"{v.upper()}_opt") for v in ("n", "d")}
                point = {v: p["estimate"] for v, p in best.items() if p} or _point(law, fit, given)
                run = prediction.of_a_run(known, estimate, ends, point)
                predictions[name]["measured_run"] = {"low": run[0], "high": run[1]}
    reachable = _reachable(law, fit, given, predictions)
    warnings = _warnings(fit, given, predictions, reachable)
    return {
        "law": law.name,
        "given": given,
        "flop_convention": _cost(fit).words,
        "predictions": {} if reachable == "unreachable" else _metric.in_metric(fit, predictions),
        "reachable": reachable,
        "warnings": [{"code": code, "message": message} for code, message in warnings],
    }


def _quantities(law: Any, fit: Answering, given: dict[str, float]) -> dict[str, Any]:
    """Return the functions of the parameters that answer the question."""
    from scaletrace.fitting import allocation

    asked, variables = set(given), set(law.variables)
    both, cost = allocation.trades_off(law), _cost(fit)
    target = given.get("loss")
    if "perplexity" in given:
        target = _metric.loss_of_perplexity(fit, given["perplexity"])
    if target is not None:
        held = sorted(asked - {"loss", "perplexity"})
        if not held and (both or len(variables) == 1):
            return allocation.needed(law, target, cost)
        if both and held in (["n"], ["d"]):
            other = "D" if held == ["n"] else "N"
            value = given[held[0]]
            return {other: allocation.needed_beside(law, target, held[0], value, cost)}
    elif asked == {"flops"}:
        if both:
            return allocation.optimal(law, given["flops"], cost)
        if variables == {"c"}:
            return {"loss": allocation.loss_at(law, {"c": given["flops"]})}
    else:
        point = _point(law, fit, given)
        if variables == set(point):
            return {"loss": allocation.loss_at(law, point)}
    options = ["--loss L", "--perplexity P"] if both or len(variables) == 1 else []
    if both:
        options += ["--flops C", "--n N --d D"]
    else:
        words = {"n": "--n N", "d": "--d D", "c": "--flops C", "u": "--unique U"}
        words |= {"s1": "--schedule FILE", "s2": "or --steps S --learning-rate R --cooldown K"}
        options.append(" ".join(words[name] for name in law.variables))
    raise BadInput(
        f"{law.name} cannot answer {' '.join(f'--{name}' for name in given) or 'nothing'}; "
        f"ask with one of {', '.join(options)}"
    )


def _point(law: "Law", fit: Answering, given: dict[str, float]) -> dict[str, float]:
    """Return the variables of a law that are given, or follow from those."""
    import numpy as np

    point = {VARIABLES.get(option, option): value for option, value in given.items()}
    for name, other in law.counted_like.items():
        if other in point:
            point.setdefault(name, point[other])
    if "c" in law.variables and {"n", "d"} <= set(point):
        n, d = np.array(point["n"]), np.array(point["d"])
        point.setdefault("c", float(_cost(fit).flops(n, d)))
        if set(law.variables) == {"c"}:
            return {"c": point["c"]}
    return point


def _ends_of_mean(
    fit: Answering, known: "Uncertain | None", quantity: "Quantity"
) -> tuple[float, ...]:
    """Return the interval of the law's mean; of a fit without its runs by its resamples alone."""
    import numpy as np

    from scaletrace.fitting import prediction

    if known is not None:
        return prediction.of_mean(known, quantity)
    return prediction.percentiles(quantity(np.array(fit.draws.values)), fit.settings.level)


def _cost(fit: Answering) -> "TokenCost":
    """Return what a token costs, as the fit learnt it; 6 N D in a fit that says nothing of it."""
    from scaletrace.fitting.token_cost import SIX_N_D, TokenCost

    return TokenCost(**vars(fit.token_cost)) if fit.token_cost else SIX_N_D


def _reachable(
    law: Any, fit: Answering, given: dict[str, float], predictions: dict[str, Any]
) -> str:
    """Return yes, uncertain, or unreachable: below E's interval, or with what is held never."""
    if not {"loss", "perplexity"} & set(given):
        return "yes"
    target = given["loss"] if "loss" in given else math.log(given["perplexity"])
    interval = fit.intervals.get(law.level)
    lowest = fit.params.get(law.level, 0.0) if interval is None else interval.low or 0.0
    if target < lowest:
        return "unreachable"
    if all(prediction["low"] is None for prediction in predictions.values()):
        return "unreachable"
    infinite = any(p["high"] is None or p["estimate"] is None for p in predictions.values())
    return "uncertain" if infinite else "yes"


def _warnings(
    fit: Answering, given: dict[str, float], predictions: dict[str, Any], reachable: str
) -> Iterator[tuple[str, str]]:
    """Yield the code and the message of each warning."""
    if reachable == "unreachable":
        yield (
            "unreachable",
            "unreachable: the target lies below the interval of the loss that remains at any "
            "scale, or at the N or D that is held; choose a higher target",
        )
        return
    if reachable == "uncertain":
        yield (
            "perhaps_unreachable",
            "the target lies within the interval of the loss that remains at any scale, or at the "
            "N or D that is held: it may be unreachable, and what it needs has no upper end",
        )
    point = {k: v for k, v in given.items() if k in ("n", "d")}
    for key, prediction in predictions.items():
        name = key[0].lower()
        if name in ("n", "d") and prediction["estimate"]:
            point[name] = prediction["estimate"]
    for name, value in point.items():
        measured = getattr(fit.diagnostics.design, name)
        if measured is None:
            continue
        factor = max(value / measured.largest, measured.smallest / value)
        if factor > FAR:
            yield (
                "extrapolation",
                f"{name.upper()} = {value:.3g} lies a factor of {factor:.3g} outside the measured "
                "range: the interval holds only if the law does",
            )
    cost = _cost(fit)
    if "n" in point and {"C", "a"} & predictions.keys() and not cost.reaches(point["n"]):
        yield (
            "token_cost_extrapolated",
            f"what a token costs at N = {point['n']:.3g} is extrapolated from the sizes of the fit "
            f"({cost.n_low:.3g} to {cost.n_high:.3g}): tending to a multiple of N above them",
        )
    weak = [name for name, interval in fit.intervals.items() if interval.weak]
    if weak:
        yield (
            "weakly_identified",
            f"{', '.join(sorted(weak))} weakly identified in this fit: intervals are the wider of "
            "resamples and profile likelihood"
            if fit.runs
            else f"{', '.join(sorted(weak))} weakly identified in this fit: intervals of "
            "predictions outside the measured range are too narrow",
        )
    if fit.runs is None:
        yield (
            "no_runs",
            "the fit was written without its runs: the interval is of the law's mean alone; fit "
            "again for that of a run that will be measured",
        )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


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
    for warning in answer["warnings"]:
        print(f"warning: {warning['message']} [{warning['code']}]")
