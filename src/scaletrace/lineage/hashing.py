"""Hashing many files: each in one read for sha256 and md5, several at a time."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scaletrace.study import files


def hashes_of(names: Iterable[str]) -> dict[str, dict[str, Any] | str]:
    """Return sha256, md5 and size of each file by its name; where it has none, why, in words."""
    names = list(dict.fromkeys(names))
    # The largest first, so that no core is left with it at the end.
    order = sorted(names, key=_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(order, pool.map(_hashes, order), strict=True))
    return {name: found[name] for name in names}


def _size(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except (OSError, ValueError):
        return 0


def _hashes(name: str) -> dict[str, Any] | str:
    path = Path(name)
    try:
        return files.hashes(path) if path.is_file() else "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
