"""Content hashes computed once per content: remembered by path, inode, size, mtime and ctime.

One small file an entry, under work/hashes, put in place by a rename: several hosts may share the
folder. What was written later has another ctime, which nobody can set, so a clone or an archive
cannot bring entries that hold here.
"""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.formats import files, untrusted

FOLDER = Path("work/hashes")
# Smaller files are read as fast as they are remembered (bytes).
LEAST = 1 << 20
# Reading more than this takes so long that it is told (bytes).
LONG = 1 << 29
# Two writes within one tick of a file system's clock have the same times (seconds).
TICK = 0.02
HASHES = {"sha256": str, "md5": str, "size": int}


def _state(path: Path) -> list[int]:
    # Opened, for a network file system looks at the server's times only then.
    with untrusted.opened(path) as (stream, _):
        facts = os.fstat(stream.fileno())
    return [facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]


def _entry(path: Path) -> Path:
    return FOLDER / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def _recall(path: Path, state: list[int]) -> dict[str, Any] | None:
    try:
        entry = untrusted.read_json(_entry(path))
        hashes = entry["hashes"]
        sound = entry["path"] == str(path) and entry["state"] == state
        sound = sound and all(isinstance(hashes[name], kind) for name, kind in HASHES.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return hashes if sound else None


def _remember(path: Path, state: list[int], hashes: dict[str, Any]) -> None:
    # What cannot be remembered, on a full disk or in a folder of somebody else's, is read again.
    with contextlib.suppress(OSError):
        files.write_json(_entry(path), {"path": str(path), "state": state, "hashes": hashes})


def read_hashes(path: Path) -> dict[str, Any]:
    """Return sha256, md5 and size of a file by reading it, and remember them.

    Raises:
        OSError: see `files.hashes`.
    """
    before = _state(path)
    size, changed = before[1], before[3] / 1e9
    if size < LEAST:
        return files.hashes(path)
    # A write after this has other times than those that are remembered.
    time.sleep(max(0.0, min(TICK, changed + TICK - time.time())))
    if size > LONG:
        print(f"reading {path} ({size / 1e9:.1f} GB) for its hash", file=sys.stderr, flush=True)
    hashes = files.hashes(path)
    if _state(path) == before and changed + TICK <= time.time():
        _remember(path, before, hashes)
    return hashes


def hashes(path: Path) -> tuple[dict[str, Any], bool]:
    """Return sha256, md5 and size of a file, and whether they were remembered, not read now.

    Raises:
        OSError: see `files.hashes`.
    """
    state = _state(path)
    known = _recall(path, state) if state[1] >= LEAST else None
    return (known, True) if known else (read_hashes(path), False)


def know(path: Path, hashes: dict[str, Any]) -> None:
    """Remember the hashes of a file that were computed while it had another name."""
    if hashes["size"] >= LEAST:
        with contextlib.suppress(OSError):
            _remember(path, _state(path), hashes)


@contextlib.contextmanager
def carried(path: Path) -> Iterator[None]:
    """Keep what is remembered of a file while the block links it, or sets its mode or times."""
    before = _state(path)
    known = _recall(path, before) if before[1] >= LEAST else None
    yield
    if known and (now := _state(path))[:2] == before[:2]:
        _remember(path, now, known)
