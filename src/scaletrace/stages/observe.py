"""Gather every run of a study, trained or not, into one table."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import RateLaw, read_rate_law

COLUMNS = [
    *("run", "size", "family", "seed", "budget"),
    *("n_non_embedding", "n_total", "n_with_head", "n_tokens", "flops_6nd", "flops_exact"),
    *("loss", "loss_se", "bits_per_byte", "perplexity"),
    *("learning_rate", "learning_rate_flag", "batch_tokens", "unique_tokens", "status", "reason"),
]
MEASURED = ("loss", "loss_se", "bits_per_byte", "perplexity")


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
    evals = {path.stem: _read(path) for path in inputs.evals}
    outcomes = {path.parent.name: _read(path) for path in inputs.outcomes}
    laws = {law.family: law for law in map(read_rate_law, inputs.laws)}
    rows = [
        _row(_with_rate(run, laws), evals.get(run["run"]), outcomes.get(run["run"]))
        for run in settings.runs
    ]
    with outputs.observations.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([row.get(name) for name in COLUMNS] for row in rows)
    return {"runs": len(rows), "ok": sum(row["status"] == "ok" for row in rows)}


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _with_rate(run: dict[str, Any], laws: dict[str, RateLaw]) -> dict[str, Any]:
    law = laws.get(run["family"])
    if law is None:
        return run
    n, rate = run["n_non_embedding"], run["learning_rate"]
    if rate is None:
        return {**run, "learning_rate": law.rate(n), "batch_tokens": law.batch_tokens}
    return {**run, "learning_rate_flag": law.flag(n, rate)}


def _row(
    run: dict[str, Any], evaluation: dict[str, Any] | None, outcome: dict[str, Any] | None
) -> dict[str, Any]:
    row = {name: run[name] for name in COLUMNS if name in run}
    if evaluation:
        row |= {name: evaluation[name] for name in MEASURED}
    if outcome:
        row["unique_tokens"] = outcome["unique_tokens"]
    status, reason = _status(run, evaluation, outcome)
    return row | {"status": status, "reason": reason}


def _status(
    run: dict[str, Any], evaluation: dict[str, Any] | None, outcome: dict[str, Any] | None
) -> tuple[str, str]:
    for status in ("excluded", "failed"):
        if run[status] is not None:
            return status, run[status]
    if evaluation is None or outcome is None:
        raise BadInput(
            f"run {run['run']}: no evaluation and outcome, and neither excluded nor failed"
        )
    if outcome["status"] == "diverged":
        return "diverged", f"loss not finite by step {outcome['step']}"
    if evaluation["status"] == "failed":
        return "failed", "loss on the held-out tokens not finite"
    return "ok", ""
