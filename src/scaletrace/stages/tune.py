"""Fit the law of the best learning rate to a family's trials."""

import dataclasses
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The results of a family's trials."""

    trials: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The law, and the table of trials."""

    law: Path
    trials: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """The family, and its trials as they were planned."""

    family: str
    trials: list[dict[str, Any]]


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write the law (see `formats.rate_law`), with the evidence for it, and the table of trials.

    `used` is `yes` for the trials that the chosen parabolas go through.

    Raises:
        BadInput: the candidates enclose a minimum at too few sizes and budgets.
    """
    from scaletrace.fitting.rate_tuning import edge_text, tuned
    from scaletrace.formats.rate_law import write_rate_law
    from scaletrace.formats.trial import read_trial
    from scaletrace.formats.trials import write_trials

    del work
    results = {path.stem: dataclasses.asdict(read_trial(path)) for path in inputs.trials}
    trials = [{**trial, **results[trial["trial"]]} for trial in settings.trials]
    law, evidence, used = tuned(settings.family, trials)
    write_rate_law(outputs.law, law, evidence)
    write_trials(
        outputs.trials,
        (
            {
                **trial,
                "family": settings.family,
                "used": "yes" if trial["trial"] in used else "no",
            }
            for trial in trials
        ),
    )
    for edge in evidence["next"]:
        print(f"tune: {edge_text(edge)}", flush=True)
    return {"trials": len(trials), "edges": len(evidence["next"])}
