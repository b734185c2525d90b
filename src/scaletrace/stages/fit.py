"""Fit a law to a table of runs, or to loss curves, and write `FIT.json`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace import kinds as folders
from scaletrace.errors import BadInput
from scaletrace.fitting.settings import AUTO, Settings

if TYPE_CHECKING:
    from scaletrace.fitting.law import Law


@dataclass(frozen=True)
class Inputs:
    """A table of runs, and of a study's own table what its held-out text shares with train.

    For a law of loss curves, the curves in place of the table.
    """

    observations: tuple[Path, ...]
    manifest: Path | None = None


@dataclass(frozen=True)
class Outputs:
    """The fit, FIT.json."""

    fit: Path


def kinds(settings: Settings) -> tuple[str, ...]:
    """Return the modules of the law and of those that it is compared with."""
    return tuple(folders.module("laws", name) for name in _names(settings))


def _names(settings: Settings) -> list[str]:
    if settings.law == AUTO:
        return [name for name in folders.names("laws") if _describes_losses_of_runs(name)]
    return list(dict.fromkeys([settings.law, *settings.compare]))


def _describes_losses_of_runs(name: str) -> bool:
    law = folders.load("laws", name).LAW
    return law.along is None and law.describes == "loss"


def _laws(settings: Settings) -> dict[str, "Law"]:
    known = folders.names("laws")
    for name in _names(settings):
        if name not in known:
            key = "law" if name == settings.law else "compare"
            raise BadInput(f"fit: {key} {name!r}; allowed: {', '.join(known)}")
    laws = {name: folders.load("laws", name).LAW for name in _names(settings)}
    for name in settings.compare if settings.law != AUTO else []:
        law, other = laws[settings.law], laws[name]
        if (law.along, law.describes) != (other.along, other.describes):
            raise BadInput(f"fit: compare {name!r}: not a law of the same observations")
    return laws


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Read inputs.observations, fit, and write outputs.fit.

    Raises:
        BadInput: settings, table or manifest cannot be used, or the fit did not converge.
    """
    from scaletrace.fitting.table_fit import fit_curves, fit_table
    from scaletrace.formats.fit_file import write_fit
    from scaletrace.formats.manifest import read_overlap

    del work
    laws = _laws(settings)
    if settings.law != AUTO and laws[settings.law].along is not None:
        write_fit(outputs.fit, fit_curves(inputs.observations, settings, laws))
        return {}
    if len(inputs.observations) != 1:
        raise BadInput(
            f"fit: {len(inputs.observations)} files; {settings.law} is fitted to one table of runs"
        )
    overlap = read_overlap(inputs.manifest) if inputs.manifest is not None else None
    write_fit(outputs.fit, fit_table(inputs.observations[0], settings, laws, overlap))
    return {}
