"""What the figures draw: a study's observations, fits and loss curves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaletrace.drawing.fits import DrawnFit, group_name, read_drawn_fit
from scaletrace.drawing.inputs import Inputs, Settings
from scaletrace.errors import BadInput
from scaletrace.formats.curve import read_curve
from scaletrace.formats.observations import Observation, n_column, read_observations
from scaletrace.formats.source import SourceFile, source_of

N_LABELS = {
    "non_embedding": "Non-embedding parameters N (count)",
    "total": "Total parameters N, embeddings included (count)",
    "with_head": "Parameters N, output head included (count)",
}
D_LABEL = "Training tokens D (count)"
LOSS_LABEL = "Held-out loss (nats per token)"


@dataclass(frozen=True)
class DrawnRun(Observation):
    """One run of the study.

    group: what is drawn alike: a budget's label, after the family's name where there are several.
    """

    group: str

    @property
    def trunk(self) -> str:
        """Name of the size and seed, which is also the trunk's that the run branches from."""
        return f"{self.size}-s{self.seed}"


@dataclass(frozen=True)
class LossCurve:
    """Tokens seen, and the mean training loss since the point before (nats per token)."""

    name: str
    source: SourceFile
    tokens: list[float]
    losses: list[float]


def read_runs(path: Path, n_convention: str) -> list[DrawnRun]:
    """Read `observations.csv`, N by the study's convention.

    Raises:
        BadInput: no table of observations.
    """
    observed = read_observations(path, n_convention)
    several = len({o.family for o in observed}) > 1
    return [
        DrawnRun(**vars(o), group=group_name(o.family if several else None, o.budget))
        for o in observed
    ]


def read_curves(paths: Sequence[Path], names: Sequence[str], what: str) -> list[LossCurve]:
    """Read `curve.csv` files, one per name in the same order; a name's segments are in order.

    Raises:
        BadInput: not one name per file, or a file that is no loss curve.
    """
    if len(paths) != len(names):
        raise BadInput(f"figures: {len(paths)} {what} files for {len(names)} names; one each")
    return [_read_curve(path, name) for path, name in zip(paths, names, strict=True)]


def _read_curve(path: Path, name: str) -> LossCurve:
    points = read_curve(path)
    return LossCurve(
        name, source_of(path), [float(p.tokens) for p in points], [p.loss for p in points]
    )


def ascending(names: Iterable[tuple[str, float]]) -> list[str]:
    """Return the distinct names in ascending order of their largest value, then by name."""
    largest: dict[str, float] = {}
    for name, value in names:
        largest[name] = max(value, largest.get(name, value))
    return sorted(largest, key=lambda name: (largest[name], name))


@dataclass(frozen=True)
class FigureContent:
    """All that a figure of observations, fits and curves may draw."""

    observations: list[DrawnRun]
    source: SourceFile
    fits: list[DrawnFit]
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

    def runs(self, size: str) -> list[DrawnRun]:
        """The runs of a size, in the order of the table."""
        return [o for o in self.observations if o.size == size]

    def trunks(self, size: str) -> list[str]:
        """The names that trunks of a size have, each once."""
        return list(dict.fromkeys(o.trunk for o in self.runs(size)))


def read_content(inputs: Inputs, settings: Settings) -> FigureContent:
    """Read a figure's inputs; the fits and curves that a figure does not need may be missing.

    Raises:
        BadInput: an unknown convention of N, or an input that is not what it should be.
    """
    convention = settings.conventions.get("n", "")
    if convention not in N_LABELS:
        raise BadInput(f"conventions.n: {convention!r}; one of {', '.join(N_LABELS)}")
    if inputs.observations is None:
        raise BadInput(f"figures: no observations; {settings.figure} is drawn from them")
    column = n_column(convention)
    return FigureContent(
        read_runs(inputs.observations, convention),
        source_of(inputs.observations),
        [read_drawn_fit(path, column) for path in inputs.fits],
        read_curves(inputs.curves, settings.runs, "curve"),
        read_curves(inputs.trunk_curves, settings.trunks, "trunk curve"),
        column,
        N_LABELS[convention],
    )
