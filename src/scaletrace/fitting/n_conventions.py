"""How the compute-optimal answer moves with what is counted as N: embeddings and head, or not.

One sweep gives different exponents under different counts, for the share of embedding and head
falls as models grow (Pearce and Song 2024, arXiv:2406.12907; Porian et al. 2024,
arXiv:2406.19146): so the law is fitted again with every count that the table has.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scaletrace.errors import BadInput
from scaletrace.fitting.allocation import optimal, trades_off
from scaletrace.fitting.columns import Column, Numbers, find, read
from scaletrace.fitting.design import ALIKE
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.preparation import N_COLUMNS
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.token_cost import TokenCost, token_cost_of
from scaletrace.formats.runs_table import RunsTable


def other_counts(table: RunsTable, column: str) -> dict[str, Array]:
    """Return the table's other columns of N whose numbers can all be used, each (n,)."""
    names = [name for name in N_COLUMNS if name in table.header and name != column]
    found = {name: read(table, Column(name)) for name in names}
    return {name: numbers.values for name, numbers in found.items() if not numbers.faults}


def cost_in_table(table: RunsTable, chosen: Settings) -> TokenCost:
    """Learn what a token costs from a table's N, D and C, for a law of C alone; else 6 N D."""
    known: dict[str, Numbers] = {}
    for variable in ("n", "d", "c"):
        with contextlib.suppress(BadInput):
            column = find(table, variable, chosen)
            if column is not None:
                known[variable] = read(table, column)
    known = {variable: numbers for variable, numbers in known.items() if not numbers.faults}
    return token_cost_of(
        {variable: numbers.values for variable, numbers in known.items()},
        {variable: numbers.column for variable, numbers in known.items()},
    )


def under_conventions(
    observations: Observations,
    law: Law,
    objective: Objective,
    params: Mapping[str, float],
    fixed: Mapping[str, float],
    columns: Mapping[str, str],
    others: Mapping[str, Array],
) -> list[dict[str, Any]]:
    """Optima at the largest budget, by the fit's own count of N first, then by others (n,).

    Each row has `n_column`, `flops` (the budget), `flop_convention`, `a` (local exponent there),
    `n_opt`, `d_opt`; or `failed`. FLOPs of the table stay as they are, 6 N D are counted anew.
    """
    if not trades_off(law) or not {"n", "d", "c"} <= set(observations.variables):
        return []
    own = observations.variables["n"]
    rows = [{"n_column": columns["n"], **_optimum(observations, law, params, columns)}]
    for name, n in others.items():
        if np.abs(np.log(n / own)).max() <= ALIKE:
            continue
        variables = {**observations.variables, "n": n}
        if columns["c"] == "6ND":
            variables["c"] = 6.0 * n * variables["d"]
        counted = replace(observations, variables=variables)
        try:
            refit = fit(counted, law, objective, fixed).params
        except NotConvergedError as error:
            rows.append({"n_column": name, "failed": str(error)})
            continue
        rows.append({"n_column": name, **_optimum(counted, law, refit, columns)})
    return rows


def _optimum(
    observations: Observations, law: Law, params: Mapping[str, float], columns: Mapping[str, str]
) -> dict[str, Any]:
    cost = token_cost_of(observations.variables, columns)
    flops = float(cost.flops(observations.variables["n"], observations.variables["d"]).max())
    vector = np.array([[params[name] for name in law.names]])
    with np.errstate(all="ignore"):
        best = {name: float(q(vector)[0]) for name, q in optimal(law, flops, cost).items()}
    if not np.isfinite(list(best.values())).all():
        return {"failed": "the optimum lies beyond any number"}
    return {
        **{"flops": flops, "flop_convention": cost.words, "a": best["a"]},
        **{"n_opt": best["N_opt"], "d_opt": best["D_opt"]},
    }
