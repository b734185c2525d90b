"""The fits of a study: the settings of each, and what its runs cannot give them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.fitting.settings import Settings
from scaletrace.study.config import Study
from scaletrace.study.fits import StudyFit
from scaletrace.study.runs import Run, named

if TYPE_CHECKING:
    from scaletrace.fitting.law import Law

# Keys of a study's fit that are settings of its job by the same name.
OPTIONS = Settings.__dataclass_fields__.keys() - {"law", "budget", "family"}
LEAST_BUDGETS, LEAST_AT_A_BUDGET = 3, 5  # of an IsoFLOP analysis


def fits(study: Study, runs: Sequence[Run]) -> dict[str, Settings]:
    """Return the settings of each fit by name: per family and law one, or one per budget.

    Args:
        study: whose fits they are.
        runs: all runs of the study.

    Raises:
        BadInput: two fits of one name, or fits that the runs cannot give; a line each.
    """
    by_name: dict[str, Settings] = {}
    faults: list[str] = []
    left_out = study.exclude.keys() | study.failed.keys()
    trained = [run for run in runs if run.name not in left_out]
    # What a study without `fits` lacks, `fit_rows` says.
    asked = "fits" in study.model_fields_set
    for index, entry in enumerate(study.fits):
        key = f"fits[{index}]"
        if asked:
            faults += (f"{key}.{fault}" for fault in _faults(study, entry, runs, trained))
        for name, settings in _of_entry(study, entry, runs):
            if name in by_name:
                faults.append(
                    f"{key}: another fit is called {name} too; give this one a `name` of its own"
                )
                break
            by_name[name] = settings
    if faults:
        raise BadInput("\n".join(faults))
    return by_name


def drawn_columns(study: Study) -> dict[str, str]:
    """Return the columns that figures draw; a fit to others stands in none."""
    return {"n": f"n_{study.conventions.n}", "d": "n_tokens", "loss": "loss"}


def _per_budget(entry: StudyFit) -> bool:
    if entry.per is not None:
        return entry.per == "budget"
    return getattr(kinds.load("laws", entry.law), "PER_BUDGET", False)


def _settings(study: Study, entry: StudyFit, budget: str | None, **own: Any) -> Settings:
    given = {name: getattr(entry, name) for name in OPTIONS if name in entry.model_fields_set}
    columns: dict[str, Any] = {
        **drawn_columns(study),
        "flops": f"flops_{study.conventions.flops}",
        "cluster": "size",
    }
    chosen = columns | {name: value for name, value in given.items() if value is not None}
    return Settings(law=entry.law, budget=budget, **own, **chosen)


def _of_entry(study: Study, entry: StudyFit, runs: Sequence[Run]) -> Iterator[tuple[str, Settings]]:
    families = study.model.family
    budgets = list(dict.fromkeys(run.budget for run in runs)) if _per_budget(entry) else [None]
    for family in families:
        own = {"family": family} if len(families) > 1 else {}
        name = named(entry.name or entry.law, family)
        for budget in budgets:
            full = "-".join([name, *([budget] if budget else [])])
            yield full, _settings(study, entry, budget, **own)


def _faults(
    study: Study, entry: StudyFit, runs: Sequence[Run], trained: Sequence[Run]
) -> Iterator[str]:
    """Yield what the study's runs cannot give a fit, each with the key that asks for it."""
    law = kinds.load("laws", entry.law).LAW
    if law.along is not None:
        yield (
            f"law: {law.name} is a law of loss curves, not of a study's runs; "
            f"fit it with `scaletrace fit CURVE.csv ... --law {law.name}`"
        )
        return
    if law.describes != "loss":
        yield f"law: {law.name} is a law of optima, not of a study's runs"
        return
    for name in entry.compare:
        if kinds.load("laws", name).LAW.along is not None:
            yield f"compare: {name} is a law of loss curves, not of a study's runs"
        elif kinds.load("laws", name).LAW.describes != "loss":
            yield f"compare: {name} is a law of optima, not of a study's runs"
    yield from (f"fixed: {fault}" for fault in law.faults_of_fixed(entry.fixed))
    if entry.tied:
        # Studies are read without loading what computes.
        from scaletrace.fitting import tied

        yield from (f"tied: {fault}" for fault in tied.faults(law, entry.tied, entry.fixed))
    if entry.loss not in (None, "loss") and entry.weighted:
        yield (
            f"weighted: loss_se is the standard error of the loss in nats, not of {entry.loss}; "
            "with this `loss` give weighted: false"
        )
    models = {(run.size, run.seed) for run in trained}
    if entry.unit == "seed" and len(models) == len({size for size, _ in models}):
        yield "unit: resampling seeds needs a size with two or more seeds; give some, or cluster"
    if entry.isoflop:
        yield from (f"isoflop: {fault}" for fault in _isoflop_faults(study, entry, law, trained))
    for _, settings in _of_entry(study, entry, runs):
        if fault := _unvaried(settings, law, trained):
            yield fault
            return


def _isoflop_faults(
    study: Study, entry: StudyFit, law: "Law", runs: Sequence[Run]
) -> Iterator[str]:
    if not {"n", "d"} <= set(law.variables):
        yield f"needs a law of N and D; {law.name} is {law.formula}"
    if not study.flops or _per_budget(entry):
        yield (
            f"needs runs of at least {LEAST_BUDGETS} budgets of equal FLOPs in one fit; give the "
            "study `flops` in place of `budgets`, and per: all"
        )
        return
    if entry.flops not in (None, f"flops_{study.conventions.flops}"):
        yield (
            f"needs runs of equal FLOPs, and they are equal in flops_{study.conventions.flops} "
            f"(conventions.flops), not in {entry.flops}"
        )
    for family in study.model.family:
        counts = Counter(run.budget for run in runs if run.family == family)
        enough = sum(count >= LEAST_AT_A_BUDGET for count in counts.values())
        if enough < LEAST_BUDGETS:
            yield (
                f"needs at least {LEAST_BUDGETS} budgets with {LEAST_AT_A_BUDGET} runs each; the "
                f"study has {enough}: add sizes or flops"
            )
            return


def _unvaried(settings: Settings, law: "Law", trained: Sequence[Run]) -> str | None:
    """Return a sentence if a fit's runs do not vary a variable of its law."""
    words = {"n": "N: give several sizes", "d": "D: give several budgets", "c": "C: give more runs"}
    columns = {"n": settings.n, "d": settings.d, "c": settings.flops}
    runs = [
        run
        for run in trained
        if settings.family in (None, run.family) and settings.budget in (None, run.budget)
    ]
    for variable in law.varied:
        column = columns.get(variable) or ""
        values = {getattr(run, column, None) for run in runs}
        if len(values) == 1 and None not in values:
            where = f" of budget {settings.budget}" if settings.budget else ""
            return (
                f"{'per' if settings.budget else 'law'}: {law.name} needs runs of different "
                f"{words[variable]}; all{where} have {column} {values.pop():g}"
            )
    return None
