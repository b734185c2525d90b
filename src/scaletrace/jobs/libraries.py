"""What is installed, and which of it results may depend on."""

import functools
import hashlib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = "scaletrace"
# What an install has that computes studies; without it, it reads them.
EXTRA = "workflow"
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


def has(name: str) -> bool:
    """Tell whether a distribution is installed."""
    return canonicalize_name(name) in map(canonicalize_name, _installed())


@functools.cache
def computing() -> dict[str, str]:
    """Return the versions of what the package computes with: its requirements, and theirs."""
    by_name = {canonicalize_name(name): each for name, each in _installed().items()}
    versions: dict[str, str] = {}
    waiting = _needs(by_name[canonicalize_name(PACKAGE)][1], EXTRA) - WORKFLOW
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in versions:
            versions[name], required = by_name[canonicalize_name(name)]
            waiting |= _needs(required)
    return dict(sorted(versions.items()))


@functools.cache
def records() -> dict[str, str]:
    """Return the hash of what each of `computing` says of its files, in its RECORD.

    Lines of scripts, which name the folder of the environment, and of what an installer adds are
    left out, so that the same wheel gives the same hash in every environment.
    """
    hashes = {}
    for name in filter(lambda one: canonicalize_name(one) in computing(), _installed()):
        lines = (metadata.distribution(name).read_text("RECORD") or "").splitlines()
        kept = sorted(line for line in lines if not _is_added(line))
        hashes[name] = hashlib.sha256("\n".join(kept).encode()).hexdigest()
    return hashes


def _is_added(line: str) -> bool:
    return line.startswith("..") or ".dist-info/" in line or ".pyc," in line


def _needs(required: list[str], extra: str = "") -> set[str]:
    """Return the names of requirements that hold here, of extras those of one alone."""
    return {
        str(canonicalize_name(one.name))
        for one in map(Requirement, required)
        if one.marker is None or one.marker.evaluate({"extra": extra})
    }
