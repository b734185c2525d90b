"""Files that are whole or absent, and their content hashes."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.formats import untrusted

CHUNK = 1 << 20


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Yield an empty draft beside a file, which names its writer and is gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{socket.gethostname()}.{os.getpid()}."
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Delete the drafts of a file that killed processes of this host left beside it."""
    begin = f".{path.name}.{socket.gethostname()}."
    for draft in path.parent.glob(f"{glob.escape(begin)}*"):
        writer = draft.name.removeprefix(begin).partition(".")[0]
        if writer.isdigit() and not _lives(int(writer)):
            draft.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds."""
    with drafted(path) as temporary:
        yield temporary
        finish(temporary)
        temporary.replace(path)


def finish(draft: Path) -> None:
    """Bring a draft to the disk, with the permissions that the user's files have."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    umask = os.umask(0)
    os.umask(umask)
    # What is linked into place may be a colleague's, and has its permissions.
    with contextlib.suppress(PermissionError):
        draft.chmod(0o666 & ~umask)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path` in one step: readers see the old file or the new one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def to_json(value: Any) -> str:
    """Serialise `value` as indented JSON that is the same for equal values."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def json_sha256(value: Any) -> str:
    """Return the sha256 of `value` as compact JSON: records, roots and code are known by it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, in one step."""
    write_text(path, to_json(value))


def hashes(path: Path) -> dict[str, str | int]:
    """Return sha256, md5 (DVC's) and size in bytes of a file, in one read.

    Raises:
        OSError: it cannot be read, is no ordinary file, or grows meanwhile.
    """
    sha256, md5, read = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with untrusted.opened(path) as (stream, size):
        while block := stream.read(min(CHUNK, size - read)):
            sha256.update(block)
            md5.update(block)
            read += len(block)
        if size and stream.read(1):
            raise OSError(errno.EBUSY, "grew while it was read", str(path))
    return {"sha256": sha256.hexdigest(), "md5": md5.hexdigest(), "size": read}
