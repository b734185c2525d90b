"""What the design of a study can carry, whatever its losses: ranges, levels, collinearity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaletrace.fitting.law import VARIABLES, Array, Law

NARROW = 3.0  # below this factor of range no exponent can be told from a constant
MODEST = 10.0  # below this factor a power law is hardly distinguished from others
FEW = 5  # distinct values of a variable
ONE_CURVE = np.log(1.25)  # D varies by less than this, at given N, on a design that is a curve
ALIKE = 1e-3  # values this close (relative) count as one


class DesignError(ValueError):
    """The runs cannot carry the analysis that was asked for: the message says what is missing."""


def alike(values: Array) -> NDArray[np.int64]:
    """Code of each value (n,), ascending; those within 0.1 % of a group's least are one group.

    Measured from the least, so that many values close to one another are no endless chain.
    """
    order = np.argsort(values, kind="stable")
    logs = np.log(values[order])
    starts, first = np.zeros(len(logs), dtype=np.int64), 0
    while (first := int(np.searchsorted(logs, logs[first] + ALIKE, "right"))) < len(logs):
        starts[first] = 1
    codes = np.empty_like(starts)
    codes[order] = np.cumsum(starts)
    return codes


def distinct(values: Array) -> int:
    """Number of distinct values, those within 0.1 % counted once."""
    return int(alike(values).max()) + 1


def examine(law: Law, variables: Mapping[str, Array]) -> tuple[dict[str, Any], set[str], list]:
    """Return figures of the design, the names it cannot carry, and warnings (code, message)."""
    figures: dict[str, Any] = {}
    unsupported: set[str] = set()
    warnings: list[tuple[str, str]] = []
    for name in law.varied:
        values, what = variables[name], VARIABLES[name]
        factor, levels = float(values.max() / values.min()), distinct(values)
        figures[name] = {
            **{"smallest": float(values.min()), "largest": float(values.max())},
            **{"factor": factor, "distinct": levels},
        }
        if factor < NARROW:
            unsupported |= _names(law, name)
            warnings.append(
                (
                    f"narrow_range_{name}",
                    f"{what} spans a factor of {factor:.2f}; below {NARROW:g} an exponent cannot "
                    "be told from a constant: train over at least a factor of 10",
                )
            )
        elif factor < MODEST:
            warnings.append(
                (
                    f"narrow_range_{name}",
                    f"{what} spans a factor of {factor:.2f} only: intervals hold if the law does; "
                    "train over at least a factor of 10 to test it",
                )
            )
        if levels < FEW:
            warnings.append(
                (
                    f"few_values_{name}",
                    f"{what} takes {levels} distinct values: add some, at least {FEW} "
                    "let the form of the law be checked",
                )
            )
        if levels < 3:
            unsupported |= _names(law, name)
    if {"n", "d"} <= set(law.variables):
        spread = _spread_off_curve(variables["n"], variables["d"])
        figures["spread_of_d_at_given_n"] = float(np.exp(spread))
        if spread < ONE_CURVE:
            unsupported |= {*law.names, law.exponent_name}
            warnings.append(
                (
                    "collinear_design",
                    f"the runs lie on one curve: at given N, D varies by a factor of "
                    f"{np.exp(spread):.3f} only, so the effects of N and D cannot be told apart: "
                    "train some sizes on several times more and fewer tokens",
                )
            )
    return figures, unsupported, warnings


def _names(law: Law, variable: str) -> set[str]:
    """Parameters that a variable without range leaves open: its own, the level, what follows."""
    own = {p.name for p in law.parameters if p.variable in (variable, "") or p.kind == "level"}
    return own | {law.exponent_name}


def _spread_off_curve(n: Array, d: Array) -> float:
    """Spread of log D about a smooth curve in log N, or of log N about one in log D."""
    return min(_residual(np.log(n), np.log(d)), _residual(np.log(d), np.log(n)))


def _residual(x: Array, y: Array) -> float:
    degree = min(3, distinct(np.exp(x)) - 2)
    if degree < 1:
        return float(y.std())
    basis = np.polynomial.legendre.legvander(2.0 * (x - x.min()) / np.ptp(x) - 1.0, degree)
    rest = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    return float(np.sqrt((rest**2).sum() / max(1, len(y) - degree - 1)))
