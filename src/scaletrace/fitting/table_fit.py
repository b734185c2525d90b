"""A law fitted to a table of runs, with everything that `FIT.json` says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from scaletrace.errors import BadInput
from scaletrace.fitting import comparison, isoflop, law_choice, sensitivity
from scaletrace.fitting.allocation import local_exponent, trades_off
from scaletrace.fitting.analysis import Method, analyse
from scaletrace.fitting.checklist import checklist
from scaletrace.fitting.design import DesignError
from scaletrace.fitting.diagnostics import MANY_FAILED, warning
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.intervals import WEAK
from scaletrace.fitting.law import Law
from scaletrace.fitting.loss_curves import prepare_curves
from scaletrace.fitting.multiplier import groups_of, multiplier
from scaletrace.fitting.n_conventions import cost_in_table, other_counts, under_conventions
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.preparation import Prepared, conventions, prepare, split, with_variables
from scaletrace.fitting.settings import AUTO, LEAST_RESAMPLES, METRICS, OBJECTIVES, UNITS, Settings
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.table_notes import left_out_notes, mixed_notes
from scaletrace.fitting.tied import faults as tied_faults
from scaletrace.fitting.tied import tied
from scaletrace.fitting.token_cost import TokenCost
from scaletrace.formats.runs_table import read_runs

Laws = Mapping[str, Law]


def fit_table(
    path: Path, settings: Settings, laws: Laws, overlap: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what `FIT.json` holds (see DESIGN §6 for its keys).

    Args:
        path: table of runs.
        settings: what the fit depends on besides.
        laws: by name, the law that settings name and those that it is compared with, or among
            which it is to be chosen.
        overlap: of held-out text with training text, where that is known.

    Raises:
        BadInput: settings or table cannot be used, or the fit did not converge.
    """
    choice = None
    if settings.law != AUTO:
        check_settings(settings, laws[settings.law])
    table = read_runs(path, settings.budget, settings.family, settings.where)
    try:
        if settings.law == AUTO:
            name, choice = law_choice.choose(table, settings, laws)
            settings = replace(settings, law=name)
        chosen = check_settings(settings, laws[settings.law])
        laws = {**laws, chosen.law: tied(laws[chosen.law], chosen.tied)}
        # Weights need a first fit, which may fail as the second may.
        prepared = prepare(table, laws[chosen.law], chosen)
        result = _analyse(prepared, chosen, laws)
        result["law_choice"] = choice
        result["checklist"]["held_out_text_in_train"] = overlap
        return result
    except (NotConvergedError, DesignError) as error:
        raise BadInput(f"{path}: {error}") from error


def fit_curves(paths: Sequence[Path], settings: Settings, laws: Laws) -> dict[str, Any]:
    """Return what `FIT.json` holds of a law along whole trainings, from their `curve.csv` files.

    Raises:
        BadInput: settings or curves cannot be used, or the fit did not converge.
    """
    chosen = check_settings(settings, laws[settings.law])
    try:
        prepared, momentum = prepare_curves(paths, laws[chosen.law], chosen)
        result = _analyse(prepared, chosen, laws)
        result["data"]["momentum"] = momentum
        return result
    except (NotConvergedError, DesignError) as error:
        raise BadInput(f"{paths[0]}: {error}") from error


def _analyse(prepared: Prepared, chosen: Settings, laws: Laws) -> dict[str, Any]:
    law, every, table = laws[chosen.law], prepared.observations, prepared.table
    objective = Objective(chosen.objective, chosen.delta, chosen.above)
    method = Method(
        *(objective, chosen.fixed, chosen.unit, chosen.resamples, chosen.seed, chosen.level)
    )
    keep, highest = split(every, chosen.drop_highest)
    of_both, groups = every.take(keep), None
    if chosen.multiplier is not None:
        labels = table.labels(table.require(chosen.multiplier))
        groups = groups_of(chosen.multiplier, [labels[i] for i in keep])
        keep = keep[~groups.second]  # the law is that of the first group
    observations = every.take(keep)
    names = [prepared.names[i] for i in keep]
    compared = [laws[name] for name in dict.fromkeys([chosen.law, *chosen.compare])]
    # What others need is missed before anything is fitted.
    of_all = observations
    if chosen.compare:
        of_all = with_variables(table, chosen, observations, keep, compared)
    result = analyse(observations, law, method, prepared.columns, names)
    result["warnings"] = [
        *(*left_out_notes(table), *mixed_notes(table)),
        *(*prepared.notes, *result["warnings"]),
    ]
    result["describes"] = law.describes
    result["metric"] = asdict(prepared.metric)
    result["data"] = {
        "columns": prepared.columns,
        "scales": prepared.scales,
        "notes": table.notes,
        "envelope": asdict(prepared.envelope) if prepared.envelope else None,
        "budget": chosen.budget,
        "family": chosen.family,
        "clusters": prepared.clusters,
        "rows": (prepared.envelope.rows_before if prepared.envelope else len(every))
        + sum(len(runs) for runs in table.left_out.values()),
        "left_out": {status: len(runs) for status, runs in table.left_out.items()},
        "dropped_highest": [prepared.names[i] for i in highest],
    }
    result["settings"] = asdict(chosen)
    if chosen.compare:
        result["comparison"] = comparison.compare(of_all, compared, objective)
    if chosen.sensitivity:
        result["sensitivity"] = sensitivity.table(
            every, chosen.drop_highest, law, objective, chosen.fixed, conventions(table, law)
        )
    if law.variables == ("c",):
        result["token_cost"] = asdict(cost_in_table(table, chosen))
    others = other_counts(table, prepared.columns.get("n", "")) if trades_off(law) else {}
    result["n_conventions"] = under_conventions(
        *(observations, law, objective, result["params"], chosen.fixed, prepared.columns),
        {name: n[keep] for name, n in others.items()},
    )
    if chosen.isoflop:
        result["isoflop"] = _isoflop(observations, objective, law, method, result)
    if groups is not None:
        result["multiplier"] = multiplier(
            *(of_both, groups, law, objective, chosen.fixed, TokenCost(**result["token_cost"])),
            *((chosen.unit, chosen.resamples, chosen.seed), chosen.level),
        )
    result["checklist"] = checklist(result, law, prepared, chosen)
    return result


