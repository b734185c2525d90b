"""`observations.csv`: one row per run of a study, its status, and numbers only where it has any."""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

COLUMNS = (
    *("run", "size", "family", "seed", "budget"),
    *("n_non_embedding", "n_total", "n_with_head", "n_tokens", "flops_6nd", "flops_exact"),
    *("loss", "loss_se", "bits_per_byte", "perplexity"),
    *("learning_rate", "learning_rate_flag", "batch_tokens", "unique_tokens", "status", "reason"),
)
# What an evaluation measures.
MEASURED = ("loss", "loss_se", "bits_per_byte", "perplexity")
D_COLUMN = "n_tokens"
LOSS_COLUMN = "loss"
# Runs whose loss is drawn, where they have one.
DRAWN = ("ok", "excluded")


def n_column(convention: str) -> str:
    """Return the column of N by a convention."""
    return f"n_{convention}"


@dataclass(frozen=True)
class Observation:
    """One run; loss and its standard error (nats per token) are NaN where it has none.

    n: parameters by the convention that the table was read with; d: training tokens.
    """

    run: str
    size: str
    family: str
    seed: str
    budget: str
    n: float
    d: float
    loss: float
    loss_se: float
    status: str


def write_observations(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows by the names of their columns; what a row does not have is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([row.get(name) for name in COLUMNS] for row in rows)


def read_observations(path: Path, n_convention: str) -> list[Observation]:
    """Read a table, N by one of the conventions.

    Raises:
        BadInput: it cannot be read, a column is missing, or a cell that must be a number is none.
    """
    return [_observation(row, path, n_column(n_convention)) for row in read_cells(path)]


def read_cells(path: Path) -> list[dict[str, str]]:
    """Read a table of any release as text, a row per run, by column.

    Raises:
        BadInput: it cannot be read, or is no table with a column `run`.
    """
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    return cells_in(content, path)


def cells_in(content: bytes, path: Path) -> list[dict[str, str]]:
    """Return the rows in the content of a table; errors as `read_cells`."""
    try:
        rows = untrusted.rows_of(content.decode("utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: not a table of observations ({error})") from None
    if rows and "run" not in rows[0]:
        raise BadInput(f"{path}: not a table of observations (it has no column run)")
    return rows


def _observation(row: Mapping[str, str], path: Path, n: str) -> Observation:
    needed = ("run", "size", "family", "seed", "budget", n, D_COLUMN, *MEASURED[:2], "status")
    if missing := [name for name in needed if name not in row]:
        raise BadInput(f"{path}: not a table of observations (it has no column {missing[0]})")
    problems = [name for name in (n, D_COLUMN) if not number_of(row[name]) > 0.0]
    # A run without a loss has no error of it either; windows may all have the same loss.
    problems += [LOSS_COLUMN] * bool(row[LOSS_COLUMN] and not number_of(row[LOSS_COLUMN]) > 0.0)
    problems += ["loss_se"] * bool(row["loss_se"] and not number_of(row["loss_se"]) >= 0.0)
    if problems:
        raise BadInput(
            f"{path}: not a table of observations (run {row['run'][:80]!r}, column {problems[0]}: "
            f"found {row[problems[0]][:80]!r}; a positive finite number is needed)"
        )
    return Observation(
        run=row["run"],
        size=row["size"],
        family=row["family"],
        seed=row["seed"],
        budget=row["budget"],
        n=number_of(row[n]),
        d=number_of(row[D_COLUMN]),
        loss=number_of(row[LOSS_COLUMN]),
        loss_se=number_of(row["loss_se"]),
        status=row["status"],
    )


def number_of(cell: str) -> float:
    """Return the finite number in a cell; NaN where it is empty or anything else."""
    try:
        number = float(cell)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
