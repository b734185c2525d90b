"""The package's sources in a commit or a snapshot, and what of them counted for a recorded job."""

import functools
import subprocess
from pathlib import Path

from scaletrace.jobs import git, reachable
from scaletrace.jobs.sources import Sources
from scaletrace.kinds import PACKAGE
from scaletrace.lineage.snapshot import SOURCES, Snapshot, objects

FOLDER = f"{SOURCES}/{PACKAGE}"
# What is nested deep enough ends in the third or fourth of these.
NO_PYTHON = (ValueError, SyntaxError, RecursionError, MemoryError)


def _sources(contents: dict[str, bytes | None]) -> Sources:
    def text_of(path: str) -> str | None:
        content = contents.get(f"{FOLDER}/{path}")
        return None if content is None else content.decode("utf-8")

    return Sources(text_of)


@functools.lru_cache(maxsize=64)
def of_commit(commit: str, repository: Path = Path()) -> Sources | None:
    """Return the package's sources in a commit of a repository; None where it has no such one."""
    options = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", "--end-of-options")
    try:
        listed = git.text(*options, commit, "--", FOLDER, folder=repository)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    names = [name for name in listed.split("\0") if name.endswith(".py") and "\n" not in name]
    contents = objects([f"{commit}:{name}" for name in names], repository)
    return _sources({name: contents.get(f"{commit}:{name}") for name in names})


def of_snapshot(snapshot: Snapshot) -> Sources:
    """Return the package's sources in a snapshot."""
    return _sources(snapshot.read(snapshot.names(FOLDER, ".py")))


def counted(
    sources: Sources, rule: str, modules: dict[str, str]
) -> dict[str, reachable.Counted] | None:
    """Return what counts in some sources for a job whose record names modules, by module.

    None where the sources hold no such code.
    """
    try:
        return reachable.counted(sources, rule, _kinds(sources, modules))
    except (ModuleNotFoundError, *NO_PYTHON):
        return None


def loaded(sources: Sources, rule: str, modules: dict[str, str]) -> set[str]:
    """Return the modules that a job whose record names modules may load, those included."""
    try:
        start = f"{PACKAGE}.stages.{rule}"
        return {*modules, *sources.closure([start, *_kinds(sources, modules)])}
    except (ModuleNotFoundError, *NO_PYTHON):
        return set(modules)


def _kinds(sources: Sources, modules: dict[str, str]) -> tuple[str, ...]:
    # A module of which nothing counts names nothing: the recorded modules lead to what the
    # modules that were loaded by name had led to.
    return tuple(sorted(name for name in modules if sources.module(name) is not None))
