"""Links that a clone brings: through one, a name inside the repository leads anywhere."""

import os
import subprocess
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.jobs import git, ledger
from scaletrace.study.rules import RESULTS

# What is read, written or run by names that a clone may have chosen.
PLACES = (
    *(RESULTS.name, ledger.PROVENANCE.name),
    *("work", ".snakemake", ".dvc", "config", "rules", "slurm", "src"),
    *("workflow", "Snakefile", "dvc.yaml", "dvc.lock", ".dvcignore"),
    *("environment.yml", "requirements.lock", "LICENSE"),
)
# What git calls a symbolic link, and another repository inside this one.
LINK, REPOSITORY = b"120000", b"160000"


def _git(*words: str) -> bytes | None:
    try:
        return git.run(*words)
    except (OSError, subprocess.CalledProcessError):
        return None


def _tracked() -> list[str] | None:
    """Return the links and inner repositories that git tracks here; None where git cannot tell."""
    # In a folder of a larger repository git knows nothing of what was unpacked there.
    if _git("rev-parse", "--show-prefix") != b"\n":
        return None
    listed = _git("ls-files", "--stage", "-z", "--", *PLACES)
    if listed is None:
        return None
    entries = (entry.split(b"\t", 1) for entry in listed.split(b"\0") if entry)
    return [os.fsdecode(name) for facts, name in entries if facts[:6] in (LINK, REPOSITORY)]


def is_tracked(name: str) -> bool:
    """Tell whether git tracks a file here, so that a clone brings it, or cannot say."""
    return _git("ls-files", "-z", "--", name) != b""


def _here() -> list[str]:
    """Return every link below the places."""
    links = []
    for place in PLACES:
        if Path(place).is_symlink():
            links.append(place)
        for folder, folders, names in os.walk(place):
            links += [
                name for n in [*folders, *names] if Path(name := f"{folder}/{n}").is_symlink()
            ]
    return links


def require_none() -> None:
    """Refuse a clone that brings links; one that its owner made here and did not commit may stay.

    Raises:
        BadInput: git tracks a link where files are read or written, or there is one and no git
            to tell whose it is.
    """
    tracked = _tracked()
    if tracked:
        raise BadInput(
            f"{min(tracked)[:200]!r}: a link that this clone brings ({len(tracked)} in all), and "
            "through it files elsewhere would be read or written; refused: git rm it, with "
            "--cached if you made it yourself and want to keep it"
        )
    if tracked is None and (links := _here()):
        raise BadInput(
            f"{min(links)[:200]!r}: a link, and no git here tells whether a stranger made it; "
            "refused: put its content in its place, or work in a clone"
        )
