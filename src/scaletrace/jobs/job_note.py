"""The note that a job leaves of itself while it is under way, and of how it failed.

It lies under `work/`, outside every fingerprint and record, and is gone when the job is done.
"""

import contextlib
import os
import socket
import time
from pathlib import Path, PurePath
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.record import parse_record
from scaletrace.jobs import ledger
from scaletrace.jobs.lease import is_process


def path_of(study: str, rule: str, wildcards: dict[str, str]) -> Path:
    """Return where the note of a job lies."""
    return Path("work", study, "underway", rule, ledger.path_of(study, rule, wildcards).name)


def read(study: str, rule: str, wildcards: dict[str, str]) -> dict[str, Any] | None:
    """Return the note of a job that began and is not done; None without one.

    Its keys: host, pid, slurm_job, node (SLURM's name of the host), start (seconds since 1970),
    folder (the working folder, once it is known) and, of a job that failed and could still say so,
    end and problem.
    """
    try:
        note = untrusted.read_json(path_of(study, rule, wildcards))
    except (OSError, ValueError):
        return None
    if not is_process(note) or note.get("start") is None:
        return None
    # Anybody may have written it, and what it names is looked into.
    folder = note.get("folder")
    inside = folder is None or PurePath(folder).parts[:-1] == ("work", study)
    return note | {"slurm_job": note.get("slurm_job")} if inside else None


def reason_of(problem: BaseException) -> str:
    """Return in a line why a process ends without a result."""
    if isinstance(problem, SystemExit) and isinstance(problem.code, int):
        return f"stopped by signal {problem.code - 128}" if problem.code > 128 else "stopped"
    name = type(problem).__name__
    what = str(problem) or name
    return what if isinstance(problem, OSError | ValueError) else f"{name}: {what}"


class Note:
    """The note of the job that this process runs."""

    def __init__(self, study: str, rule: str, wildcards: dict[str, str]) -> None:
        self._job = (study, rule, wildcards)
        self._path = path_of(study, rule, wildcards)
        self._before = self._recorded()
        self._content: dict[str, Any] = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "node": os.environ.get("SLURMD_NODENAME"),
            "start": time.time(),
            "folder": None,
        }
        files.write_json(self._path, self._content)

    def works_in(self, folder: Path) -> None:
        """Name the working folder."""
        self._content["folder"] = str(folder)
        files.write_json(self._path, self._content)

    def fails(self, problem: BaseException) -> None:
        """Say why the job ends without a result; a note that cannot be written is left out."""
        if self.superseded():
            return
        ended = {"end": time.time(), "problem": reason_of(problem)}
        with contextlib.suppress(OSError):
            files.write_json(self._path, self._content | ended)

    def superseded(self) -> bool:
        """Tell whether the job of this name was changed and begun anew since: in another folder.

        Thus one that outlived its snakemake learns of its successor.
        """
        newest = read(*self._job) or {}
        if newest.get("folder") not in (None, self._content["folder"]):
            return True
        recorded = self._recorded()
        return recorded not in (self._before, self._content["folder"])

    def _recorded(self) -> str | None:
        """Return the working folder of the job's latest result; None without one."""
        try:
            work = parse_record(ledger.path_of(*self._job)).circumstances.work
        except BadInput:
            return None
        return str(self._path.parents[2] / work) if work else None

    def done(self) -> None:
        """Take the note away: the job's record says all from now on."""
        self._path.unlink(missing_ok=True)
