"""What of the environments that jobs ran in rests on the author's word: it is told, not judged."""

from collections.abc import Iterator
from typing import Any

from scaletrace.formats import untrusted
from scaletrace.jobs import ledger, libraries
from scaletrace.lineage.audit.finding import Scope

MOST_NAMED = 5


def check(scope: Scope) -> None:
    """Note what Python ran at its start, and libraries that are of other files than those here."""
    environments = {job.record.circumstances.environment for job in scope.jobs}
    for digest in sorted(filter(None, environments)):
        scope.notes += _told(_read(digest))


def _read(digest: str) -> dict[str, Any]:
    """Return what an environment's file says; nothing where it is none, which others find."""
    try:
        content = untrusted.read_json(ledger.environment_path(digest))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of an environment; none where an earlier release wrote it without."""
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _told(content: dict[str, Any]) -> Iterator[str]:
    for name, sha256 in _part(content, "startup").items():
        yield (
            f"the author's environment runs {name} (sha256 {str(sha256)[:16]}) before any code of "
            "ours: what it does is their claim"
        )
    versions, installed = _part(content, "packages"), libraries.installed()
    here = libraries.records()
    others = [
        f"{name} {versions[name]}"
        for name, sha256 in _part(content, "records").items()
        if name in here and versions.get(name) == installed.get(name) and sha256 != here[name]
    ]
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        yield (
            f"{', '.join(others[:MOST_NAMED])}{more}: the same version is of other files here: "
            "another build, or changed ones"
        )
