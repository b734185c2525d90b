"""Do files say the same to every reader? JSON may say a thing twice, or hold what is no number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from scaletrace.formats import untrusted
from scaletrace.lineage.audit.finding import Finding, Scope


def check(scope: Scope) -> Iterator[Finding]:
    """Read every JSON file that a job wrote as strictly as its standard has it (RFC 8259)."""
    for job in scope.jobs:
        for output in job.identity.outputs:
            path = Path(output.path)
            if path.suffix != ".json" or not path.is_file():
                continue
            try:
                _read(untrusted.read_bytes(path))
            except (OSError, ValueError, RecursionError) as error:
                yield scope.finding(
                    output.path, "form", "JSON that every reader takes alike", error
                )


def _read(content: bytes) -> None:
    text = content.decode("utf-8")
    json.loads(text, object_pairs_hook=_each_once, parse_constant=_refused, parse_int=str)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} stands there twice")


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
