"""The law of the best learning rate from a family's trials.

Every trial has a place, its size and budget, a learning rate, and a batch, a second moment (beta2)
and a weight decay. For each combination of the last three the best rate of every place is the
minimum of a parabola in log rate; the combination whose minima have the lowest mean loss is chosen,
and the law is fitted to its minima. A place whose best rate lies at an edge of those tried is left
out, and is told with the trial that would enclose its minimum.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.stats import t as student

from scaletrace.errors import BadInput
from scaletrace.fitting import best_rate
from scaletrace.formats.rate_law import RateLaw

LEVEL = 0.95
CHOSEN = ("batch_tokens", "beta2", "weight_decay")
Trial: TypeAlias = dict[str, Any]
Trials: TypeAlias = Sequence[Trial]


@dataclass(frozen=True)
class Candidate:
    """One combination of what is chosen, with its trials by place.

    values: of `CHOSEN`, None where places differ in it. losses: the lowest of each place, by its
    parabola or as it was measured; None where all diverged.
    """

    values: dict[str, Any]
    places: list[Trials]
    parabolas: list[best_rate.Parabola | best_rate.NoMinimumError]
    losses: list[float | None]

    @property
    def loss(self) -> float | None:
        """Mean lowest loss over the places."""
        lost, mean = self.rank
        return None if lost else mean

    @property
    def rank(self) -> tuple[int, float]:
        """The better the lower: places that were lost, then the mean loss of the others."""
        known = [loss for loss in self.losses if loss is not None]
        return len(self.losses) - len(known), float(np.mean(known)) if known else math.inf


def tuned(family: str, trials: Trials) -> tuple[RateLaw, dict[str, Any], set[str]]:
    """Return a family's law, the evidence for it, and the trials that the parabolas go through.

    The law is one of N, and of D as well where there are several budgets.

    Args:
        family: of models.
        trials: as planned, each with its measured loss.

    Raises:
        BadInput: too few places have candidates that enclose a minimum.
    """
    candidates = list(_candidates(trials))
    chosen = min(candidates, key=lambda candidate: candidate.rank)
    variables = ["n_non_embedding"]
    variables += ["n_tokens"] * (len({trial["budget"] for trial in trials}) > 1)
    minima: list[tuple[Trial, best_rate.Parabola]] = []
    edges: list[tuple[dict[str, Any], best_rate.NoMinimumError]] = []
    used = set()
    for some, found in zip(chosen.places, chosen.parabolas, strict=True):
        if isinstance(found, best_rate.NoMinimumError):
            edges.append((_edge(some, found), found))
            continue
        minima.append((some[0], found))
        used |= {t["trial"] for t, inside in zip(some, found.used, strict=True) if inside}
    edges.sort(key=lambda pair: pair[0]["flops_exact"])
    places = np.array([[float(first[name]) for name in variables] for first, _ in minima])
    if not best_rate.determined(places):
        raise BadInput(_too_few(len(chosen.places), len(variables), edges))
    fitted = best_rate.law(places, [parabola for _, parabola in minima])
    law = RateLaw(
        family=family,
        value=float(np.exp(fitted.centre)),
        at_n=float(fitted.at[0]),
        n_exponent=float(fitted.exponents[0]),
        at_d=float(fitted.at[1]) if len(variables) > 1 else None,
        d_exponent=float(fitted.exponents[1]) if len(variables) > 1 else None,
        **chosen.values,
    )
    evidence = _evidence(fitted, minima) | {
        "choices": [candidate.values | {"loss": candidate.loss} for candidate in candidates],
        "n_tokens": max(trial["n_tokens"] for trial in trials),
        "next": [edge for edge, _ in edges],
    }
    return law, evidence, used


def edge_text(edge: dict[str, Any]) -> str:
    """Say of a place whose best rate lies at an edge which rate to try next, at what cost."""
    return (
        f"{_place(edge)}: the best rate is the {edge['edge']} tried, {edge['tried']:g}{_try(edge)}"
    )


def _place(edge: dict[str, Any]) -> str:
    return f"size {edge['size']} at {edge['n_tokens']} tokens"


def _try(edge: dict[str, Any]) -> str:
    return f"; try {edge['rate']:.3g}, {edge['flops_exact']:.3g} FLOPs"


def _too_few(
    places: int, variables: int, edges: list[tuple[dict[str, Any], best_rate.NoMinimumError]]
) -> str:
    needed = "two sizes" if variables == 1 else "three sizes and budgets, two of each,"
    lines = [
        f"tuning.rates: {places - len(edges)} of {places} sizes and budgets have their best rate "
        f"between others that were tried; a law needs {needed} that do; give candidates on both "
        "sides of the best",
        *(f"{_place(edge)}: {error}{_try(edge)}" for edge, error in edges),
    ]
    return "\n".join(lines)


def _groups(trials: Trials, names: Iterable[str]) -> list[Trials]:
    """Return trials in groups that have the same of what is named, in order."""
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault(tuple(trial[name] for name in names), []).append(trial)
    return list(groups.values())


def _by_place(trials: Trials) -> list[Trials]:
    return _groups(trials, ("size", "budget"))


def _several(trials: Trials, name: str) -> bool:
    return len({trial[name] for trial in trials}) > 1


def _candidates(trials: Trials) -> Iterable[Candidate]:
    """Yield every combination that was tried.

    What differs only between places, as a batch by law does, is no choice.
    """
    tried = [name for name in CHOSEN if any(_several(some, name) for some in _by_place(trials))]
    for own in _groups(trials, tried):
        places = _by_place(own)
        parabolas = [_parabola(some) for some in places]
        losses = [_lowest(*pair) for pair in zip(places, parabolas, strict=True)]
        values = {name: None if _several(own, name) else own[0][name] for name in CHOSEN}
        yield Candidate(values, places, parabolas, losses)


def _parabola(trials: Trials) -> best_rate.Parabola | best_rate.NoMinimumError:
    rates = np.array([trial["learning_rate"] for trial in trials])
    losses = [np.nan if trial["loss"] is None else trial["loss"] for trial in trials]
    try:
        return best_rate.parabola(rates, np.array(losses))
    except best_rate.NoMinimumError as error:
        return error


def _lowest(trials: Trials, found: best_rate.Parabola | best_rate.NoMinimumError) -> float | None:
    if isinstance(found, best_rate.Parabola):
        return found.lowest
    return min((trial["loss"] for trial in trials if trial["loss"] is not None), default=None)


def _edge(trials: Trials, error: best_rate.NoMinimumError) -> dict[str, Any]:
    """Return the place of an edge, and the trials that would enclose its minimum: one a seed."""
    own = [trial for trial in trials if trial["learning_rate"] == error.rate]
    return {
        **{name: trials[0][name] for name in ("size", "n_non_embedding", "n_tokens")},
        "edge": error.edge,
        "tried": error.rate,
        "rate": error.following,
        "flops_exact": sum(trial["flops_exact"] for trial in own),
    }


def _evidence(
    law: best_rate.BestRate, minima: Sequence[tuple[Trial, best_rate.Parabola]]
) -> dict[str, Any]:
    """Return the intervals and what they rest on: noise of a loss, each place's parabola."""
    sigma = best_rate.noise([parabola for _, parabola in minima])
    errors = float(student.ppf(0.5 + LEVEL / 2, law.dof)) if law.dof else None
    sizes = []
    for first, parabola in minima:
        half = errors and sigma and errors * sigma * float(np.sqrt(parabola.leverage))
        sizes.append(
            {
                "size": first["size"],
                "n_non_embedding": float(first["n_non_embedding"]),
                "n_tokens": first["n_tokens"],
                "rate": float(np.exp(parabola.centre)),
                "low": None if half is None else float(np.exp(parabola.centre - half)),
                "high": None if half is None else float(np.exp(parabola.centre + half)),
                "loss": parabola.lowest,
                "curvature": parabola.curvature,
                "trials_used": int(parabola.used.sum()),
            }
        )
    intervals = _intervals(law, errors)
    return {
        "level": LEVEL,
        # Half an interval, in standard errors: Student's t.
        "standard_errors": errors,
        "n_exponent_interval": intervals[0],
        "d_exponent_interval": intervals[1] if len(intervals) > 1 else None,
        # Of ln value, n_exponent and d_exponent.
        "covariance": None if law.covariance is None else law.covariance.tolist(),
        "loss_noise": sigma,
        "sizes": sizes,
    }


def _intervals(law: best_rate.BestRate, errors: float | None) -> list[dict[str, float] | None]:
    if law.covariance is None or errors is None:
        return [None] * len(law.exponents)
    halves = errors * np.sqrt(np.diag(law.covariance)[1:])
    ends = np.stack([law.exponents - halves, law.exponents + halves], axis=1).tolist()
    return [{"low": low, "high": high} for low, high in ends]
