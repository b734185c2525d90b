"""From a table of runs to observations: columns, conventions, clusters, weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaletrace.errors import BadInput
from scaletrace.fitting import profiles
from scaletrace.fitting.design import ALIKE
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import VARIABLES, Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.settings import Settings
from scaletrace.formats.runs_table import RunsTable

N_COLUMNS = ("n_params", "n_non_embedding", "n_total", "n_with_head")
FLOP_COLUMNS = ("flops", "flops_6nd", "flops_exact")

# Nats and bits are of order one; the squares of what lies far beyond overflow.
LARGEST_LOSS = 1e30


@dataclass(frozen=True)
class Prepared:
    """A table's runs as observations, in the order of the file, none dropped for its loss.

    columns: variable -> column; used: what was weighted and clustered by, in words.
    """

    observations: Observations
    columns: dict[str, str]
    names: list[str]
    clusters: str


def prepare(table: RunsTable, law: Law, chosen: Settings) -> Prepared:
    """Read every column that the fit uses, and check that the rows can carry it.

    Raises:
        BadInput: a column is missing or has unusable cells, too few rows, or nothing varies.
    """
    variables, columns = read_variables(table, chosen, law)
    if {"n", "d"} <= set(law.variables) or chosen.isoflop:
        columns, variables = _with_flops(table, chosen, columns, variables)
    loss_column = table.column_for("loss", chosen.loss)
    if loss_column is None:
        raise BadInput(f"{table.path}: no column 'loss'; the table has {', '.join(table.header)}")
    loss = np.array(table.numbers(loss_column))
    if loss.max(initial=1.0) > LARGEST_LOSS or loss.min(initial=1.0) < 1 / LARGEST_LOSS:
        raise BadInput(
            f"{table.path}: column {loss_column!r}: found {loss.min():g} to {loss.max():g}; a fit "
            f"takes losses of {1 / LARGEST_LOSS:g} to {LARGEST_LOSS:g}"
        )
    columns["loss"] = loss_column
    cluster, clusters = _clusters(table, chosen, variables)
    if clusters in table.header:
        columns["cluster"] = clusters
    seed_column = chosen.seed_column or ("seed" if "seed" in table.header else None)
    if seed_column:
        columns["seed"] = seed_column
    seeds = _codes(table.labels(seed_column)) if seed_column else np.zeros(len(loss), np.int64)
    names = table.labels("run") if "run" in table.header else [f"line {i}" for i in table.lines]
    observations = Observations(variables, loss, cluster, seeds, np.ones(len(loss)))
    _require_enough(table, chosen, law, observations, columns)
    error_column = table.column_for("loss_se", chosen.loss_se) if chosen.weighted else None
    if error_column:
        columns["loss_se"] = error_column
        errors = np.array(table.numbers(error_column)) / loss
        observations = _weighted(observations, law, chosen, errors)
    return Prepared(observations, columns, names, clusters)


def read_variables(
    table: RunsTable, chosen: Settings, law: Law
) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the law's variables, each (n,), and their columns; FLOPs are 6ND where not given."""
    asked = {"n": chosen.n, "d": chosen.d, "c": chosen.flops, "u": chosen.unique}
    options = {"n": "--n", "d": "--d", "c": "--flops", "u": "--unique"}
    variables, columns = {}, {}
    for v in law.variables:
        column = table.column_for(v, asked[v])
        if column is None and v == "c" and {"n", "d"} <= set(variables):
            variables[v], columns[v] = 6.0 * variables["n"] * variables["d"], "6ND"
            continue
        if column is None:
            raise BadInput(
                f"{table.path}: {law.name} needs {VARIABLES[v]}; none of the columns "
                f"{', '.join(table.header)} is known for it: name one with {options[v]}"
            )
        variables[v], columns[v] = np.array(table.numbers(column)), column
    return variables, columns


def _with_flops(
    table: RunsTable, chosen: Settings, columns: dict[str, str], variables: dict[str, Array]
) -> tuple[dict[str, str], dict[str, Array]]:
    """Add the FLOPs of the table, or 6ND, for what is shown beside the fit."""
    if "c" in variables:
        return columns, variables
    column = table.column_for("c", chosen.flops)
    if column:
        flops = np.array(table.numbers(column))
    else:
        column, flops = "6ND", 6.0 * variables["n"] * variables["d"]
    return {**columns, "c": column}, {**variables, "c": flops}


