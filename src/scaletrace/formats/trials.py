"""`tuning/<family>/trials.csv`: every trial of a family, one row each, with its loss."""

import csv
import math
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

COLUMNS = (
    *("trial", "family", "size", "seed", "budget", "n_non_embedding", "n_tokens"),
    *("learning_rate", "batch_tokens", "beta2", "weight_decay", "loss", "loss_se", "status"),
    "used",
)


@dataclass(frozen=True)
class TrialRow:
    """One trial; loss in nats per token, NaN where it diverged.

    weight_decay: None where none was tried. used: whether the chosen parabolas go through it.
    """

    trial: str
    size: str
    n_tokens: int
    learning_rate: float
    batch_tokens: int
    beta2: float
    weight_decay: float | None
    loss: float
    used: bool


def write_trials(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows by the names of their columns; what is None is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([row[name] for name in COLUMNS] for row in rows)


def read_trials(path: Path) -> list[TrialRow]:
    """Read the trials of a family.

    Raises:
        BadInput: it cannot be read, a column is missing, or a cell that must be a number is none.
    """
    try:
        with untrusted.refused_in_words(path):
            return [_trial(row) for row in untrusted.read_rows(path)]
    except KeyError as error:
        raise BadInput(f"{path}: not a table of trials (no column {error.args[0]})") from None
    except ValueError as error:
        raise BadInput(f"{path}: not a table of trials ({str(error)[:200]})") from None


def _trial(row: Mapping[str, str]) -> TrialRow:
    names = ("learning_rate", "batch_tokens", "beta2", "n_tokens")
    numbers = [float(row[name]) for name in names]
    loss = float(row["loss"]) if row["loss"] else math.nan
    if not all(0.0 < number < math.inf for number in [*numbers, loss if row["loss"] else 1.0]):
        raise ValueError(f"found {reprlib.repr(row)}; positive finite numbers are needed")
    rate, batch_tokens, beta2, n_tokens = numbers
    return TrialRow(
        trial=row["trial"],
        size=row["size"],
        n_tokens=int(n_tokens),
        learning_rate=rate,
        batch_tokens=int(batch_tokens),
        beta2=beta2,
        # Tables of earlier releases have no such column.
        weight_decay=float(row["weight_decay"]) if row.get("weight_decay") else None,
        loss=loss,
        used=row["used"] == "yes",
    )
