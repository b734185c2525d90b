"""Fit a law to a table of runs and write `FIT.json`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletrace.fitting.settings import Settings


@dataclass(frozen=True)
class Inputs:
    """A table of runs."""

    observations: Path


@dataclass(frozen=True)
class Outputs:
    """The fit, FIT.json."""

    fit: Path


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Read inputs.observations, fit, and write outputs.fit.

    Raises:
        BadInput: settings or table cannot be used, or the fit did not converge.
    """
    from scaletrace.fitting.table_fit import fit_table
    from scaletrace.formats.fit import write_fit
    from scaletrace.laws import LAWS

    del work
    write_fit(outputs.fit, fit_table(inputs.observations, settings, LAWS))
    return {}
