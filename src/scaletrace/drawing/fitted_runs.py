"""A fit with its runs, as its picture shows them: what varies, which runs are drawn alike."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.fitting.allocation import loss_at
from scaletrace.fitting.law import Array, Law, logs_of
from scaletrace.fitting.prediction import Uncertain, known_of, of_a_run, of_mean, percentiles
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost
from scaletrace.formats.fit import Fit
from scaletrace.formats.fit_file import column_of, parse_with_rows
from scaletrace.formats.source import SourceFile

SAME = 0.02  # values this close (relative) are drawn as one
MOST_SERIES = 12  # told apart in one panel
GROUPS = 6  # of neighbours, which share a colour, where there are more values than that
MOST_POINTS = 1500  # in one panel: more cover each other, and make a picture heavy


@dataclass(frozen=True)
class Series:
    """Runs drawn alike: `members` are their places; `held` the variables off the axis, natural.

    exact: the runs have these very values, and not values about them. training: that the points
    are of, where the law is of loss curves.
    """

    members: NDArray[np.int64]
    held: Mapping[str, float]
    exact: bool
    training: str = ""


@dataclass(frozen=True)
class FittedRuns:
    """A fit and its runs: natural values of variables, losses and log residuals, each (n,)."""

    source: SourceFile
    fit: Fit
    law: Law
    names: list[str]
    variables: Mapping[str, Array]
    losses: Array
    log_residuals: Array

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The law's variables that its runs vary; without C where that follows from N and D."""
        if self.law.along is not None:
            return (self.law.along,)
        free = [v for v in self.law.variables if v != "c" or not self._flops_follow]
        return tuple(v for v in free if np.ptp(np.log(self.variables[v])) > SAME)

    @property
    def _flops_follow(self) -> bool:
        return {"n", "d"} <= set(self.law.variables)

    @cached_property
    def params(self) -> Array:
        """The parameters (1, p), in the order of the law."""
        return np.array([[self.fit.params[name] for name in self.law.names]])

    @property
    def symbol(self) -> str:
        """What the law is of: loss, N_opt or D_opt."""
        name = self.fit.describes
        return name[0].upper() + name[1:] if name.endswith("_opt") else name

    @cached_property
    def level(self) -> float:
        """Nominal coverage of intervals and bands."""
        return self.fit.settings.level

    @cached_property
    def _by_axis(self) -> dict[str, list[Series]]:
        return {axis: self._grouped(axis) for axis in self.axes}

    def series(self, axis: str) -> list[Series]:
        """Return the runs in groups of like values of the variables off an axis, ascending.

        Where N and D are spread over few budgets, as in an IsoFLOP design, C is held. More values
        than can be told apart are grouped by neighbourhood, about equally many runs in each, and a
        group stands for its middle.
        """
        return self._by_axis[axis]

    def _grouped(self, axis: str) -> list[Series]:
        if self.law.along is not None:
            return self._trainings()
        off = [v for v in self.law.variables if v != axis]
        off = [v for v in off if v != "c" or not self._flops_follow]
        if not off:
            return [Series(np.arange(len(self.names)), {}, exact=True)]
        codes = self._codes(off)
        if self._spent and codes.max() >= MOST_SERIES and self._codes(["c"]).max() < MOST_SERIES:
            off, codes = ["c"], self._codes(["c"])
        exact = bool(codes.max() < MOST_SERIES)
        if not exact:
            ranks = np.argsort(np.argsort(codes, kind="stable"), kind="stable")
            parts = ranks * GROUPS // len(ranks)
            # Runs of one value stay in one group: that of the first of them.
            first = np.full(codes.max() + 1, GROUPS)
            np.minimum.at(first, codes, parts)
            codes = np.unique(first[codes], return_inverse=True)[1]
        groups = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
        return [
            Series(
                group,
                {v: float(np.exp(np.median(np.log(self._values(v)[group])))) for v in off},
                exact,
            )
            for group in groups
        ]

    def _codes(self, variables: list[str]) -> NDArray[np.int64]:
        """Codes (n,) of the runs, from 0, equal where all of the variables are alike."""
        codes = np.zeros(len(self.names), dtype=np.int64)
        for v in variables:
            codes = codes * (len(codes) + 1) + _alike(np.log(self._values(v)))
        return np.unique(codes, return_inverse=True)[1]

    @property
    def _spent(self) -> bool:
        """Whether N and D are all that varies, so that a budget C is a curve along either."""
        return set(self.law.variables) - {"c"} == {"n", "d"}

    def _trainings(self) -> list[Series]:
        """The points of each training; of more than can be told apart, evenly spaced ones."""
        trainings = [name.rpartition(" step ")[0] for name in self.names]
        members: dict[str, list[int]] = {}
        for i, training in enumerate(trainings):
            members.setdefault(training, []).append(i)
        chosen = np.linspace(0, len(members) - 1, min(len(members), MOST_SERIES)).round()
        names = [list(members)[int(i)] for i in chosen]
        return [Series(np.array(members[name]), {}, exact=True, training=name) for name in names]

    def _values(self, variable: str) -> Array:
        if variable == "c" and "c" not in self.variables:
            return self._cost.flops(self.variables["n"], self.variables["d"])
        return self.variables[variable]

    @cached_property
    def _cost(self) -> TokenCost:
        return TokenCost(**vars(self.fit.token_cost)) if self.fit.token_cost else SIX_N_D

    def at(self, axis: str, grid: Array, held: Mapping[str, float]) -> dict[str, Array]:
        """Return values of all of the law's variables along an axis, each as long as the grid."""
        values = {name: np.full(len(grid), value) for name, value in held.items()}
        values[axis] = grid
        if self._spent and "c" in held:
            if axis == "n":
                values["d"] = held["c"] / self._cost.flops(grid, np.ones(len(grid)))
            else:
                values["n"] = self._n_that_costs(held["c"] / grid)
        if self._flops_follow and "c" in self.law.variables:
            values["c"] = self._cost.flops(values["n"], values["d"])
        return values

    def _n_that_costs(self, flops_per_token: Array) -> Array:
        """N (m,) at which a token costs so many FLOPs (m,), which grow with N."""
        log_n = np.log(self.variables["n"])
        grid = np.linspace(log_n.min() - 12.0, log_n.max() + 12.0, 4001)
        costs = self._cost.log_flops_per_token(grid)
        return np.exp(np.interp(np.log(flops_per_token), costs, grid))

    def losses_at(self, params: Array, values: Mapping[str, Array]) -> Array:
        """Return the losses (B, m) of published parameters (B, p) at values, each (m,)."""
        zero = dict.fromkeys(self.law.variables, 0.0)
        logs = {name: logs_of(values[name]) for name in self.law.variables}
        with np.errstate(all="ignore"):
            return np.exp(self.law.jet(self.law.internal(params, zero), logs).value)

    @cached_property
    def _draws(self) -> Array:
        return np.array(self.fit.draws.values, dtype=float).reshape(-1, len(self.law.names))

    def band(self, values: Mapping[str, Array]) -> tuple[Array, Array]:
        """Return the ends of the law's pointwise band, each (m,): percentiles of the resamples.

        NaN where there are none.
        """
        if not len(self._draws):
            nothing = np.full(len(next(iter(values.values()))), np.nan)
            return nothing, nothing
        tail = 50.0 * (1.0 - self.level)
        low, high = np.percentile(self.losses_at(self._draws, values), [tail, 100.0 - tail], axis=0)
        return low, high

    @cached_property
    def known(self) -> Uncertain | None:
        """What intervals of measured runs rest on; None in files of earlier releases."""
        return known_of(self.fit, self.law)

    @property
    def profiled(self) -> bool:
        """Whether intervals of the law's mean need profiles: the resamples miss what is open."""
        return self.known is not None and (self.known.weak or not len(self._draws))

    def thinned(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the members that are drawn, evenly spaced where they are too many."""
        share = max(1.0, len(self.names) / MOST_POINTS)
        keep = np.linspace(0, len(members) - 1, max(1, round(len(members) / share)))
        return members[keep.round().astype(int)]


def interval_of_run(runs: FittedRuns, values: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the interval of a run that would be measured at values, each (m,).

    Of a file that does not hold what this rests on, the law's band.
    """
    if runs.known is None:
        return runs.band(values)
    low, high = _ends_of_mean(runs, values)
    estimates = runs.losses_at(runs.params, values)[0]
    ends = [
        of_a_run(
            runs.known,
            float(estimates[i]),
            (float(low[i]), float(high[i])),
            {name: float(column[i]) for name, column in values.items()},
        )
        for i in range(len(estimates))
    ]
    lows, highs = np.array(ends).T
    return lows, highs


def _ends_of_mean(runs: FittedRuns, values: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the interval of the law's mean at values along a curve, each (m,).

    Where it needs profiles, which take a second each, one is made where the curve ends; from where
    it begins, with the resamples' interval if there are any, the ends' distance from the law, in
    log loss, is interpolated.
    """
    known, estimates = runs.known, runs.losses_at(runs.params, values)[0]
    if known is None:
        return estimates, estimates
    count = len(estimates)
    places = [0, count - 1] if runs.profiled else list(range(count))
    ends = []
    for i in places:
        quantity = loss_at(runs.law, {name: float(v[i]) for name, v in values.items()})
        if runs.profiled and i == 0 and len(known.draws):
            ends.append(percentiles(quantity(known.draws), known.level))
        else:
            ends.append(of_mean(known, quantity))
    with np.errstate(all="ignore"):
        apart = np.log(np.array(ends)) - np.log(estimates[places])[:, None]
    low, high = (np.interp(np.arange(count), places, column) for column in apart.T)
    return estimates * np.exp(low), estimates * np.exp(high)


def _alike(logs: Array) -> NDArray[np.int64]:
    """Codes (n,), ascending with the logarithms: alike are those within SAME of their lowest."""
    order = np.argsort(logs, kind="stable")
    ascending = logs[order]
    apart = np.diff(ascending, prepend=ascending[0]) > SAME
    lowest = np.maximum.accumulate(np.where(apart, ascending, ascending[0]))
    # Of values that lie dense everywhere, each follows the last closely, and they are many.
    steps = np.floor((ascending - lowest) / SAME)
    moves = apart | (np.diff(steps, prepend=0.0) != 0.0)
    codes = np.empty(len(logs), dtype=np.int64)
    codes[order] = np.cumsum(moves)
    return codes


def fitted_runs(content: bytes, path: Path) -> FittedRuns:
    """Return a fit and its runs from the content of FIT.json; `path` names it.

    Raises:
        BadInput: it is no fit, lacks what a picture shows, or its law is not known here.
    """
    fit, rows = parse_with_rows(content, path)
    law = kinds.load("laws", fit.law).LAW
    if not rows:
        raise BadInput(f"{path}: has no residual of a run, so there is nothing to draw")
    columns = {v: fit.data.columns.get(v) for v in law.variables}
    missing = [v for v, column in columns.items() if column is None or column not in rows[0]]
    missing += [name for name in law.names if name not in fit.params]
    if missing or tuple(fit.draws.names) != law.names:
        what = ", ".join(missing) or "resamples of the law's parameters"
        raise BadInput(f"{path}: not a fit of {law.name} that scaletrace wrote ({what}: missing)")
    return FittedRuns(
        SourceFile(_shown(path), hashlib.sha256(content).hexdigest()),
        *(fit, law, [row.run for row in fit.residuals]),
        {
            v: np.array(column_of(rows, str(column), path, zero=v in law.may_be_constant))
            for v, column in columns.items()
        },
        np.array(column_of(rows, "observed", path)),
        np.array([row.log_residual for row in fit.residuals]),
    )


def _shown(path: Path) -> str:
    """Return a path below the working folder, and of others the name alone: pictures travel."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name
