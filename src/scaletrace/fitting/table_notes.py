"""What a reader of a fit must know of how its table was read, as warnings."""

from collections.abc import Mapping

from scaletrace.fitting.columns import Numbers
from scaletrace.fitting.diagnostics import Warnings, warning
from scaletrace.fitting.law import VARIABLES, Array, Law
from scaletrace.fitting.metric import Metric, rises
from scaletrace.formats.runs_table import RunsTable

NAMED = 20  # runs that a warning names
FORMULAS = {"6ND": "6 N D", "C/(6N)": "C / (6 N)", "C/(6D)": "C / (6 D)"}


def left_out_notes(table: RunsTable) -> Warnings:
    """Say which runs were left out, by why."""
    return [
        warning(
            "runs_left_out",
            f"{len(runs)} run{'s' if len(runs) > 1 else ''} {_said(why)} left out: "
            f"{', '.join(runs[:NAMED])}"
            + (f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""),
        )
        for why, runs in sorted(table.left_out.items())
    ]


def _said(why: str) -> str:
    return "without a loss" if why == "no loss" else f"with status {why}"


def mixed_notes(table: RunsTable) -> Warnings:
    """Say that one law goes through runs of several families."""
    families = sorted(set(table.columns.get("family", [])))
    if len(families) < 2:
        return []
    return [
        warning(
            "families_mixed",
            f"one law through runs of {', '.join(families)}: choose one with --family",
        )
    ]


def derived_notes(law: Law, known: Mapping[str, Numbers]) -> Warnings:
    """Say which variables of the law come from others by C = 6 N D."""
    return [
        warning(
            f"derived_{v}",
            f"{v.upper()} = {FORMULAS[known[v].column]}: the table has no column of "
            f"{VARIABLES[v].rpartition(' ')[0]}",
        )
        for v in law.variables
        if known[v].column in FORMULAS
    ]


def metric_notes(metric: Metric, column: str) -> Warnings:
    """Say what is fitted where that is not the number in the table."""
    share = "in per cent, " if metric.percent else ""
    if metric.name == "accuracy":
        sentence = f"{column} is an accuracy, {share}and fitted as the error 1 - accuracy"
        return [warning("fitted_as_error", sentence)]
    if metric.name == "perplexity":
        sentence = f"{column} is a perplexity, and fitted as its logarithm, in nats per token"
        return [warning("fitted_as_nats", sentence)]
    if metric.percent:
        return [warning("per_cent", f"{column} is an error in per cent, and fitted as a share")]
    return []


def rising_notes(
    loss: Array, variables: Mapping[str, Array], metric: Metric, column: str
) -> Warnings:
    """Say that what a law of falling loss is fitted to rises with scale."""
    risen = rises(loss, dict(variables))
    if not risen:
        return []
    symbols = " and ".join(v.upper() for v in risen)
    if metric.name == "accuracy":
        sentence = (
            f"{column} falls with {symbols}, so that the error rises, and every law of it falls: "
            f"if less of {column} is better, say --metric error or other"
        )
    else:
        sentence = (
            f"{column} rises with {symbols}, and every law of it falls: if more of it is better, "
            "say --metric accuracy (1 - accuracy is fitted); if not, larger scales did worse"
        )
    return [warning("rises_with_scale", sentence)]
