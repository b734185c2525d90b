"""Can the runs that a study plans carry its fits? Asked of the fits' own code, before training."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.formats.observations import COLUMNS
from scaletrace.formats.runs_table import RunsTable
from scaletrace.study.planned_fits import LEAST_BUDGETS

if TYPE_CHECKING:
    from scaletrace.fitting.settings import Settings
    from scaletrace.study.plan import Plan
    from scaletrace.study.runs import Run

TABLE = Path("observations.csv")


def require_enough(plan: "Plan") -> None:
    """Refuse a study with a fit that must fail, whatever its runs will measure.

    Raises:
        BadInput: a line for each such fit, in the words of its job.
    """
    faults = []
    for name, settings in plan.fits().items():
        try:
            _require(plan.trained_runs(), settings)
        except BadInput as problem:
            faults.append(f"fits: {name}: {str(problem).removeprefix(f'{TABLE}: ')}")
    if faults:
        raise BadInput("\n".join(faults))


def _require(runs: "list[Run]", settings: "Settings") -> None:
    # Studies are read without loading what computes.
    from scaletrace.fitting import isoflop, resampling
    from scaletrace.fitting.design import DesignError
    from scaletrace.fitting.preparation import prepare, split

    table = _table(runs, settings)
    law = kinds.load("laws", settings.law).LAW
    try:
        # Weights come of a first fit to losses that nobody knows yet.
        every = prepare(table, law, dataclasses.replace(settings, weighted=False)).observations
        kept = every.take(split(every, settings.drop_highest)[0])
        resampling.counts(kept, settings.unit, 1, 0)
        if settings.isoflop:
            found = int(isoflop.budgets(kept.variables["c"]).max(initial=-1)) + 1
            if found < LEAST_BUDGETS:
                raise DesignError(
                    f"isoflop needs at least {LEAST_BUDGETS} budgets with {isoflop.FEWEST} runs "
                    f"each; found {found}"
                )
    except DesignError as problem:
        raise BadInput(str(problem)) from None


def _table(runs: "list[Run]", settings: "Settings") -> RunsTable:
    """Return the table that a fit will read, with losses that are made up.

    Those that `drop_highest` leaves out are repetitions as far as there are any: what still fails
    then does so whichever they will be.
    """
    fitted = [
        run
        for run in runs
        if settings.family in (None, run.family) and settings.budget in (None, run.budget)
    ]
    labels = [str(getattr(run, settings.cluster or "size", run.name)) for run in fitted]
    count, seen, rows = Counter(labels), Counter[str](), []
    for run, label in zip(fitted, labels, strict=True):
        place = (seen[label] + list(count).index(label)) % count[label]
        seen[label] += 1
        loss = 1.0 + place
        known = dataclasses.asdict(run) | {"run": run.name, "unique_tokens": run.n_tokens}
        values = {"loss": loss, "bits_per_byte": loss, "perplexity": 1.0 + loss, "loss_se": 1.0}
        values |= known
        rows.append({column: str(values.get(column, "")) for column in COLUMNS})
    columns = {column: [row[column] for row in rows] for column in COLUMNS}
    return RunsTable(TABLE, columns, list(range(2, len(rows) + 2)))
