"""The library for notebooks: fits as objects, tables in and out as pandas DataFrames.

`scaletrace.fit`, `scaletrace.compare` and `scaletrace.read_fit` are these functions. They go
through the doors of the commands, so that both give the same numbers, digit by digit.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scaletrace import kinds
from scaletrace.commands import _points
from scaletrace.commands import fit as fit_command
from scaletrace.commands._answers import VARIABLES, predict_each
from scaletrace.commands._fit_summary import summary
from scaletrace.errors import BadInput
from scaletrace.fitting import allocation
from scaletrace.fitting.settings import AUTO, LEAST_RESAMPLES, MetricName, ObjectiveName, UnitName
from scaletrace.formats import fit as fit_format
from scaletrace.formats import fit_file, untrusted
from scaletrace.formats.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scaletrace.drawing.fitted_runs import FittedRuns
    from scaletrace.fitting.proposal import Proposal

Table = pd.DataFrame | Mapping[str, Any] | Path | str | Sequence[Path | str]


class Options(TypedDict, total=False):
    """Options of a fit; a column that is left out is found by its usual names.

    n, d, flops, unique, loss, loss_se, cluster, seed_column: names of columns.
    budget, family: the only label, in the column of that name, of rows that are used.
    where: conditions that rows must meet, such as "split == test".
    scale: what a column is multiplied by, such as {"n": 1e6}.
    metric: what the loss column measures.
    weighted: whether standard errors of losses are weights.
    objective, delta, above: what is minimised; the Huber threshold; the weight of losses above an
        asymmetric law.
    drop_highest: how many of the highest losses are left out.
    fix: parameters that are held, such as {"E": 1.7}.
    tie: exponents that equal others, such as {"alpha": "beta"}.
    unit, bootstrap, seed, level: what is resampled, how often, with which seed; of intervals.
    envelope: of rows with the same N and D, use the one of the lowest loss.
    compare: laws to compare with. sensitivity: refit under other choices. isoflop: also find each
        budget's best N.
    multiplier: column of two groups of runs, to say how many times less compute one needs.
    """

    n: str
    d: str
    flops: str
    unique: str
    loss: str
    loss_se: str
    cluster: str
    seed_column: str
    budget: str
    family: str
    where: Sequence[str]
    scale: Mapping[str, float]
    metric: MetricName
    weighted: bool
    objective: ObjectiveName
    delta: float
    above: float
    drop_highest: int
    fix: Mapping[str, float]
    tie: Mapping[str, str]
    unit: UnitName
    bootstrap: int
    seed: int
    level: float
    compare: Sequence[str]
    sensitivity: bool
    envelope: bool
    isoflop: bool
    multiplier: str


# Of options whose setting is called otherwise.
SETTINGS = {"fix": "fixed", "tie": "tied", "bootstrap": "resamples"}


@dataclass(frozen=True, repr=False)
class Fit:
    """A fitted law. It is FIT.json, which docs/formats.md describes; `to_json` gives that back."""

    content: bytes = field(repr=False)
    path: Path = Path("FIT.json")

    @staticmethod
    def read(path: Path | str) -> "Fit":
        """Read a fit that `scaletrace fit --out` or `to_json` wrote.

        Raises:
            BadInput: it is none.
        """
        return read_fit(path)

    @cached_property
    def _parsed(self) -> tuple[fit_format.Fit, list[dict[str, Any]]]:
        return fit_file.parse_with_rows(self.content, self.path)

    @property
    def _fit(self) -> fit_format.Fit:
        return self._parsed[0]

    @property
    def _law(self) -> Any:
        return kinds.load("laws", self._fit.law).LAW

    @property
    def law(self) -> str:
        """The name of the law."""
        return self._fit.law

    @property
    def formula(self) -> str:
        """The loss as the law has it."""
        return self._fit.formula

    @property
    def params(self) -> dict[str, float]:
        """The parameters, those that were held included."""
        return dict(self._fit.params)

    @property
    def intervals(self) -> pd.DataFrame:
        """A row per parameter that was fitted, and per quantity that follows.

        Columns estimate, low, high, se, level, verdict; NaN for an end that is open, and for the
        standard error of what is weakly identified.
        """
        known = self._fit.intervals
        names = [*self._fit.draws.names, *known]
        order = [name for name in dict.fromkeys(names) if name in known]
        columns = ("estimate", "low", "high", "se", "level", "verdict")
        rows = [[getattr(known[name], column) for column in columns] for name in order]
        frame = pd.DataFrame(rows, index=pd.Index(order, name="parameter"), columns=list(columns))
        return frame.astype(dict.fromkeys(columns[:-1], float))

    @property
    def warnings(self) -> list[fit_format.Warned]:
        """What to know before the fit is used: each with a code and a message."""
        return list(self._fit.warnings)

    @property
    def residuals(self) -> pd.DataFrame:
        """A row per run: run, the law's variables, observed, predicted, log_residual."""
        rows, last = self._parsed[1], ["observed", "predicted", "log_residual"]
        between = [name for name in rows[0] if name not in ("run", *last)]
        return pd.DataFrame(rows, columns=["run", *between, *last])

    @property
    def comparison(self) -> pd.DataFrame:
        """With compare=...: a row per law, see `compare`."""
        rows = [
            (row.law, row.rms_relative_error, row.aic, row.bic, row.failed)
            if row.failed is None
            else (row.law, None, None, None, row.failed)
            for row in self._fit.comparison
        ]
        columns = ["law", "error_ahead", "aic", "bic", "failed"]
        frame = pd.DataFrame(rows, columns=columns).set_index("law")
        return frame.astype(dict.fromkeys(columns[1:4], float))

    def predict(
        self,
        points: pd.DataFrame | None = None,
        *,
        flops: ArrayLike | None = None,
        n: ArrayLike | None = None,
        d: ArrayLike | None = None,
        unique: ArrayLike | None = None,
        loss: ArrayLike | None = None,
        perplexity: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Answer what `scaletrace predict` answers, for many points at once.

        Args:
            points: a row each; columns n, d, … as below, or called as in the table of the fit,
                and then in that table's units. Its other columns and its index are kept.
            flops: training FLOPs, counted as in the fit: the best N, D and the loss there.
            n: model parameters, with d: the loss.
            d: training tokens.
            unique: unique tokens; all are, where it is left out.
            loss: a target, alone or with n or d: what it takes.
            perplexity: the same as a perplexity.

        Returns:
            A row per point: what was given, each prediction with its interval (loss, loss_low,
            loss_high: of the law's mean; loss_run_low, loss_run_high: of a run that will be
            measured; N_opt, …) and the codes of warnings. inf: more than any. NaN: unreachable.

        Raises:
            BadInput: the law cannot answer this.
        """
        values = {"flops": flops, "n": n, "d": d, "unique": unique}
        values |= {"loss": loss, "perplexity": perplexity}
        given = {name: value for name, value in values.items() if value is not None}
        if points is not None:
            if given:
                raise BadInput(f"predict: points, or {', '.join(given)}; not both")
            return self._answers(self._questions(points), points)
        if not given:
            raise BadInput(f"predict: nothing is asked; give points, or {', '.join(values)}")
        with _refused("predict"):
            columns = np.broadcast_arrays(*map(np.atleast_1d, given.values()))
            frame = pd.DataFrame(
                {k: np.ravel(v).astype(float) for k, v in zip(given, columns, strict=True)}
            )
        return self._answers(frame, frame)

    def _questions(self, points: pd.DataFrame) -> pd.DataFrame:
        """Return the points' values by the names of `predict`, in natural units."""
        found: dict[str, Any] = {}
        data = self._fit.data
        names = {v: k for k, v in VARIABLES.items()}
        for variable in ("n", "d", "c", "u"):
            option, column = names.get(variable, variable), data.columns.get(variable)
            if column in points.columns:
                found[option] = points[column] * data.scales.get(variable, 1.0)
            elif option in points.columns:
                found[option] = points[option]
        wanted = {str(names.get(v, v)) for v in self._law.variables}
        if {"n", "d"} <= wanted and not {"n", "d"} <= found.keys():
            wanted = {"flops"}
        wanted -= {"flops", "unique"} - found.keys()
        if not wanted or not wanted <= found.keys():
            raise BadInput(
                f"predict: points with the columns {', '.join(map(str, points.columns))}; "
                f"{self.law} needs {' and '.join(sorted(wanted or {'flops'}))}"
            )
        with _refused("predict"):
            return pd.DataFrame({name: found[name].astype(float) for name in sorted(wanted)})

    def _answers(self, questions: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
        if questions.empty:
            raise BadInput("predict: no points")
        asked = cast("list[dict[str, float]]", questions.to_dict("records"))
        try:
            with _refused(str(self.path)):
                found = predict_each(self._fit, asked, [f"row {i}" for i in range(len(asked))])
        except BadInput as problem:
            raise BadInput(f"predict: {str(problem).replace('--', '')}") from None
        rows = [_points.row_of(answer) for answer in found]
        answers = pd.DataFrame(rows, index=shown.index)
        answers = answers[[*(name for name in answers if name != "warnings"), "warnings"]]
        kept = shown.drop(columns=[name for name in answers if name in shown.columns])
        return pd.concat([kept, answers], axis="columns")

    def optimal(self, flops: ArrayLike) -> pd.DataFrame:
        """Return the best N and D of budgets of FLOPs, and the loss there, with intervals.

        Raises:
            BadInput: the law does not trade N against D.
        """
        if not allocation.trades_off(self._law):
            raise BadInput(f"optimal: {self.law} does not trade N against D: {self.formula}")
        return self.predict(flops=flops)

    def next_runs(
        self,
        spend: float,
        goal: str | None = None,
        smallest: float | None = None,
        largest: float | None = None,
    ) -> "Proposal":
        """Propose the runs that most shrink the interval of a goal for `spend` FLOPs.

        As `scaletrace next`: the goal is `loss@N,D`, `loss@C`, `N_opt@C`, `D_opt@C`, a parameter or
        `a`; sizes are from smallest to largest N. Its `runs` are a DataFrame by
        `pd.DataFrame(proposal.runs)`.

        Raises:
            BadInput: not a law of N and D or of C, no such goal, or nothing that `spend` pays for.
        """
        from scaletrace.fitting.proposal import next_runs

        planning = fit_file.planning_in(self.content, self.path)
        return next_runs(planning, spend, goal, smallest, largest)

    @cached_property
    def _runs(self) -> "FittedRuns":
        from scaletrace.drawing.fitted_runs import fitted_runs

        return fitted_runs(self.content, self.path)

    def plot(self) -> "Figure":
        """Draw what `scaletrace fit --figure` draws; a notebook shows it.

        Raises:
            BadInput: the fit lacks its runs.
        """
        from scaletrace.drawing import picture, style

        with style.house_style():
            return picture.draw(self._runs, picture.panels_of(self._runs))

    def save_plot(self, path: Path | str) -> None:
        """Write the picture as .pdf, .svg, .png or .html, and its numbers beside it.

        Raises:
            BadInput: another end of the name, or it cannot be written.
        """
        from scaletrace.drawing.picture import save

        save(self._runs, Path(path))

    def to_json(self, path: Path | str | None = None) -> str:
        """Return FIT.json as text, and write it to a file if one is given.

        Raises:
            BadInput: it cannot be written.
        """
        text = self.content.decode()
        if path is not None:
            with _refused(str(path)):
                write_text(Path(path), text)
        return text

    def __repr__(self) -> str:
        """Return what the command prints."""
        return "\n".join(summary(self._fit))

    def _repr_html_(self) -> str:
        from scaletrace.drawing import page

        return page.summary(self._runs)


def fit(table: Table, law: str = AUTO, **options: Unpack[Options]) -> Fit:
    """Fit a law to a table of runs; see `scaletrace.fit`."""
    return _fit(table, law, dict(options))


def _fit(table: Table, law: str, options: Mapping[str, Any]) -> Fit:
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        allowed = ", ".join(Options.__annotations__)
        raise BadInput(f"fit: option {unknown[0]!r}; allowed are {allowed}")
    settings: dict[str, Any] = {"law": law, "budget": None}
    settings |= {SETTINGS.get(name, name): value for name, value in options.items()}
    for name in ("where", "compare"):
        if name in settings and not isinstance(settings[name], str):
            settings[name] = list(settings[name])
    if "scale" in settings:
        settings["scale"] = fit_command.scales(dict(settings["scale"]))
    with _refused("fit"), tempfile.TemporaryDirectory() as folder:
        files, named = _files(table, Path(folder))
        try:
            return Fit(fit_command.fitted(files, settings).encode())
        except BadInput as problem:
            said = str(problem).replace(str(files[0]), "table") if named else str(problem)
            raise BadInput(said) from None


def _files(table: Table, folder: Path) -> tuple[list[Path], bool]:
    """Return a table's files, and whether it is a frame that was written for this."""
    if isinstance(table, str | Path):
        return [Path(table)], False
    if isinstance(table, Sequence) and all(isinstance(one, str | Path) for one in table):
        return list(map(Path, table)), False
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    path = folder / "table.csv"
    frame.to_csv(path, index=False)
    return [path], True


def compare(table: Table, laws: Sequence[str], **options: Unpack[Options]) -> pd.DataFrame:
    """Compare laws on the same runs; see `scaletrace.compare`."""
    if isinstance(laws, str) or not laws:
        raise BadInput(f"compare: laws {laws!r}; a list of their names is needed")
    # Resamples say nothing here.
    chosen = {"bootstrap": LEAST_RESAMPLES, **options, "compare": list(laws)}
    return _fit(table, laws[0], chosen).comparison


def next_runs(
    fit: Fit,
    spend: float,
    goal: str | None = None,
    smallest: float | None = None,
    largest: float | None = None,
) -> pd.DataFrame:
    """Propose the runs that most shrink an interval; see `scaletrace.next_runs`."""
    from scaletrace.fitting import proposal

    with tempfile.TemporaryDirectory() as folder, _refused("next_runs"):
        path = Path(folder) / "fit.json"
        fit.to_json(path)
        proposed = proposal.next_runs(fit_file.read_planning(path), spend, goal, smallest, largest)
    frame = pd.DataFrame(
        [(run.n, run.d, run.flops, run.seeds) for run in proposed.runs],
        columns=["n", "d", "flops", "seeds"],
    )
    ends = {"before": proposed.before, "after": proposed.after}
    frame.attrs["goal"] = proposed.goal
    for name, one in ends.items():
        frame.attrs[name] = {"estimate": one.estimate, "low": one.low, "high": one.high}
    return frame


def read_fit(path: Path | str) -> Fit:
    """Read a fit; see `scaletrace.read_fit`."""
    path = Path(path)
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    read = Fit(content, path)
    _ = read._fit  # so that what is no fit is refused here
    return read


@contextlib.contextmanager
def _refused(what: str) -> Iterator[None]:
    """Raise BadInput where a value is too large, of a wrong kind, or a file not to be had."""
    try:
        yield
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"{error.filename or what}: {error.strerror or error}") from error
    except (
        *(ArithmeticError, AttributeError, LookupError, MemoryError),
        *(RecursionError, TypeError, ValueError),
    ) as error:
        raise BadInput(f"{what}: a value cannot be used ({error})") from error