def _isoflop(
    observations: Observations,
    objective: Objective,
    law: Law,
    method: Method,
    result: dict[str, Any],
) -> dict[str, Any]:
    """IsoFLOP analysis, and how far its exponent lies from the law's own at the same budget."""
    cost = TokenCost(**result["token_cost"])
    minima = isoflop.analyse(
        *(observations, objective, method.resamples, method.seed, method.level, cost)
    )
    failed, resamples = minima["resamples_failed"], minima["resamples"]
    if failed > MANY_FAILED * resamples:
        result["warnings"].append(
            warning(
                "isoflop_resamples_failed",
                f"{failed} of {resamples} resamples of the IsoFLOP analysis had no minimum and "
                "were left out: train more sizes at each budget",
            )
        )
    if not trades_off(law):
        return minima
    params = np.array([[result["params"][name] for name in law.names], *result["draws"]["values"]])
    a, *sample = local_exponent(law, float(np.log(minima["at_flops"])), cost, params)
    tail = 50.0 * (1.0 - method.level)
    # A law whose own exponent is weakly identified cannot disagree.
    known = result["intervals"].get(law.exponent_name, {}).get("verdict") != WEAK
    low, high = map(float, np.percentile(sample, [tail, 100.0 - tail])) if known else (None, None)
    ends = (minima["a"]["low"], minima["a"]["high"], low, high)
    overlap = None if None in ends else bool(ends[0] <= ends[3] and ends[2] <= ends[1])
    minima["parametric"] = {"a": float(a), "low": low, "high": high}
    minima["disagreement"] = {"a": minima["a"]["estimate"] - float(a), "intervals_overlap": overlap}
    if overlap is False:
        result["warnings"].append(
            warning(
                "isoflop_disagrees",
                f"IsoFLOP minima give a = {minima['a']['estimate']:.3f}, the law {a:.3f} at the "
                f"middle budget (both in {cost.convention}), and their intervals do not overlap: "
                "the law's form does not hold over this range; compare laws before extrapolating",
            )
        )
    return minima


def check_settings(chosen: Settings, law: Law) -> Settings:
    """Return settings whose every value is allowed for their law.

    Raises:
        BadInput: values outside what is allowed, a line each.
    """
    faults: list[str] = []
    for name, value, allowed in (
        ("objective", chosen.objective, OBJECTIVES),
        ("unit", chosen.unit, UNITS),
        ("metric", chosen.metric, (*METRICS, None)),
    ):
        if value not in allowed:
            faults.append(f"{name} {value!r}; allowed: {', '.join(filter(None, allowed))}")
    for name, value, sound, allowed in (
        ("delta", chosen.delta, 0.0 < chosen.delta < np.inf, "a positive number"),
        ("above", chosen.above, 0.0 < chosen.above < 1.0, "between 0 and 1"),
        ("level", chosen.level, 0.0 < chosen.level < 1.0, "between 0 and 1"),
        (
            *("resamples", chosen.resamples),
            chosen.resamples == 0 or chosen.resamples >= LEAST_RESAMPLES,
            f"0, for no intervals, or at least {LEAST_RESAMPLES}",
        ),
        ("drop_highest", chosen.drop_highest, chosen.drop_highest >= 0, "0 or more"),
        ("seed", chosen.seed, chosen.seed >= 0, "0 or more"),
    ):
        if not sound:
            faults.append(f"{name} {value}; allowed: {allowed}")
    faults += law.faults_of_fixed(chosen.fixed)
    faults += tied_faults(law, chosen.tied, chosen.fixed)
    faults += (
        f"{other} is of one group of runs; leave it or multiplier out"
        for other in ("sensitivity", "envelope")
        if chosen.multiplier is not None and getattr(chosen, other)
    )
    if chosen.isoflop and not {"n", "d"} <= set(law.variables):
        faults.append(f"isoflop needs a law of N and D; {law.name} is {law.formula}")
    if chosen.isoflop and not chosen.resamples:
        faults.append("isoflop needs resamples for its intervals; leave out resamples 0")
    if faults:
        raise BadInput("\n".join(f"fit: {fault}" for fault in faults))
    return chosen
