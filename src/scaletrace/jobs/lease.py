"""The lease on a working folder: two processes never train the same thing side by side."""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from scaletrace.formats import untrusted

FILE = "lease.json"
HEARTBEAT = 10.0
# A holder on another host whose heart has not beaten for this long is taken for dead: longer than
# network file systems go on showing an old time.
SILENCE = 120.0
WAIT = 2.0


def _me() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        # A process id alone may have been given to somebody else since.
        "started": psutil.Process().create_time(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def _silence(lease: Path) -> float:
    """Return the seconds since the last heartbeat, by the clock of the file system alone."""
    now = lease.with_name(f".{uuid.uuid4().hex}")
    try:
        now.touch()
        return now.stat().st_mtime - lease.stat().st_mtime
    finally:
        now.unlink(missing_ok=True)


def _is_dead(lease: Path, holder: dict[str, Any]) -> bool:
    if holder.get("host") != socket.gethostname():
        return _silence(lease) > SILENCE
    try:
        process = psutil.Process(holder["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        # The time at which a living process was started moves when the host's clock is set.
        moved = abs(process.create_time() - holder["started"]) > 1
        return moved and _silence(lease) > 3 * HEARTBEAT
    except psutil.NoSuchProcess:
        return True


def _take(lease: Path, me: str) -> bool:
    """Try to become the holder: link a complete file into place, which only one can do."""
    draft = lease.with_name(f".{uuid.uuid4().hex}")
    try:
        draft.write_text(me, encoding="utf-8")
        os.link(draft, lease)
    except FileExistsError:
        # A network file system may say so of a link that it has just made.
        with contextlib.suppress(FileNotFoundError):
            return lease.read_text(encoding="utf-8") == me
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _remove_if_dead(lease: Path) -> str | None:
    """Remove the lease of a dead holder; return the name of a living one."""
    try:
        text = lease.read_text(encoding="utf-8")
        holder = _read(text.encode())
        if not _is_dead(lease, holder):
            return f"process {holder.get('pid')} on {holder.get('host')}"
        # Of several that see the same dead holder only one can rename its lease away.
        aside = lease.with_name(f".{uuid.uuid4().hex}")
        lease.rename(aside)
        if aside.read_text(encoding="utf-8") != text:
            # Another was faster, and this is its lease: back with it.
            with contextlib.suppress(FileExistsError):
                os.link(aside, lease)
        aside.unlink()
    except FileNotFoundError:
        pass
    return None


def is_process(data: Any) -> bool:
    """Tell whether a file's data names a process: working folders may be of anybody's making."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("host"), str)
        and isinstance(data.get("pid"), int)
        and 0 < data["pid"] < 1 << 31
        and isinstance(data.get("slurm_job"), str | None)
        and all(isinstance(data.get(name), int | float | None) for name in ("start", "started"))
        and all(isinstance(data.get(name), str | None) for name in ("node", "folder", "problem"))
    )


def _read(content: bytes) -> dict[str, Any]:
    """Return the holder; of a lease torn by a crash of its host nobody, who can only be silent."""
    try:
        holder = untrusted.from_json(content)
    except ValueError:
        return {}
    return holder if is_process(holder) and holder.get("started") is not None else {}


def holder(folder: Path) -> dict[str, Any] | None:
    """Return who works in `folder`: host, pid, started and slurm_job; None where nobody lives."""
    path = folder / FILE
    try:
        living = _read(untrusted.read_bytes(path))
        return None if not living or _is_dead(path, living) else living
    except OSError:
        return None


@contextlib.contextmanager
def lease(folder: Path) -> Iterator[None]:
    """Hold the lease on `folder`, after waiting for a living holder and replacing a dead one.

    The holder is named by host, process and SLURM job, and touches the lease every few seconds.
    One that was suspended for so long that another has taken over ends at its next heartbeat.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, me, announced = folder / FILE, json.dumps(_me()), False
    while not _take(path, me):
        living = _remove_if_dead(path)
        if living is not None:
            if not announced:
                print(f"waiting: {living} is working on {folder}", flush=True)
                announced = True
            time.sleep(WAIT)
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                if path.read_text(encoding="utf-8") != me:
                    print(f"another process has taken over {folder}; this one ends", flush=True)
                    os._exit(1)
                os.utime(path)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
        # A process that was suspended for long may find that another has taken over.
        if path.is_file() and path.read_text(encoding="utf-8") == me:
            path.unlink()
