"""What a study wants to know of a law: a loss somewhere, an optimum, a parameter."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from scaletrace.errors import BadInput
from scaletrace.fitting import allocation
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.token_cost import TokenCost

OPTIMA = ("N_opt", "D_opt")


@dataclass(frozen=True)
class Goal:
    """A quantity (B,) of published parameters (B, p).

    logarithmic: it is positive, and its error is relative. at: the variables' values, where it is
    the loss there.
    """

    name: str
    quantity: Callable[[Array], Array]
    logarithmic: bool = True
    at: Mapping[str, float] | None = None


def goal_of(text: str, law: Law, cost: TokenCost) -> Goal:
    """Read a goal: `loss@N,D`, `loss@C`, `N_opt@C`, `D_opt@C`, a parameter, or `a`.

    Raises:
        BadInput: none of these, or not one of this law.
    """
    name, at, values = text.partition("@")
    both = allocation.trades_off(law)
    if name == "loss" and at:
        point = point_of(law, _numbers(text, values), cost)
        if point is not None:
            return Goal(text, allocation.loss_at(law, point), at=point)
    if name in OPTIMA and at and both:
        numbers = _numbers(text, values)
        if len(numbers) == 1:
            return Goal(text, allocation.optimal(law, numbers[0], cost)[name])
    if not at and name in law.names:
        index = law.index(name)
        logarithmic = law.parameters[index].logarithmic
        return Goal(name, lambda params: params[..., index], logarithmic)
    if not at and name in allocation.derived(law):
        return Goal(name, allocation.derived(law)[name], logarithmic=False)
    allowed = ["loss@C" if law.variables == ("c",) else "loss@N,D"]
    allowed += [f"{optimum}@C" for optimum in OPTIMA] if both else []
    allowed += [*law.names, *allocation.derived(law)]
    raise BadInput(f"goal {text!r}: {law.name} has {', '.join(allowed)}")


def point_of(law: Law, numbers: list[float], cost: TokenCost) -> dict[str, float] | None:
    """Return the variables of a law at N, D or at C; None where these do not give them."""
    if len(numbers) == 2:
        n, d = numbers
        given = {"n": n, "d": d, "u": d, "c": float(cost.flops(np.array(n), np.array(d)))}
    else:
        given = {"c": numbers[0]}
    if not set(law.variables) <= given.keys():
        return None
    return {name: given[name] for name in law.variables}


def _numbers(text: str, values: str) -> list[float]:
    try:
        numbers = [float(value) for value in values.split(",")]
    except ValueError:
        numbers = [math.nan]
    if len(numbers) > 2 or not all(math.isfinite(x) and x > 0.0 for x in numbers):
        raise BadInput(f"goal {text!r}: one or two positive numbers, after @, are needed")
    return numbers
