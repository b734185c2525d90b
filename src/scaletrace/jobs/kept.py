"""Results that a job leaves in its working folder until the study has seen them.

A workflow deletes the outputs of a job that it has lost sight of: its node died while it lived on,
snakemake was killed, or another job of its group failed. The same job, started again, then finds
what was computed here, and computes nothing twice.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from scaletrace.formats import files, untrusted
from scaletrace.formats.record import RecordedFile
from scaletrace.jobs import attempts, lease

FOLDER = "finished"
STAYING = (FOLDER, lease.FILE, attempts.FILE)


def keep(
    work: Path,
    outputs: list[RecordedFile],
    names: dict[str, Path],
    circumstances: dict[str, Any],
) -> None:
    """Keep a job's outputs in its working folder, by links that take no space.

    Args:
        work: the job's working folder; whatever else lies in it goes, for the job is done.
        outputs: the outputs' names, paths and hashes.
        names: the outputs' paths by name.
        circumstances: what the job says of its execution, to be recorded again with the outputs.
    """
    draft = work / f".{FOLDER}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    # Where the file system has no such links, the job would be run again.
    with contextlib.suppress(OSError):
        for name, path in names.items():
            os.link(path, draft / name)
        described = [output.as_json() for output in outputs]
        held = {"outputs": described, "circumstances": circumstances}
        files.write_json(draft / "job.json", held)
        draft.rename(work / FOLDER)
    for path in work.iterdir():
        if path.name not in STAYING:
            path.unlink() if path.is_file() else shutil.rmtree(path)


def put_back(work: Path, names: dict[str, Path]) -> dict[str, Any] | None:
    """Put kept outputs in place and return what was kept of their execution; None without any.

    What is no longer as the job wrote it is passed over.
    """
    folder = work / FOLDER
    try:
        kept = untrusted.read_json(folder / "job.json")
        hashes = {
            entry["name"]: {name: entry[name] for name in ("sha256", "md5", "size")}
            for entry in kept["outputs"]
        }
        if hashes != {name: files.hashes(folder / name) for name in names}:
            return None
        for name, path in names.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with files.replacing(path) as temporary:
                temporary.unlink()
                os.link(folder / name, temporary)
                os.utime(temporary)
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return kept["circumstances"]


def forget(study: str) -> None:
    """Delete what the finished jobs of a study kept."""
    for folder in Path("work", study).glob(f"*/{FOLDER}"):
        if not (folder.parent / lease.FILE).exists():
            shutil.rmtree(folder.parent, ignore_errors=True)
