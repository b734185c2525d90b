"""Numbers as people write them in tables: 1.5B, 20M, 1,000, 1_000, 3e8, 77.9 %."""

import math
import re
from collections.abc import Collection

# What stands in a cell that holds nothing, in lower case.
MISSING = frozenset(("", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "-", "--", "—"))
MAGNITUDES = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "g": 1e9, "t": 1e12, "%": 1e-2}
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_SUFFIXED = re.compile(r"(.*[\d.])\s*(k|m|b|bn|g|t|%)", re.IGNORECASE)


def is_missing(cell: str) -> bool:
    """Tell whether a cell holds nothing: blank, nan, NA, null, None, -."""
    return cell.lower() in MISSING


def has_suffix(cell: str) -> bool:
    """Tell whether a cell says its own unit, as 20M and 77.9 % do."""
    return _SUFFIXED.fullmatch(cell) is not None


def number(cell: str) -> float:
    """Return the number of a cell; NaN where it holds none."""
    try:
        return float(cell)
    except ValueError:
        pass
    factor = 1.0
    if suffixed := _SUFFIXED.fullmatch(cell):
        cell, factor = suffixed[1], MAGNITUDES[suffixed[2].lower()]
    if _THOUSANDS.fullmatch(cell):
        cell = cell.replace(",", "")
    try:
        # By decimal digits, so that 1.1B is 1100000000 and no neighbour of it.
        return float(f"{cell}e{round(math.log10(factor))}") if factor != 1.0 else float(cell)
    except ValueError:
        try:
            return float(cell) * factor
        except ValueError:
            return math.nan


def numbers(cells: Collection[str]) -> list[float]:
    """Return the number of each cell; NaN where a cell holds none."""
    try:
        return list(map(float, cells))  # several times as fast
    except ValueError:
        pass
    return [number(cell) for cell in cells]
