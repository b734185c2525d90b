"""git, asked so that nothing is run or fetched at the word of a repository's own settings."""

import os
import subprocess
from pathlib import Path

# No file system monitor is started, and no bare repository is taken for one by its looks alone.
SETTINGS = ("-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit")
# What is missing is missing, and not fetched by whatever transport the repository names; what a
# hash names is that, and not what the repository would have shown in its place.
ENVIRONMENT = {
    **{"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "GIT_TERMINAL_PROMPT": "0"},
    "GIT_NO_REPLACE_OBJECTS": "1",
}


def run(*words: str, message: bytes = b"", folder: Path = Path()) -> bytes:
    """Return what git prints.

    Args:
        words: of the command.
        message: for its standard input.
        folder: where it is asked.

    Raises:
        OSError: there is no git.
        subprocess.CalledProcessError: it says no; `stderr` says why.
    """
    return subprocess.run(
        ["git", *SETTINGS, *words],
        input=message,
        capture_output=True,
        check=True,
        cwd=folder,
        env=os.environ | ENVIRONMENT,
    ).stdout


def text(*words: str, folder: Path = Path()) -> str:
    """Return what git prints as text, names that are not UTF-8 as Python shows them; see `run`."""
    return os.fsdecode(run(*words, folder=folder))
