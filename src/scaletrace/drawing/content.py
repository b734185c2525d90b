"""Reading what the figures draw: a study's observations, fits and loss curves."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.fit import Fit, group_name, read_fit
from scaletrace.formats.source import Source, source_of

N_LABELS = {
    "non_embedding": "Non-embedding parameters N (count)",
    "total": "Total parameters N, embeddings included (count)",
    "with_head": "Parameters N, output head included (count)",
}
D_LABEL = "Training tokens D (count)"
LOSS_LABEL = "Held-out loss (nats per token)"


@dataclass(frozen=True)
class Observation:
    """One run of the study; loss and its standard error are NaN where it has none.

    group: what is drawn alike: a budget's label, after the family's name where there are several.
    """

    run: str
    size: str
    family: str
    group: str
    seed: str
    budget: str
    n: float
    d: float
    loss: float
    loss_se: float
    status: str

    @property
    def trunk(self) -> str:
        """Name of the size and seed, which is also the trunk's that the run branches from."""
        return f"{self.size}-s{self.seed}"


@dataclass(frozen=True)
class LossCurve:
    """Tokens seen, and the mean training loss since the row before (nats per token)."""

    name: str
    source: Source
    tokens: list[float]
    losses: list[float]


def read_observations(path: Path, n_convention: str) -> list[Observation]:
    """Read `observations.csv`, N by the study's convention.

    Raises:
        BadInput: a column is missing, or a cell that must be a number is not one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
            several = len({row["family"] for row in rows}) > 1
            return [
                Observation(
                    run=row["run"],
                    size=row["size"],
                    family=row["family"],
                    group=group_name(row["family"] if several else None, row["budget"]),
                    seed=row["seed"],
                    budget=row["budget"],
                    n=float(row[f"n_{n_convention}"]),
                    d=float(row["n_tokens"]),
                    loss=float(row["loss"] or "nan"),
                    loss_se=float(row["loss_se"] or "nan"),
                    status=row["status"],
                )
                for row in rows
            ]
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: not a table of observations ({error!r})") from error


def read_curves(paths: list[Path], names: list[str], what: str) -> list[LossCurve]:
    """Read `curve.csv` files, one per name in the same order; a name's segments are in order.

    Raises:
        BadInput: not one name per file, or a file that is no loss curve.
    """
    if len(paths) != len(names):
        raise BadInput(f"figures: {len(paths)} {what} files for {len(names)} names; one each")
    return [_read_curve(path, name) for path, name in zip(paths, names, strict=True)]


def _read_curve(path: Path, name: str) -> LossCurve:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [(float(row["tokens"]), float(row["loss"])) for row in csv.DictReader(stream)]
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: not a loss curve ({error!r})") from error
    return LossCurve(name, source_of(path), [t for t, _ in rows], [loss for _, loss in rows])


def ascending(names: Iterable[tuple[str, float]]) -> list[str]:
    """Return the distinct names in ascending order of their largest value, then by name."""
    largest: dict[str, float] = {}
    for name, value in names:
        largest[name] = max(value, largest.get(name, value))
    return sorted(largest, key=lambda name: (largest[name], name))


@dataclass(frozen=True)
class Study:
    """All that a figure may draw."""

    observations: list[Observation]
    source: Source
    fits: list[Fit]
    curves: list[LossCurve]
    trunk_curves: list[LossCurve]
    n_column: str
    n_label: str

    @property
    def families(self) -> list[str]:
        """The model families, in the order of the table."""
        return list(dict.fromkeys(o.family for o in self.observations))

    @property
    def groups(self) -> dict[str, str]:
        """The groups' families, budgets in ascending order of the tokens that they allow."""
        return self._by_family("group", "d")

    @property
    def sizes(self) -> dict[str, str]:
        """The sizes' families, in ascending order of N."""
        return self._by_family("size", "n")

    def _by_family(self, name: str, value: str) -> dict[str, str]:
        return {
            member: family
            for family in self.families
            for member in ascending(
                (getattr(o, name), getattr(o, value))
                for o in self.observations
                if o.family == family
            )
        }

    def d_of_groups(self, family: str | None) -> dict[str, float]:
        """D of every group whose budget is a number of tokens, one and the same for all runs.

        Of one family's groups alone, where one is given.
        """
        of = {g for g, its in self.groups.items() if family in (None, its)}
        tokens = {g: {o.d for o in self.observations if o.group == g} for g in of}
        return {group: min(ds) for group, ds in tokens.items() if len(ds) == 1}

    def n_of_sizes(self, family: str | None) -> dict[str, float]:
        """N of every size, or of one family's."""
        return {s: self.n_of(s) for s, its in self.sizes.items() if family in (None, its)}

    def n_of(self, size: str) -> float:
        """N of a size, by the study's convention."""
        return next(o.n for o in self.observations if o.size == size)

    def runs(self, size: str) -> list[Observation]:
        """The runs of a size, in the order of the table."""
        return [o for o in self.observations if o.size == size]

    def trunks(self, size: str) -> list[str]:
        """The names that trunks of a size have, each once."""
        return list(dict.fromkeys(o.trunk for o in self.runs(size)))


def read_study(inputs: dict[str, list[Path]], settings: dict[str, Any]) -> Study:
    """Read a figure's inputs; those that a figure does not need may be missing.

    Raises:
        BadInput: an unknown convention of N, or an input that is not what it should be.
    """
    convention = settings["conventions"]["n"]
    if convention not in N_LABELS:
        raise BadInput(f"conventions.n: {convention!r}; one of {', '.join(N_LABELS)}")
    (observations,) = inputs["observations"]
    return Study(
        read_observations(observations, convention),
        source_of(observations),
        [read_fit(path, f"n_{convention}") for path in inputs.get("fits", [])],
        read_curves(inputs.get("curves", []), settings.get("runs", []), "curve"),
        read_curves(inputs.get("trunk_curves", []), settings.get("trunks", []), "trunk curve"),
        f"n_{convention}",
        N_LABELS[convention],
    )
