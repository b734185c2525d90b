"""Where a file that was made again differs from the recorded one, value by value."""

import csv
import io
import math
from pathlib import Path
from typing import Any

from scaletrace.formats import untrusted
from scaletrace.lineage.drift import different, leaves

# Of numbers that other libraries or another processor gave, relative to the larger one.
TOLERANCE = 1e-6
# Values of one file to name.
MOST_NAMED = 3


def apart(there: Path, here: Path, exactly: bool) -> dict[str, tuple[Any, Any]]:
    """Return the values of two tables or JSON files that differ, by their places.

    Args:
        there: the recorded file.
        here: the one made again.
        exactly: whether numbers within TOLERANCE count as different.
    """
    return {
        name: pair
        for name, pair in different(values(there), values(here)).items()
        if exactly or not _close(*pair)
    }


def values(path: Path) -> dict[str, Any]:
    """Return the values of a table or of a JSON file by their places; none of a picture."""
    try:
        text = untrusted.read_text(path)
        if path.suffix == ".csv":
            rows = csv.reader(io.StringIO(text))
            return {f"[{r}][{c}]": cell for r, row in enumerate(rows) for c, cell in enumerate(row)}
        return leaves(untrusted.from_json(text.encode()), "") if path.suffix == ".json" else {}
    except (OSError, ValueError, csv.Error):
        return {}


def _close(there: Any, here: Any) -> bool:
    try:
        return math.isclose(float(there), float(here), rel_tol=TOLERANCE)
    except (TypeError, ValueError):
        return False
