"""Fit the law of the best learning rate to a family's trials."""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

COLUMNS = (
    *("trial", "family", "size", "seed", "n_non_embedding", "n_tokens", "learning_rate"),
    *("batch_tokens", "beta2", "loss", "loss_se", "status", "used"),
)


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
        BadInput: the candidates of a size do not enclose a minimum.
    """
    from scaletrace.fitting.rate_tuning import tuned
    from scaletrace.formats.files import write_json

    del work
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in inputs.trials}
    trials = [{**trial, **results[trial["trial"]]} for trial in settings.trials]
    law, evidence, used = tuned(settings.family, trials)
    write_json(outputs.law, dataclasses.asdict(law) | evidence)
    with outputs.trials.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for trial in trials:
            row = {**trial, "family": settings.family}
            row["used"] = "yes" if trial["trial"] in used else "no"
            writer.writerow([row[name] for name in COLUMNS])
    return {"trials": len(trials)}
