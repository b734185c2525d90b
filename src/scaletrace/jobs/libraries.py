"""What is installed, and which of it results may depend on."""

import functools
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = "scaletrace"
# They start jobs and move files, and compute nothing.
WORKFLOW = {"dvc", "snakemake", "snakemake-executor-plugin-slurm"}


@functools.cache
def _installed() -> dict[str, tuple[str, list[str]]]:
    """Return version and requirements of each installed distribution by its lower-case name."""
    every = (distribution.metadata for distribution in metadata.distributions())
    return {
        one["Name"].lower(): (one["Version"], one.get_all("Requires-Dist") or []) for one in every
    }


def installed() -> dict[str, str]:
    """Return the versions of all that is installed."""
    return {name: version for name, (version, _) in _installed().items()}


@functools.cache
def computing() -> dict[str, str]:
    """Return the versions of what the package computes with: its requirements, and theirs."""
    by_name = {canonicalize_name(name): each for name, each in _installed().items()}
    versions: dict[str, str] = {}
    waiting = set(_needs(by_name[canonicalize_name(PACKAGE)][1])) - WORKFLOW
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in versions:
            versions[name], required = by_name[canonicalize_name(name)]
            waiting |= _needs(required)
    return dict(sorted(versions.items()))


def _needs(required: list[str]) -> set[str]:
    """Return the names of requirements that hold here, those of extras aside."""
    return {
        str(canonicalize_name(one.name))
        for one in map(Requirement, required)
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }
