"""What a stage's code means: a hash over the definitions that its execution may reach.

Scheme 1 hashed whole modules; its records hold `meaning.module_meaning` of each. Scheme 2 hashes
of each module what counts for the stage, see `reachable`.
"""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from scaletrace import contract
from scaletrace.jobs import reachable
from scaletrace.jobs.sources import Sources

SCHEME = 2
ROOT = Path(__file__).parents[1]


def combined(modules: dict[str, str]) -> str:
    """Return the fingerprint of code that consists of these modules."""
    return hashlib.sha256(json.dumps(modules, sort_keys=True).encode()).hexdigest()


# Names, times and sizes of the sources when they were last looked at.
_last_touched: int | None = None


def kinds_of(stage: str, settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the modules that a stage loads by name where it has these settings.

    Raises:
        BadInput: they are no settings of this stage.
    """
    declared = contract.stage(stage)
    return contract.kinds(declared, contract.settings_from(declared, settings))


def modules(stage: str, kinds: tuple[str, ...] = (), root: Path = ROOT) -> dict[str, str]:
    """Return the package modules of which anything counts for a stage, each with its hash.

    Args:
        stage: name of a module (or package) under `stages/`.
        kinds: dotted names of the modules that the execution loads by name.
        root: folder of the package's sources.
    """
    return dict(_modules(stage, tuple(sorted(kinds)), root))


@functools.cache
def _modules(stage: str, kinds: tuple[str, ...], root: Path) -> dict[str, str]:
    reached = reachable.counted(sources(root), stage, kinds)
    return {name: counted.hash for name, counted in reached.items()}


@functools.cache
def sources(root: Path = ROOT) -> Sources:
    """Return the package's sources in a folder, as they are now or were at the first call."""

    def text_of(path: str) -> str | None:
        file = root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return Sources(text_of)


def fingerprint(stage: str, kinds: tuple[str, ...] = (), root: Path = ROOT) -> str:
    """Return the hash of a stage's code: equal as long as the code means the same.

    Comments, docstrings, formatting, and the words of errors and of what is printed do not
    count; every definition of the package that the stage's execution may reach does.
    """
    return combined(modules(stage, kinds, root))


def forget() -> None:
    """Read the sources anew at the next call: they may have been edited meanwhile."""
    sources.cache_clear()
    _modules.cache_clear()


def forget_if_touched() -> None:
    """Read the package's sources anew at the next call where a file was touched since the last."""
    global _last_touched
    facts = [(path, path.stat()) for path in sorted(ROOT.rglob("*.py"))]
    touched = hash(tuple((str(path), fact.st_mtime_ns, fact.st_size) for path, fact in facts))
    if touched != _last_touched:
        forget()
    _last_touched = touched
