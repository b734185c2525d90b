"""From a table of runs to observations: columns, conventions, clusters, weights."""

import contextlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scaletrace.errors import BadInput
from scaletrace.fitting.agreement import disagreement, few_parameters
from scaletrace.fitting.column_names import DOUBTFUL, plain_name
from scaletrace.fitting.columns import (
    OPTIONS,
    Column,
    Numbers,
    cell_faults,
    derive,
    find,
    present,
    read,
)
from scaletrace.fitting.design import ALIKE, alike
from scaletrace.fitting.diagnostics import Warnings, warning
from scaletrace.fitting.envelope import Envelope, describe, groups, lowest
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import VARIABLES, Array, Law
from scaletrace.fitting.metric import ALLOWED, NATS, PERCENT, Metric, fitted_values, metric_of
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.table_notes import derived_notes, metric_notes, rising_notes
from scaletrace.formats.runs_table import RunsTable, refuse

N_COLUMNS = ("n_params", "n_non_embedding", "n_total", "n_with_head")
FLOP_COLUMNS = ("flops", "flops_6nd", "flops_exact")

# Nats and bits are of order one; the squares of what lies far beyond overflow.
LARGEST_LOSS = 1e30
NO_LOSS = "no loss"
DESCRIBED_UNITS = {"n_opt": "parameters", "d_opt": "tokens"}


@dataclass(frozen=True)
class Prepared:
    """A table's runs as observations, in the order of the file, none dropped for its loss.

    columns: variable -> column, or the formula that gives it; clusters: what was clustered by, in
    words; table: the rows that they are; scales: what columns in other units were multiplied by;
    notes: warnings of how the table was read; envelope: what was reduced to it, if asked for.
    """

    observations: Observations
    columns: dict[str, str]
    names: list[str]
    clusters: str
    table: RunsTable
    scales: dict[str, float] = field(default_factory=dict)
    metric: Metric = NATS
    notes: Warnings = field(default_factory=list)
    envelope: Envelope | None = None


def prepare(table: RunsTable, law: Law, chosen: Settings) -> Prepared:
    """Read every column that the fit uses, and check that the rows can carry it.

    Raises:
        BadInput: a column is missing, ambiguous or has unusable cells (all of which are named),
            N, D and C are not in units that go together, too few rows, or nothing varies.
    """
    target = find(table, law.describes, chosen)
    if target is None:
        raise BadInput(
            f"{table.path}: no column {law.describes!r}; the table has {', '.join(table.header)}: "
            "name one with --loss"
        )
    table = table.take(present(table, target.name), NO_LOSS)
    if not table.lines:
        reasons = "".join(f"; {len(runs)} {why}" for why, runs in table.left_out.items())
        raise BadInput(f"{table.path}: no row is left with a number in {target.name!r}{reasons}")
    known = read_variables(table, chosen, law)
    if {"n", "d"} <= set(law.variables) or chosen.isoflop:
        known = _with_flops(table, chosen, known)
    metric, fitted = read_target(table, target, law, chosen)
    error = find(table, "loss_se", chosen) if chosen.weighted else None
    of_another = error and chosen.loss_se is None and target.name != "loss"
    if of_another and "loss" in table.header:
        error = None
    errors = read(table, error) if error else None
    every = [*known.values(), fitted, *([errors] if errors else [])]
    refuse(table.path, [fault for numbers in every for fault in numbers.faults])
    notes: Warnings = []
    if of_another and error is None:
        sentence = f"loss_se is the standard error of loss, not of {target.name}: rows weigh alike"
        notes = [warning("unweighted", sentence)]
    notes += (
        derived_notes(law, known)
        + _in_units(table, chosen, law)
        + metric_notes(metric, target.name)
    )
    reduced = None
    if chosen.envelope:
        apart = {**known, **{v: x for v, x in _others(table, chosen).items() if v in "nd"}}
        group = groups({v: numbers.values for v, numbers in apart.items() if not numbers.faults})
        reduced = describe(table, fitted.values, group, [one.column for one in apart.values()])
        rows = lowest(fitted.values, group)
        table, known = table.take(rows), {v: numbers.take(rows) for v, numbers in known.items()}
        fitted, errors = fitted.take(rows), errors.take(rows) if errors else None
        notes.append(warning("lower_envelope", reduced.sentence))
    variables = {v: numbers.values for v, numbers in known.items()}
    columns = {v: numbers.column for v, numbers in known.items()} | {"loss": target.name}
    scales = {v: numbers.factor for v, numbers in known.items()} | {"loss": fitted.factor}
    cluster, clusters = _clusters(table, chosen, variables)
    if clusters in table.header:
        columns["cluster"] = clusters
    seed_column = chosen.seed_column or ("seed" if "seed" in table.header else None)
    if seed_column:
        columns["seed"] = seed_column
    loss = fitted.values
    seeds = _codes(table.labels(seed_column)) if seed_column else np.zeros(len(loss), np.int64)
    observations = Observations(variables, loss, cluster, seeds, np.ones(len(loss)))
    _require_enough(table, chosen, law, observations, columns)
    if law.describes == "loss":
        notes = rising_notes(loss, variables, metric, target.name) + notes
    if error and errors:
        columns["loss_se"] = error.name
        share = PERCENT if metric.percent else 1.0
        observations = _weighted(observations, law, chosen, errors.values / share / loss)
    scales = {v: x for v, x in scales.items() if x != 1.0}
    return Prepared(
        *(observations, columns, table.names, clusters, table, scales, metric, notes), reduced
    )


