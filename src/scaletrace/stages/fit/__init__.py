"""Fit a law to a table of runs and write `FIT.json`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.runs_table import RunsTable, read_runs
from scaletrace.science import comparison, isoflop, sensitivity
from scaletrace.science.analysis import Method, analyse
from scaletrace.science.designs import DesignError
from scaletrace.science.diagnostics import MANY_FAILED, warning
from scaletrace.science.fitting import Observations
from scaletrace.science.laws import LAWS
from scaletrace.science.objectives import Objective
from scaletrace.science.solver import NotConvergedError
from scaletrace.stages.fit.checklist import checklist
from scaletrace.stages.fit.preparation import Prepared, conventions, prepare, split, with_variables
from scaletrace.stages.fit.settings import Settings, check_settings
from scaletrace.study.files import write_json


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Read inputs["observations"], fit, and write outputs["fit"] (see DESIGN §6 for its keys).

    Raises:
        BadInput: settings or table cannot be used, or the fit did not converge.
    """
    del work
    (path,) = inputs["observations"]
    chosen = check_settings(settings)
    table = read_runs(path, chosen.budget, chosen.family)
    prepared = prepare(table, chosen)
    try:
        result = _analyse(table, prepared, chosen)
    except (NotConvergedError, DesignError) as error:
        raise BadInput(f"{path}: {error}") from error
    write_json(outputs["fit"], result)
    return {}


def _analyse(table: RunsTable, prepared: Prepared, chosen: Settings) -> dict[str, Any]:
    law, every = LAWS[chosen.law], prepared.observations
    objective = chosen.penalty
    method = Method(
        *(objective, chosen.fixed, chosen.unit, chosen.resamples, chosen.seed, chosen.level)
    )
    keep, highest = split(every, chosen.drop_highest)
    observations = every.take(keep)
    names = [prepared.names[i] for i in keep]
    result = analyse(observations, law, method, prepared.columns, names)
    result["warnings"] = _left_out(table) + _mixed(table) + result["warnings"]
    result["data"] = {
        "columns": prepared.columns,
        "budget": chosen.budget,
        "family": chosen.family,
        "clusters": prepared.clusters,
        "rows": len(every) + sum(len(runs) for runs in table.left_out.values()),
        "left_out": {status: len(runs) for status, runs in table.left_out.items()},
        "dropped_highest": [prepared.names[i] for i in highest],
    }
    result["settings"] = asdict(chosen)
    if chosen.compare:
        laws = [LAWS[name] for name in dict.fromkeys([chosen.law, *chosen.compare])]
        result["comparison"] = comparison.compare(
            with_variables(table, chosen, observations, keep, laws), laws, objective
        )
    if chosen.sensitivity:
        result["sensitivity"] = sensitivity.table(
            every, chosen.drop_highest, law, objective, chosen.fixed, conventions(table, law)
        )
    if chosen.isoflop:
        result["isoflop"] = _isoflop(observations, objective, method, result)
    result["checklist"] = checklist(result, law, prepared, chosen)
    return result


def _left_out(table: RunsTable) -> list[dict[str, str]]:
    return [
        warning(
            "runs_left_out",
            f"{len(runs)} run{'s' if len(runs) > 1 else ''} with status {status} left out: "
            f"{', '.join(runs)}",
        )
        for status, runs in sorted(table.left_out.items())
    ]


def _mixed(table: RunsTable) -> list[dict[str, str]]:
    families = sorted({row.get("family", "") for row in table.rows})
    if len(families) < 2:
        return []
    return [
        warning(
            "families_mixed",
            f"one law through runs of {', '.join(families)}: choose one with --family",
        )
    ]


def _isoflop(
    observations: Observations, objective: Objective, method: Method, result: dict[str, Any]
) -> dict[str, Any]:
    """IsoFLOP analysis, and how far its exponent lies from the parametric fit's."""
    found = isoflop.analyse(observations, objective, method.resamples, method.seed, method.level)
    failed, resamples = found["resamples_failed"], found["resamples"]
    if failed > MANY_FAILED * resamples:
        result["warnings"].append(
            warning(
                "isoflop_resamples_failed",
                f"{failed} of {resamples} resamples of the IsoFLOP analysis had no minimum and "
                "were left out: train more sizes at each budget",
            )
        )
    parametric = result["intervals"].get("a")
    if parametric is None:
        return found
    apart = found["a"]["estimate"] - parametric["estimate"]
    ends = (found["a"]["low"], found["a"]["high"], parametric["low"], parametric["high"])
    overlap = None if None in ends else bool(ends[0] <= ends[3] and ends[2] <= ends[1])
    found["parametric"] = {"a": parametric["estimate"], "low": ends[2], "high": ends[3]}
    found["disagreement"] = {"a": apart, "intervals_overlap": overlap}
    if overlap is False:
        result["warnings"].append(
            warning(
                "isoflop_disagrees",
                f"IsoFLOP minima give a = {found['a']['estimate']:.3f}, the law "
                f"{parametric['estimate']:.3f}, and their intervals do not overlap: the law's "
                "form does not hold over this range; compare laws before extrapolating",
            )
        )
    return found
