"""Hashing many files: each in one read for sha256 and md5, several at a time."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scaletrace.formats import files, untrusted


def hashes_of(
    sizes: Mapping[str, int], read: Callable[[Path], dict[str, Any]] = files.hashes
) -> dict[str, dict[str, Any] | str]:
    """Return sha256, md5 and size of each file by its name; where it has none, why, in words.

    Args:
        sizes: name -> bytes that the file should have; one that is far larger is not read.
        read: what reads one; `known_hashes.read_hashes` remembers, and thereby writes.
    """
    names = list(sizes)
    # The largest first, so that no core is left with it at the end.
    order = sorted(names, key=_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = pool.map(lambda name: _hashes(name, sizes[name], read), order)
        hashes = dict(zip(order, hashes, strict=True))
    return {name: hashes[name] for name in names}


def sha256_of_small(path: Path) -> str:
    """Return the sha256 of a file that holds a text; of one that is far larger, or none, why."""
    hashed = _hashes(str(path), 0, files.hashes)
    return hashed if isinstance(hashed, str) else str(hashed["sha256"])


def _size(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except (OSError, ValueError):
        return 0


def _hashes(
    name: str, expected: int, read: Callable[[Path], dict[str, Any]]
) -> dict[str, Any] | str:
    path = Path(name)
    try:
        if not path.is_file():
            return "missing"
        if (size := path.stat().st_size) > max(expected, untrusted.LARGEST_TEXT):
            return f"{size} bytes instead of {expected}"
        return read(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
