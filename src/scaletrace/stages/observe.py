"""Gather every run of a study, trained or not, into one table."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import EvaluatedRun, read_evaluation
from scaletrace.formats.observations import COLUMNS, MEASURED, write_observations
from scaletrace.formats.outcome import RunOutcome, read_outcome
from scaletrace.formats.rate_law import RateLaw, read_rate_law


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Evaluations and outcomes, one of each per trained run, and the tuned laws, one per family."""

    evals: tuple[Path, ...] = ()
    outcomes: tuple[Path, ...] = ()
    laws: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The table of all runs."""

    observations: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """A planned row per run of the study, with why it is excluded or was given up."""

    runs: list[dict[str, Any]]


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write `observations.csv`: one row per run, its status, and numbers only where there are any.

    Evaluations and outcomes belong to the run that names their file or folder
    (`evals/<run>.json`, `runs/<run>/outcome.json`). A family's law of the learning rate, where
    the study has tuned one, gives the rates that the plan leaves open; `learning_rate_flag` is
    `above law` or `below law` where a run's rate is more than twice the law's or less than half.
    """
    del work
    evals = {path.stem: read_evaluation(path) for path in inputs.evals}
    outcomes = {path.parent.name: read_outcome(path) for path in inputs.outcomes}
    laws = {law.family: law for law in map(read_rate_law, inputs.laws)}
    rows = [
        _row(_with_rate(run, laws), evals.get(run["run"]), outcomes.get(run["run"]))
        for run in settings.runs
    ]
    write_observations(outputs.observations, rows)
    return {"runs": len(rows), "ok": sum(row["status"] == "ok" for row in rows)}


def _with_rate(run: dict[str, Any], laws: dict[str, RateLaw]) -> dict[str, Any]:
    law = laws.get(run["family"])
    if law is None:
        return run
    n, d, rate = run["n_non_embedding"], run["n_tokens"], run["learning_rate"]
    if rate is None:
        batch = law.batch_tokens or run["batch_tokens"]
        return {**run, "learning_rate": law.rate(n, d), "batch_tokens": batch}
    return {**run, "learning_rate_flag": law.flag(n, d, rate)}


def _row(
    run: dict[str, Any], evaluation: EvaluatedRun | None, outcome: RunOutcome | None
) -> dict[str, Any]:
    row = {name: run[name] for name in COLUMNS if name in run}
    if evaluation:
        row |= {name: getattr(evaluation, name) for name in MEASURED}
    if outcome:
        row["unique_tokens"] = outcome.unique_tokens
    status, reason = _status(run, evaluation, outcome)
    return row | {"status": status, "reason": reason}


def _status(
    run: dict[str, Any], evaluation: EvaluatedRun | None, outcome: RunOutcome | None
) -> tuple[str, str]:
    for status in ("excluded", "failed"):
        if run[status] is not None:
            return status, run[status]
    if evaluation is None or outcome is None:
        raise BadInput(
            f"run {run['run']}: no evaluation and outcome, and neither excluded nor failed"
        )
    if outcome.status == "diverged":
        # With steps that are skipped, gradients decide.
        what = "loss" if outcome.skipped is None else "gradient"
        return "diverged", f"{what} not finite by step {outcome.step}"
    if evaluation.status == "failed":
        return "failed", "loss on the held-out tokens not finite"
    return "ok", ""
