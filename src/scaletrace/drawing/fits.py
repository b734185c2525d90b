"""The fits that a figure draws: what FIT.json holds, with the file's name and hash."""

import math
from dataclasses import dataclass
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.fit import Drawable
from scaletrace.formats.fit_file import read_drawable
from scaletrace.formats.observations import D_COLUMN, LOSS_COLUMN
from scaletrace.formats.source import SourceFile, source_of


def group_name(family: str | None, budget: str) -> str:
    """Return the name of a budget's runs, or of those of one family where there are several."""
    return f"{family} {budget}" if family else budget


@dataclass(frozen=True)
class DrawnFit:
    """A fit in a figure; `name` is the file's stem, such as power_n-1M."""

    name: str
    source: SourceFile
    fit: Drawable

    @property
    def group(self) -> str | None:
        """The group of runs that it was fitted to; None where it is for all budgets."""
        data = self.fit.data
        return None if data.budget is None else group_name(data.family, data.budget)

    @property
    def residuals(self) -> dict[str, float]:
        """Log residuals, ln(measured / fitted loss), by run."""
        return {row.run: row.log_residual for row in self.fit.residuals}

    @property
    def level(self) -> float | None:
        """Nominal coverage of the intervals and bands; None where every parameter is held."""
        return next((interval.level for interval in self.fit.intervals.values()), None)

    def is_weak(self, parameter: str) -> bool:
        """Return whether the data leave a parameter open."""
        interval = self.fit.intervals.get(parameter)
        return interval is not None and interval.weak

    def ends(self, parameter: str) -> tuple[float, float]:
        """Return a parameter's interval; NaN for an end that is open, or where it is held."""
        interval = self.fit.intervals.get(parameter)
        ends = (None, None) if interval is None else (interval.low, interval.high)
        low, high = (math.nan if end is None else end for end in ends)
        return low, high

    def describe(self, parameter: str, symbol: str) -> str:
        """Write a parameter with its interval, or say that the data do not pin it down."""
        if self.is_weak(parameter):
            return f"{symbol} weakly identified"
        value = f"{symbol} = {self.fit.params[parameter]:#.3g}"
        if parameter not in self.fit.intervals:
            return f"{value} (held)"
        low, high = self.ends(parameter)
        return f"{value} [{low:#.3g}, {high:#.3g}]"


def read_drawn_fit(path: Path, n_column: str) -> DrawnFit:
    """Read a fit for a figure whose N is a column of the observations.

    Raises:
        BadInput: not the result of a fit, or one in other units than the figure's axes.
    """
    fit = read_drawable(path)
    columns = fit.data.columns
    for variable, expected in (("n", n_column), ("d", D_COLUMN), ("loss", LOSS_COLUMN)):
        if columns.get(variable, expected) != expected:
            raise BadInput(
                f"{path}: fitted to column {columns[variable]!r}; the figure draws {expected!r}"
            )
    return DrawnFit(path.stem, source_of(path), fit)
