"""Which law to fit where none is named: the one whose smaller scales predict the larger best."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scaletrace.errors import BadInput
from scaletrace.fitting.comparison import compare
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.preparation import prepare, split, with_variables
from scaletrace.fitting.settings import Settings
from scaletrace.formats.runs_table import RunsTable

FURTHER = 10.0  # times the FLOPs of the largest run: where the laws are compared
ALIKE = 1.1  # errors within this factor do not decide; then BIC does


def choose(
    table: RunsTable, settings: Settings, laws: Mapping[str, Law]
) -> tuple[str, dict[str, Any]]:
    """Return the name of the law to fit, and why, with what every law says of a larger run.

    Laws that the table cannot carry, such as one of D where there is no D, are left out.

    Raises:
        BadInput: there is none that it can carry; the reason of each is said.
    """
    if settings.fixed or settings.tied:
        raise BadInput("fit: name a law with --law to hold or tie its parameters")
    carried, refused = {}, {}
    for name, law in laws.items():
        try:
            # What is resampled is of no matter yet.
            plain = replace(settings, law=name, weighted=False, unit="observation")
            carried[name] = prepare(table, law, plain)
        except BadInput as problem:
            refused[name] = str(problem).removeprefix(f"{table.path}: ").removeprefix(f"{name} ")
    if not carried:
        said = "\n".join(f"  {line}" for line in reasons(refused))
        raise BadInput(f"{table.path}: no law can be fitted\n{said}")
    # The first has most variables; what it reads is what every other one reads.
    first = max(carried, key=lambda name: len(laws[name].variables))
    keep, _ = split(carried[first].observations, settings.drop_highest)
    observations = carried[first].observations.take(keep)
    several = [laws[name] for name in carried]
    data = with_variables(table, settings, observations, keep, several)
    objective = Objective(settings.objective, settings.delta, settings.above)
    rows = compare(data, several, objective)
    fitted = [row for row in rows if "failed" not in row]
    if not fitted:
        raise BadInput(f"{table.path}: no law has a minimum; {rows[0]['failed']}")
    best, because = _best(fitted)
    at = _larger(data)
    others = [
        {
            "law": row["law"],
            "rms_relative_error": row.get("rms_relative_error"),
            "loss": _loss(laws[row["law"]], row["params"], at) if "params" in row else None,
            "failed": row.get("failed"),
        }
        for row in rows
    ]
    others += [{"law": name, "failed": reason} for name, reason in refused.items()]
    return best["law"], {"because": because, "at": at, "laws": others}


def reasons(refused: Mapping[str, str]) -> list[str]:
    """Return a line for each reason (law -> reason), with all the laws that have it."""
    laws: dict[str, list[str]] = {}
    for name, reason in refused.items():
        laws.setdefault(reason, []).append(name)
    return [f"{', '.join(names)}: {reason}" for reason, names in laws.items()]


def _best(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """The row of the law to take, and why."""
    ahead = [row for row in rows if row["rms_relative_error"] is not None]
    if not ahead:
        return min(rows, key=lambda row: row["bic"]), (
            "too few scales to predict one from another; it has the lowest BIC"
        )
    least = min(row["rms_relative_error"] for row in ahead)
    close = [row for row in ahead if row["rms_relative_error"] <= ALIKE * least]
    best = min(close, key=lambda row: row["bic"])
    error = f"{100 * best['rms_relative_error']:.2g} %"
    if len(close) > 1:
        return best, (
            f"{len(close)} laws of smaller scales predict the larger alike; of those it has the "
            f"lowest BIC (error {error})"
        )
    return best, f"fitted to smaller scales it predicts the larger best (error {error})"


def _larger(data: Observations) -> dict[str, float]:
    """Variables of the largest run, on ten times its FLOPs."""
    both = {"n", "d"} <= set(data.variables)
    place = int(np.argmax(sum(np.log(x) for x in data.variables.values())))
    growth = {"n": 0.5, "d": 0.5, "u": 0.5} if both else {}
    return {
        name: float(values[place] * FURTHER ** growth.get(name, 1.0))
        for name, values in data.variables.items()
    }


def _loss(law: Law, params: Mapping[str, float], at: Mapping[str, float]) -> float:
    point: dict[str, Array] = {name: np.array([at[name]]) for name in law.variables}
    return float(law.predict(params, point)[0])