def read_variables(table: RunsTable, chosen: Settings, law: Law) -> dict[str, Numbers]:
    """Return the law's variables, from their columns or by C = 6 N D from the others.

    Raises:
        BadInput: a variable has no column, or several that could be it.
    """
    known: dict[str, Numbers] = {}
    for v in law.variables:
        column = find(table, v, chosen)
        if column is not None:
            known[v] = read(table, column)
    for v in law.variables:
        if v in known:
            continue
        found = derive(v, {**_others(table, chosen), **known})
        if found is None:
            raise BadInput(
                f"{table.path}: {law.name} needs {VARIABLES[v]}; none of the columns "
                f"{', '.join(table.header)} is known for it: name one with {OPTIONS[v]}"
            )
        known[v] = found
    return {v: known[v] for v in law.variables}


def _others(table: RunsTable, chosen: Settings) -> dict[str, Numbers]:
    """Return what the table itself has of n, d and c, where one column can be it."""
    known = {}
    for v in ("n", "d", "c"):
        with contextlib.suppress(BadInput):
            column = find(table, v, chosen)
            if column is not None:
                known[v] = read(table, column)
    return known


def _with_flops(
    table: RunsTable, chosen: Settings, known: dict[str, Numbers]
) -> dict[str, Numbers]:
    """Add the FLOPs of the table, or 6ND, for what is shown beside the fit."""
    if "c" in known:
        return known
    column = find(table, "c", chosen)
    flops = read(table, column) if column else derive("c", known)
    return known | ({"c": flops} if flops else {})


def _in_units(table: RunsTable, chosen: Settings, law: Law) -> Warnings:
    """Check that N, D and C go together; where their scale was said, only warn.

    Raises:
        BadInput: they do not.
    """
    # A column `d` that the law does not need may be anything.
    known = {
        v: numbers
        for v, numbers in _others(table, chosen).items()
        if v in law.variables or plain_name(numbers.column) not in DOUBTFUL
    }
    sentence = disagreement(known)
    if sentence is None:
        small = None if "n" in chosen.scale else few_parameters(known)
        return [warning("few_parameters", small)] if small else []
    if {"n", "d", "c"} & chosen.scale.keys():
        return [warning("units_disagree", sentence)]
    raise BadInput(f"{table.path}: {sentence}")


def read_target(
    table: RunsTable, column: Column, law: Law, chosen: Settings
) -> tuple[Metric, Numbers]:
    """Return what the law describes: its metric, and the numbers that are fitted.

    Raises:
        BadInput: numbers that are too large or too small for a fit.
    """
    values = np.array(table.numbers(column.name), dtype=float) * column.factor
    if law.describes == "loss":
        metric = metric_of(column.name, chosen.metric, values)
    else:
        metric = Metric("other", DESCRIBED_UNITS[law.describes])
    fitted, wrong = fitted_values(metric, values)
    needed = ALLOWED.get(metric.name, "a positive finite number is needed")
    faults = cell_faults(table, column.name, wrong, needed)
    sound = fitted[~wrong]
    extreme = sound.max(initial=1.0) > LARGEST_LOSS or sound.min(initial=1.0) < 1 / LARGEST_LOSS
    if extreme:
        raise BadInput(
            f"{table.path}: column {column.name!r}: found {sound.min():g} to {sound.max():g}; a "
            f"fit takes losses of {1 / LARGEST_LOSS:g} to {LARGEST_LOSS:g}"
        )
    return metric, Numbers(fitted, column.name, column.factor, faults)


def _clusters(
    table: RunsTable, chosen: Settings, variables: dict[str, Array]
) -> tuple[NDArray[np.int64], str]:
    """Return codes of what shares noise, and the column they come from or a sentence."""
    column = chosen.cluster or ("size" if "size" in table.header else None)
    if column:
        return _codes(table.labels(column)), column
    variable = "n" if "n" in variables else next(iter(variables))
    return alike(variables[variable]), f"equal {VARIABLES[variable]}, to {100 * ALIKE:g} %"


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
            "needs at least 3: name another column with --cluster, or say --unit observation"
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
    excess = max(0.0, plain.noise**2 - float(np.median(errors[keep] ** 2)))
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
        for v, numbers in read_variables(table, chosen, law).items():
            refuse(table.path, numbers.faults)
            variables.setdefault(v, numbers.values[keep])
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
            there = [column for column in known if column in table.header]
            numbers = {column: read(table, Column(column)) for column in there}
            refuse(table.path, [fault for one in numbers.values() for fault in one.faults])
            choices[choice] = {column: one.values for column, one in numbers.items()}
    return choices
