"""The law of the best learning rate from a family's trials.

Every trial has a learning rate, a batch and a second moment (beta2). For each batch and beta2 the
best rate of every size is the minimum of a parabola in log rate; the batch and beta2 whose minima
have the lowest mean loss are chosen, and the law is fitted to their minima.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

from scaletrace.errors import BadInput
from scaletrace.fitting import best_rate
from scaletrace.formats.rate_law import RateLaw

LEVEL = 0.95
Trials = Sequence[dict[str, Any]]


def tuned(family: str, trials: Trials) -> tuple[RateLaw, dict[str, Any], set[str]]:
    """Return a family's law, the evidence for it, and the trials that the parabolas go through.

    Args:
        family: of models.
        trials: as planned, each with its measured loss.

    Raises:
        BadInput: the candidates of a size do not enclose a minimum.
    """
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
    fitted = best_rate.law(ns, list(parabolas.values()))
    law = RateLaw(
        family=family,
        value=float(np.exp(fitted.centre)),
        at_n=fitted.at_n,
        n_exponent=fitted.exponent,
        batch_tokens=batch,
        beta2=beta2,
    )
    evidence = _evidence(fitted, parabolas, n) | {
        "choices": _choices(trials),
        "n_tokens": max(trial["n_tokens"] for trial in trials),
    }
    return law, evidence, used


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
    choices = []
    for batch, beta2 in dict.fromkeys((t["batch_tokens"], t["beta2"]) for t in trials):
        lowest = []
        for some in _by_size(_with(trials, batch, beta2)).values():
            try:
                lowest.append(_parabola(some).lowest)
            except best_rate.NoMinimumError:
                lowest.append(min((t["loss"] for t in some if t["loss"] is not None), default=None))
        loss = None if None in lowest else float(np.mean(lowest))
        choices.append({"batch_tokens": batch, "beta2": beta2, "loss": loss})
    return choices


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
    for size, parabola in parabolas.items():
        half = errors and sigma and errors * sigma * float(np.sqrt(parabola.leverage))
        sizes.append(
            {
                "size": size,
                "n_non_embedding": n[size],
                "rate": float(np.exp(parabola.centre)),
                "low": None if half is None else float(np.exp(parabola.centre - half)),
                "high": None if half is None else float(np.exp(parabola.centre + half)),
                "loss": parabola.lowest,
                "curvature": parabola.curvature,
                "trials_used": int(parabola.used.sum()),
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
