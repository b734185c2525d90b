"""Fit a law to a table of runs and write `FIT.json`."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from scaletrace.errors import BadInput
from scaletrace.formats.runs_table import RunsTable, read_runs
from scaletrace.science import resampling
from scaletrace.science.curves import curve
from scaletrace.science.fitting import Fit, Observations, fit
from scaletrace.science.law import VARIABLES
from scaletrace.science.laws import LAWS
from scaletrace.science.objectives import NAMES, Objective
from scaletrace.science.solver import NotConvergedError
from scaletrace.study.files import write_json

SAME_SIZE = 1e-3  # without a cluster column, values of N this close (relative) are one size


@dataclass(frozen=True)
class Settings:
    """What a fit depends on besides the table. A column that is None is the table's default."""

    law: str
    budget: str | None = None
    n: str | None = None
    d: str | None = None
    flops: str | None = None
    unique: str | None = None
    loss: str | None = None
    loss_se: str | None = None
    cluster: str | None = None
    seed_column: str | None = None
    objective: str = "huber"
    delta: float = 1e-3
    fixed: dict[str, float] = field(default_factory=dict)
    drop_highest: int = 0
    unit: str = "cluster"
    resamples: int = 1000
    seed: int = 0
    level: float = 0.95


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Read inputs["observations"], fit, and write outputs["fit"] (see DESIGN §6 for its keys).

    Raises:
        BadInput: settings or table cannot be used, or the fit did not converge.
    """
    del work
    (path,) = inputs["observations"]
    chosen = _settings(settings)
    table = read_runs(path, chosen.budget)
    columns, observations, names = _observations(table, chosen)
    try:
        result = _report(table, columns, observations, names, chosen)
    except NotConvergedError as error:
        raise BadInput(f"{path}: {error}") from error
    write_json(outputs["fit"], result)
    return {}


def _settings(values: dict[str, Any]) -> Settings:
    known = {item.name for item in fields(Settings)}
    if unknown := set(values) - known:
        raise BadInput(
            f"fit: unknown setting {min(unknown)!r}; allowed: {', '.join(sorted(known))}"
        )
    chosen = Settings(**values)
    for name, allowed in (
        ("law", tuple(LAWS)),
        ("objective", NAMES),
        ("unit", tuple(resampling.ASSUMES)),
    ):
        if getattr(chosen, name) not in allowed:
            raise BadInput(f"fit: {name} {getattr(chosen, name)!r}; allowed: {', '.join(allowed)}")
    if not chosen.delta > 0.0:
        raise BadInput(f"fit: delta {chosen.delta}; a positive number is needed")
    law = LAWS[chosen.law]
    for name, value in chosen.fixed.items():
        if name not in law.names:
            raise BadInput(f"fit: {law.name} has no parameter {name!r}; {', '.join(law.names)}")
        if law.parameters[law.index(name)].logarithmic and not value > 0.0:
            raise BadInput(f"fit: {name} fixed at {value}; a positive number is needed")
    return chosen


def _observations(
    table: RunsTable, chosen: Settings
) -> tuple[dict[str, str], Observations, list[str]]:
    """Return the column of each variable, the observations, and the runs dropped as highest."""
    law = LAWS[chosen.law]
    asked = {"n": chosen.n, "d": chosen.d, "c": chosen.flops, "u": chosen.unique}
    columns = {v: table.column_for(v, asked[v]) for v in VARIABLES}
    loss_column = table.column_for("loss", chosen.loss)
    if loss_column is None:
        raise BadInput(f"{table.path}: no column 'loss'; name one with --loss")
    variables = {
        v: np.array(table.numbers(c)) for v, c in columns.items() if v in law.variables and c
    }
    if "c" in law.variables and columns["c"] is None and columns["n"] and columns["d"]:
        variables["c"] = 6.0 * np.array(table.numbers(columns["n"])) * table.numbers(columns["d"])
        columns["c"] = "6ND"
    for v in law.variables:
        if v not in variables:
            raise BadInput(
                f"{table.path}: {law.name} needs {VARIABLES[v]}; the table has "
                f"{', '.join(table.header)}: name the column"
            )
    loss = np.array(table.numbers(loss_column))
    columns["loss"] = loss_column
    free = len(law.names) - len(chosen.fixed)
    cluster_column = chosen.cluster or ("size" if "size" in table.header else None)
    if cluster_column:
        labels = np.array(table.labels(cluster_column))
        columns["cluster"] = cluster_column
        cluster = np.unique(labels, return_inverse=True)[1]
    else:
        base = variables.get("n", next(iter(variables.values())))
        order = np.argsort(base, kind="stable")
        steps = np.diff(np.log(base[order])) > SAME_SIZE
        cluster = np.empty(len(loss), dtype=np.int64)
        cluster[order] = np.concatenate([[0], np.cumsum(steps)])
    seed_column = chosen.seed_column or ("seed" if "seed" in table.header else None)
    seeds = table.labels(seed_column) if seed_column else ["0"] * len(loss)
    seed = np.unique(np.array(seeds), return_inverse=True)[1]
    runs = table.labels("run") if "run" in table.header else [f"line {i}" for i in table.lines]
    observations = Observations(variables, loss, cluster, seed, np.ones(len(loss)))
    keep = np.sort(np.argsort(loss, kind="stable")[: len(loss) - chosen.drop_highest])
    observations = observations.take(keep)
    if len(observations) < free + 2:
        raise BadInput(
            f"{table.path}: {len(observations)} usable rows; {law.name} with {free} free "
            f"parameters needs at least {free + 2}"
        )
    for v in law.variables:
        if np.ptp(observations.variables[v]) == 0.0:
            raise BadInput(
                f"{table.path}: column {columns[v]!r} holds one single value; "
                f"{law.name} needs at least two"
            )
    return {k: c for k, c in columns.items() if c}, observations, [runs[i] for i in keep]


def _report(
    table: RunsTable,
    columns: dict[str, str],
    observations: Observations,
    names: list[str],
    chosen: Settings,
) -> dict[str, Any]:
    law = LAWS[chosen.law]
    objective = Objective(chosen.objective, chosen.delta)
    fitted = fit(observations, law, objective, chosen.fixed)
    resampled = resampling.counts(observations, chosen.unit, chosen.resamples, chosen.seed)
    draws, failed = resampling.refit(fitted, resampled)
    tail = 100.0 * (1.0 - chosen.level) / 2.0
    values = fitted.problem.natural(draws)
    intervals = {
        name: {
            "se": float(values[:, i].std()),
            "low": float(np.percentile(values[:, i], tail)),
            "high": float(np.percentile(values[:, i], 100.0 - tail)),
            "method": f"bootstrap over {chosen.unit}s, percentile",
            "level": chosen.level,
        }
        for i, name in enumerate(law.names)
        if name not in chosen.fixed
    }
    left_out = table.left_out
    warnings = [
        {
            "code": "runs_left_out",
            "message": f"{len(runs)} {status} left out: {', '.join(runs)}",
        }
        for status, runs in left_out.items()
    ]
    return {
        "law": law.name,
        "formula": law.formula,
        "paper": law.paper,
        "params": fitted.params,
        "objective": {**asdict(objective), "reduction": "sum", "value": fitted.value},
        "intervals": intervals,
        "n_observations": len(observations),
        "n_clusters": int(observations.cluster.max() + 1),
        "diagnostics": {"certificate": fitted.certificate, "resamples_failed": failed},
        "warnings": warnings,
        "data": {
            "columns": columns,
            "budget": chosen.budget,
            "left_out": {status: len(runs) for status, runs in left_out.items()},
        },
        "curve": curve(fitted, draws, observations, columns, tail),
        "residuals": _residuals(fitted, observations, columns, names),
    }


def _residuals(
    fitted: Fit, observations: Observations, columns: dict[str, str], names: list[str]
) -> list[dict[str, Any]]:
    residuals = fitted.log_residuals
    predicted = observations.loss * np.exp(-residuals)
    return [
        {
            "run": names[i],
            **{columns[v]: float(x[i]) for v, x in observations.variables.items()},
            "observed": float(observations.loss[i]),
            "predicted": float(predicted[i]),
            "log_residual": float(residuals[i]),
        }
        for i in range(len(names))
    ]
