"""Fit the law of the best learning rate to a family's trials.

Every trial has a learning rate, a batch and a second moment (beta2). For each batch and beta2 the
best rate of every size is the minimum of a parabola in log rate; the batch and beta2 whose minima
have the lowest mean loss are chosen, and the law is fitted to their minima.
"""

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from scaletrace.errors import BadInput
from scaletrace.fitting import best_rate
from scaletrace.formats.files import write_json
from scaletrace.formats.rate_law import RateLaw

COLUMNS = (
    *("trial", "family", "size", "seed", "n_non_embedding", "n_tokens", "learning_rate"),
    *("batch_tokens", "beta2", "loss", "loss_se", "status", "used"),
)
LEVEL = 0.95
Trials = Sequence[dict[str, Any]]


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Write the law (see `formats.rate_law`), with the evidence for it, and the table of trials.

    `used` is `yes` for the trials that the chosen parabolas go through.

    Raises:
        BadInput: the candidates of a size do not enclose a minimum.
    """
    del work
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in inputs["trials"]}
    trials = [{**trial, **results[trial["trial"]]} for trial in settings["trials"]]
    batch, beta2 = _chosen(trials)
    parabolas, used = {}, set()
    for size, some in _by_size(_with(trials, batch, beta2)).items():
        try:
            parabolas[size] = _parabola(some)
        except best_rate.NoMinimumError as error:
            raise BadInput(
                f"tuning.rates: size {size}: {error}; give candidates on both sides of the best"
            ) from None
        used |= {t["trial"] for t, inside in zip(some, parabolas[size].used, strict=True) if inside}
    n = {trial["size"]: float(trial["n_non_embedding"]) for trial in trials}
    ns = np.array([n[size] for size in parabolas])
    law = best_rate.law(ns, list(parabolas.values()))
    found = RateLaw(
        family=settings["family"],
        value=float(np.exp(law.centre)),
        at_n=law.at_n,
        n_exponent=law.exponent,
        batch_tokens=batch,
        beta2=beta2,
    )
    evidence = _evidence(law, parabolas, n) | {
        "choices": _choices(trials),
        "n_tokens": max(trial["n_tokens"] for trial in trials),
    }
    write_json(outputs["law"], dataclasses.asdict(found) | evidence)
    with outputs["trials"].open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for trial in trials:
            row = {**trial, "family": settings["family"]}
            row["used"] = "yes" if trial["trial"] in used else "no"
            writer.writerow([row[name] for name in COLUMNS])
    return {"trials": len(trials)}


def _with(trials: Trials, batch: int, beta2: float) -> list[dict[str, Any]]:
    return [t for t in trials if (t["batch_tokens"], t["beta2"]) == (batch, beta2)]


def _by_size(trials: Trials) -> dict[str, list[dict[str, Any]]]:
    sizes = dict.fromkeys(trial["size"] for trial in trials)
    return {size: [trial for trial in trials if trial["size"] == size] for size in sizes}


def _parabola(trials: Trials) -> best_rate.Parabola:
    rates = np.array([trial["learning_rate"] for trial in trials])
    losses = [np.nan if trial["loss"] is None else trial["loss"] for trial in trials]
    return best_rate.parabola(rates, np.array(losses))


def _choices(trials: Trials) -> list[dict[str, Any]]:
    """Return each batch and beta2 with its mean lowest loss over the sizes.

    A size whose candidates enclose no minimum counts with the lowest loss that was measured.
    """
    found = []
    for batch, beta2 in dict.fromkeys((t["batch_tokens"], t["beta2"]) for t in trials):
        lowest = []
        for some in _by_size(_with(trials, batch, beta2)).values():
            try:
                lowest.append(_parabola(some).lowest)
            except best_rate.NoMinimumError:
                lowest.append(min((t["loss"] for t in some if t["loss"] is not None), default=None))
        loss = None if None in lowest else float(np.mean(lowest))
        found.append({"batch_tokens": batch, "beta2": beta2, "loss": loss})
    return found


def _chosen(trials: Trials) -> tuple[int, float]:
    choices = [choice for choice in _choices(trials) if choice["loss"] is not None]
    if not choices:
        raise BadInput("tuning.rates: every trial of a size diverged; give lower rates")
    best = min(choices, key=lambda choice: choice["loss"])
    return best["batch_tokens"], best["beta2"]


def _evidence(
    law: best_rate.BestRate, parabolas: dict[str, best_rate.Parabola], n: dict[str, float]
) -> dict[str, Any]:
    """Return the intervals and what they rest on: noise of a loss, each size's parabola."""
    sigma, interval = best_rate.noise(list(parabolas.values())), None
    errors = float(student.ppf(0.5 + LEVEL / 2, law.dof)) if law.dof else None
    if law.covariance is not None and errors is not None:
        half = errors * float(np.sqrt(law.covariance[1, 1]))
        interval = {"low": law.exponent - half, "high": law.exponent + half}
    sizes = []
    for size, found in parabolas.items():
        half = errors and sigma and errors * sigma * float(np.sqrt(found.leverage))
        sizes.append(
            {
                "size": size,
                "n_non_embedding": n[size],
                "rate": float(np.exp(found.centre)),
                "low": None if half is None else float(np.exp(found.centre - half)),
                "high": None if half is None else float(np.exp(found.centre + half)),
                "loss": found.lowest,
                "curvature": found.curvature,
                "trials_used": int(found.used.sum()),
            }
        )
    return {
        "level": LEVEL,
        # Half an interval, in standard errors: Student's t.
        "standard_errors": errors,
        "n_exponent_interval": interval,
        # Of ln value and n_exponent.
        "covariance": None if law.covariance is None else law.covariance.tolist(),
        "loss_noise": sigma,
        "sizes": sizes,
    }
