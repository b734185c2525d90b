"""Reading the fitted laws that a figure draws: curves, bands, parameters, residuals."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.source import Source, source_of

D_COLUMN = "n_tokens"
LOSS_COLUMN = "loss"


def group_name(family: str | None, budget: str) -> str:
    """Return the name of a budget's runs, or of those of one family where there are several."""
    return f"{family} {budget}" if family else budget


@dataclass(frozen=True)
class FitCurve:
    """A law along one variable, its band (low, high), and the other variable's value if held."""

    x_column: str
    held: float | None
    x: list[float]
    loss: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class Fit:
    """A fitted law as `FIT.json` holds it; `name` is the file's stem, such as power_n-1M."""

    name: str
    source: Source
    law: str
    budget: str | None
    family: str | None
    params: dict[str, float]
    intervals: dict[str, dict[str, Any]]
    weak: set[str]
    curves: list[FitCurve]
    residuals: dict[str, float]

    @property
    def group(self) -> str | None:
        """The group of runs that it was fitted to; None where it is for all budgets."""
        return None if self.budget is None else group_name(self.family, self.budget)

    @property
    def level(self) -> float | None:
        """Nominal coverage of the intervals and bands; None where every parameter is held."""
        return next((interval["level"] for interval in self.intervals.values()), None)

    def describe(self, parameter: str, symbol: str) -> str:
        """Write a parameter with its interval, or say that the data do not pin it down."""
        if parameter in self.weak:
            return f"{symbol} weakly identified"
        value = f"{symbol} = {self.params[parameter]:#.3g}"
        interval = self.intervals.get(parameter)
        if interval is None:
            return f"{value} (held)"
        return f"{value} [{interval['low']:#.3g}, {interval['high']:#.3g}]"


def read_fit(path: Path, n_column: str) -> Fit:
    """Read a `FIT.json`.

    Raises:
        BadInput: not the result of a fit, or one in other units than the figure's axes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        columns = content["data"]["columns"]
        fit = Fit(
            name=path.stem,
            source=source_of(path),
            law=content["law"],
            budget=content["data"]["budget"],
            family=content["data"].get("family"),
            params=content["params"],
            intervals=content["intervals"],
            weak={
                name
                for name, interval in content["intervals"].items()
                if interval.get("verdict") == "weakly identified"
            },
            curves=_curves(content["curve"]),
            residuals={row["run"]: row["log_residual"] for row in content["residuals"]},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: not the result of a fit ({error!r})") from error
    for variable, expected in (("n", n_column), ("d", D_COLUMN), ("loss", LOSS_COLUMN)):
        if columns.get(variable, expected) != expected:
            raise BadInput(
                f"{path}: fitted to column {columns[variable]!r}; the figure draws {expected!r}"
            )
    return fit


def _curves(block: dict[str, Any]) -> list[FitCurve]:
    if "x_column" in block:
        return [_curve(block["x_column"], None, block)]
    return [
        _curve(along["x_column"], series["held"], series)
        for along in block.values()
        for series in along["series"]
    ]


def _curve(x_column: str, held: float | None, series: dict[str, Any]) -> FitCurve:
    return FitCurve(x_column, held, *(series[key] for key in ("x", "loss", "low", "high")))
