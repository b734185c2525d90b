"""Answers to questions about a fit, each with its intervals and warnings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaletrace import kinds
from scaletrace.commands import _metric
from scaletrace.errors import BadInput
from scaletrace.formats.fit import Answering

if TYPE_CHECKING:
    from scaletrace.fitting.allocation import Quantity
    from scaletrace.fitting.law import Law
    from scaletrace.fitting.prediction import Uncertain
    from scaletrace.fitting.token_cost import TokenCost

VARIABLES = {"flops": "c", "unique": "u"}  # of options that are not called like their variable
LISTED = 20  # questions that cannot be answered; the others are counted
FAR = 10.0  # beyond this factor outside the measured range a warning says so


@dataclass(frozen=True)
class Asked:
    """A fit that is asked: its law, and what its predictions rest on, which is costly to rebuild.

    known: None where the fit does not hold its runs.
    """

    fit: Answering
    law: "Law"
    known: "Uncertain | None"
    cost: "TokenCost"

    @staticmethod
    def of(fit: Answering) -> "Asked":
        """Return what answers questions about a fit."""
        from scaletrace.fitting import prediction

        if fit.law not in kinds.names("laws"):
            raise LookupError(fit.law)
        law = kinds.load("laws", fit.law).LAW
        return Asked(fit, law, prediction.known_of(fit, law), cost_of(fit))


def cost_of(fit: Answering) -> "TokenCost":
    """Return what a token costs, as the fit learnt it; 6 N D in a fit that says nothing of it."""
    from scaletrace.fitting.token_cost import SIX_N_D, TokenCost

    return TokenCost(**vars(fit.token_cost)) if fit.token_cost else SIX_N_D


def predict(fit: Answering, given: dict[str, float]) -> dict[str, Any]:
    """Answer one question, with an interval of the law's mean, and of a loss that will be measured.

    given: flops; n and d (and unique); or loss or perplexity, with n or d or neither. None stands
    for infinite.

    Raises:
        BadInput: not one of these questions, or not one that this law can answer.
    """
    return _answer(Asked.of(fit), given)


def predict_each(
    fit: Answering, questions: Sequence[dict[str, float]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Answer several questions, each as `predict` does; names: of each, for messages.

    Raises:
        BadInput: a line for every one that cannot be answered.
    """
    asked, answers, faults = Asked.of(fit), [], []
    for name, given in zip(names, questions, strict=True):
        try:
            answers.append(_answer(asked, given))
        except BadInput as problem:
            faults.append(f"{name}: {problem}" if len(questions) > 1 else str(problem))
    if len(faults) > LISTED:
        faults[LISTED:] = [f"and {len(faults) - LISTED} more"]
    if faults:
        raise BadInput("\n".join(faults))
    return answers


def _answer(asked: Asked, given: dict[str, float]) -> dict[str, Any]:
    law, fit = asked.law, asked.fit
    for name, value in given.items():
        if not (math.isfinite(value) and (value > 0.0 or (name == "s2" and value == 0.0))):
            raise BadInput(f"--{name} {value}: a positive finite number is needed")
    quantities = _quantities(asked, given)
    predictions = estimates(asked, quantities, _point(asked, given))
    reachable = _reachable(law, fit, given, predictions)
    return {
        "law": law.name,
        "given": given,
        "flop_convention": asked.cost.words,
        "predictions": {} if reachable == "unreachable" else _metric.in_metric(fit, predictions),
        "reachable": reachable,
        "warnings": warnings_of(asked, given, predictions, reachable),
    }


def estimates(
    asked: Asked, quantities: Mapping[str, "Quantity"], point: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Return each quantity with the interval of the law's mean; a loss with that of a run too.

    point: where the loss is, unless that is where the N_opt and D_opt before it are.
    """
    import numpy as np

    from scaletrace.fitting import prediction

    fit, known = asked.fit, asked.known
    params = np.array([[fit.params[name] for name in asked.law.names]])
    predictions: dict[str, dict[str, Any]] = {}
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
                place = {v: p["estimate"] for v, p in best.items() if p} or point
                run = prediction.of_a_run(known, estimate, ends, place)
                predictions[name]["measured_run"] = {"low": run[0], "high": run[1]}
    return predictions


def _quantities(asked: Asked, given: dict[str, float]) -> dict[str, Any]:
    """Return the functions of the parameters that answer the question."""
    from scaletrace.fitting import allocation

    law, fit, cost = asked.law, asked.fit, asked.cost
    names, variables = set(given), set(law.variables)
    both = allocation.trades_off(law)
    target = given.get("loss")
    if "perplexity" in given:
        target = _metric.loss_of_perplexity(fit, given["perplexity"])
    if target is not None:
        held = sorted(names - {"loss", "perplexity"})
        if not held and (both or len(variables) == 1):
            return allocation.needed(law, target, cost)
        if both and held in (["n"], ["d"]):
            other = "D" if held == ["n"] else "N"
            value = given[held[0]]
            return {other: allocation.needed_beside(law, target, held[0], value, cost)}
    elif names == {"flops"}:
        if both:
            return allocation.optimal(law, given["flops"], cost)
        if variables == {"c"}:
            return {"loss": allocation.loss_at(law, {"c": given["flops"]})}
    else:
        point = _point(asked, given)
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


def _point(asked: Asked, given: dict[str, float]) -> dict[str, float]:
    """Return the variables of a law that are given, or follow from those."""
    import numpy as np

    law = asked.law
    point = {VARIABLES.get(option, option): value for option, value in given.items()}
    for name, other in law.counted_like.items():
        if other in point:
            point.setdefault(name, point[other])
    if "c" in law.variables and {"n", "d"} <= set(point):
        n, d = np.array(point["n"]), np.array(point["d"])
        point.setdefault("c", float(asked.cost.flops(n, d)))
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


def warnings_of(
    asked: Asked, given: dict[str, float], predictions: dict[str, Any], reachable: str = "yes"
) -> list[dict[str, str]]:
    """Return the code and the message of each warning."""
    warnings = _warnings(asked, given, predictions, reachable)
    return [{"code": code, "message": message} for code, message in warnings]


def _warnings(
    asked: Asked, given: dict[str, float], predictions: dict[str, Any], reachable: str
) -> Iterator[tuple[str, str]]:
    fit, cost = asked.fit, asked.cost
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
    if "n" in point and {"C", "D_opt"} & predictions.keys() and not cost.reaches(point["n"]):
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
