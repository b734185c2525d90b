"""What the parameters become when one choice of the analyst changes at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scaletrace.fitting.allocation import derived
from scaletrace.fitting.fit import Observations, fit, starting_points
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.settings import OBJECTIVES
from scaletrace.fitting.solver import NotConvergedError, problem_of

DROPPED = (0, 1, 3, 5, 10, 20)
DELTAS = (1e-4, 1e-3, 1e-2, 1e-1)


def table(
    every: Observations,
    dropped: int,
    law: Law,
    objective: Objective,
    fixed: Mapping[str, float],
    conventions: Mapping[str, Mapping[str, Array]],
) -> list[dict[str, Any]]:
    """Rows {"choice", "setting", "n_observations", "params", "derived"}, one refit each.

    every: all runs; the fit's own choice leaves out the `dropped` highest losses, and so does
    every row that varies something else. conventions: choice (N, FLOPs) -> setting (column) ->
    values (n,) to use in place of the fit's own.
    """
    rows = []

    def add(choice: str, setting: Any, data: Observations, with_: Objective, starts: Any) -> None:
        row: dict[str, Any] = {"choice": choice, "setting": setting, "n_observations": len(data)}
        try:
            refit = fit(data, law, with_, fixed, starts)
        except NotConvergedError as error:
            rows.append({**row, "failed": str(error)})
            return
        vector = np.array([list(refit.params.values())])
        follows = {name: float(q(vector)[0]) for name, q in derived(law).items()}
        rows.append({**row, "params": refit.params, "derived": follows})

    ascending = np.argsort(every.loss, kind="stable")
    least = len(law.names) - len(fixed) + 2
    for count in (k for k in DROPPED if len(every) - k >= least):
        rest = every.take(np.sort(ascending[: len(every) - count]))
        add("highest losses dropped", count, rest, objective, None)
    keep = np.sort(ascending[: len(every) - dropped])
    observations = every.take(keep)
    for delta in DELTAS:
        add("delta", delta, observations, Objective("huber", delta), None)
    for name in OBJECTIVES:
        add("objective", name, observations, Objective(name, objective.delta), None)
    for choice, columns in conventions.items():
        variable = {"N convention": "n", "FLOP convention": "c"}[choice]
        for column, values in columns.items():
            changed = {**observations.variables, variable: values[keep]}
            data = Observations(
                changed,
                *(observations.loss, observations.cluster, observations.seed),
                observations.weights,
            )
            add(choice, column, data, objective, None)
    problem = problem_of(law, observations.variables, observations.loss, objective, fixed)
    starts = starting_points(problem, fixed)
    for name, some in (("every second", starts[::2]), ("the first alone", starts[:1])):
        add("starts", name, observations, objective, some)
    return rows