def _clusters(
    table: RunsTable, chosen: Settings, variables: dict[str, Array]
) -> tuple[NDArray[np.int64], str]:
    """Return codes of what shares noise, and the column they come from or a sentence."""
    column = chosen.cluster or ("size" if "size" in table.header else None)
    if column:
        return _codes(table.labels(column)), column
    variable = "n" if "n" in variables else next(iter(variables))
    logs = np.log(variables[variable])
    order = np.argsort(logs, kind="stable")
    codes = np.empty(len(logs), dtype=np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(np.diff(logs[order]) > ALIKE)])
    return codes, f"equal {VARIABLES[variable]}, to {100 * ALIKE:g} %"


def _codes(labels: list[str]) -> NDArray[np.int64]:
    return np.unique(np.array(labels), return_inverse=True)[1]


def _require_enough(
    table: RunsTable, chosen: Settings, law: Law, observations: Observations, columns: dict
) -> None:
    free = len(law.names) - len(chosen.fixed)
    left = len(observations) - chosen.drop_highest
    if left < free + 2:
        raise BadInput(
            f"{table.path}: {left} usable rows; {law.name} with {free} free parameters needs "
            f"at least {free + 2}"
        )
    kept = observations.take(split(observations, chosen.drop_highest)[0])
    for v in law.varied:
        if np.ptp(kept.variables[v]) == 0.0:
            raise BadInput(
                f"{table.path}: column {columns[v]!r} holds one single value, "
                f"{kept.variables[v][0]:g}; {law.name} needs {VARIABLES[v]} to vary"
            )
    if chosen.unit == "cluster" and len(np.unique(kept.cluster)) < 3:
        raise BadInput(
            f"{table.path}: {len(np.unique(kept.cluster))} clusters; a bootstrap over clusters "
            "needs at least 3: name another column with --cluster, or resample observations"
        )


def _weighted(
    observations: Observations, law: Law, chosen: Settings, errors: Array
) -> Observations:
    """Weight by 1 / (measurement variance + the scatter that it does not explain).

    errors: standard errors of log loss (n,). Measured losses also differ by seed and by the
    law's own error, so that the standard errors alone would trust some runs far too much.
    """
    keep, _ = split(observations, chosen.drop_highest)
    plain = fit(
        observations.take(keep),
        law,
        Objective(chosen.objective, chosen.delta, chosen.above),
        chosen.fixed,
    )
    excess = max(0.0, profiles.noise_scale(plain) ** 2 - float(np.median(errors[keep] ** 2)))
    weights = 1.0 / (errors**2 + excess)
    return Observations(
        *(observations.variables, observations.loss, observations.cluster, observations.seed),
        weights / weights.mean(),
    )


def split(observations: Observations, highest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to fit, in order, and the rows of the highest losses, to be dropped."""
    ascending = np.argsort(observations.loss, kind="stable")
    left = len(observations) - highest
    return np.sort(ascending[:left]), ascending[left:]


def with_variables(
    table: RunsTable,
    chosen: Settings,
    observations: Observations,
    keep: NDArray[np.int64],
    laws: list[Law],
) -> Observations:
    """Add the variables that the laws to compare need beyond the fitted law's own."""
    variables = dict(observations.variables)
    for law in laws:
        for v, values in read_variables(table, chosen, law)[0].items():
            variables.setdefault(v, values[keep])
    return Observations(
        *(variables, observations.loss, observations.cluster, observations.seed),
        observations.weights,
    )


def conventions(table: RunsTable, law: Law) -> dict[str, dict[str, Array]]:
    """Return the table's other ways to count N and FLOPs: choice -> column -> values (n,)."""
    choices = {}
    for choice, variable, known in (
        ("N convention", "n", N_COLUMNS),
        ("FLOP convention", "c", FLOP_COLUMNS),
    ):
        if variable in law.variables:
            present = [column for column in known if column in table.header]
            choices[choice] = {column: np.array(table.numbers(column)) for column in present}
    return choices
