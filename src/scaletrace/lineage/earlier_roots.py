"""Roots that a study had before: in git's history, or kept by a reader. What they fix was there."""

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.jobs import git
from scaletrace.lineage import root
from scaletrace.lineage.snapshot import objects

# Commits that are looked into, the newest first.
MOST = 200


@dataclasses.dataclass(frozen=True)
class EarlierRoot:
    """A root of a study: where it stands, and whether the clone that is audited goes on from it.

    where: in words. commit: of git, or none.
    """

    where: str
    content: dict[str, Any]
    commit: str | None
    before: bool = True


def kept(path: Path, study: str) -> EarlierRoot:
    """Return a root that a reader kept.

    Raises:
        BadInput: it cannot be read, or is no root of the study.
    """
    try:
        content = untrusted.read_bytes(path)
    except OSError as error:
        raise BadInput(f"{path}: no readable study root ({error.strerror})") from None
    return EarlierRoot(str(path), root.parse(content, study, path), None)


def in_git(study: str) -> list[EarlierRoot]:
    """Return the roots in the commits that lead here, then those on other branches.

    Those in commits that go on from here are left out: they are later ones.
    """
    path = str(root.path_of(study))
    before = _commits("HEAD", "--", path)
    later = {*_commits("--all", "--ancestry-path", "^HEAD", "--", path)}
    beside = [commit for commit in _commits("--all", "^HEAD", "--", path) if commit not in later]
    contents = objects([f"{commit}:{path}" for commit in (*before, *beside)])
    roots = []
    for commit in (*before, *beside):
        try:
            content = root.parse(contents.get(f"{commit}:{path}") or b"", study, commit)
        except BadInput:
            continue
        roots.append(EarlierRoot(f"commit {commit[:12]}", content, commit, commit in before))
    return roots


def _commits(*which: str) -> list[str]:
    """Return the commits that changed a file, newest first; none where git cannot tell."""
    try:
        listed = git.text("rev-list", "--full-history", f"--max-count={MOST}", *which)
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.split()
