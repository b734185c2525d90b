"""What a clone may bring in the place of results or of code: Python's and our own remembered files.

A compiled module may run instead of its source, and a kept result may be taken for one that was
computed here. Nobody commits them for any other reason.
"""

import os
import subprocess

from scaletrace.errors import BadInput
from scaletrace.jobs import git

PLACES = ("work", ".snakemake", "*.pyc", "*/sitecustomize.py", "sitecustomize.py")


def tracked() -> list[str]:
    """Return the files of such names that git tracks here; none where there is no git."""
    try:
        names = git.run("ls-files", "-z", "--", *PLACES)
    except (OSError, subprocess.CalledProcessError):
        return []
    return sorted(os.fsdecode(name) for name in names.split(b"\0") if name)


def require_none() -> None:
    """Refuse a clone that brings any.

    Raises:
        BadInput: it does; the first is named.
    """
    if names := tracked():
        raise BadInput(
            f"{names[0][:200]!r}: git tracks it ({len(names)} such files), and it would stand for "
            "a result or for code that was never here; refused: git rm it"
        )
