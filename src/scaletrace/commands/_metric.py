"""Answers in the metric of the fitted column: a perplexity, an accuracy, the best N or D."""

import math
from collections.abc import Callable
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.fitting.column_names import metric_in
from scaletrace.formats.fit import Answering

Prediction = dict[str, Any]
ENDS = ("low", "estimate", "high")


def loss_of_perplexity(fit: Answering, perplexity: float) -> float:
    """Return the loss in nats per token of a perplexity.

    Raises:
        BadInput: the fit is not known to be in nats per token, or the perplexity is 1 or less.
    """
    column = fit.data.columns.get("loss", "loss")
    metric = fit.metric.name if fit.metric else metric_in(column)
    if metric == "perplexity" and fit.metric is None:
        metric = "other"  # earlier releases fitted the perplexity itself
    if fit.describes != "loss" or metric not in ("nats", "perplexity"):
        raise BadInput(
            f"--perplexity needs a fit to a loss in nats per token, and {column} is none: ask with "
            "--loss, or fit with --metric nats"
        )
    if perplexity <= 1.0:
        raise BadInput(f"--perplexity {perplexity}: a number above 1 is needed")
    return math.log(perplexity)


def in_metric(fit: Answering, predictions: dict[str, Prediction]) -> dict[str, Prediction]:
    """Return predictions with that of the fitted number as what it means, by its name."""
    metric = fit.metric.name if fit.metric else "nats"
    if "loss" not in predictions:
        return predictions
    others = {name: each for name, each in predictions.items() if name != "loss"}
    loss = predictions["loss"]
    if fit.describes != "loss":
        return {fit.describes[0].upper() + fit.describes[1:]: loss, **others}
    if metric == "perplexity":
        return {"perplexity": _each(loss, _exp), **others}
    if metric == "accuracy":
        return {"accuracy": _turned(_each(loss, _rest)), **others}
    return predictions


def _each(prediction: Prediction, change: Callable[[float | None], float | None]) -> Prediction:
    """Return a prediction whose numbers, and those of a measured run, are changed."""
    changed = prediction | {key: change(prediction[key]) for key in ENDS if key in prediction}
    if "measured_run" in prediction:
        changed["measured_run"] = _each(prediction["measured_run"], change)
    return changed


def _turned(prediction: Prediction) -> Prediction:
    """Return a prediction whose low and high ends have changed places."""
    turned = prediction | {"low": prediction["high"], "high": prediction["low"]}
    if "measured_run" in prediction:
        turned["measured_run"] = _turned(prediction["measured_run"])
    return turned


def _exp(value: float | None) -> float | None:
    return None if value is None or value > 700.0 else math.exp(value)


def _rest(value: float | None) -> float | None:
    return None if value is None else 1.0 - value
