"""Files of anybody's making: read within bounds of kind, size and depth, or refused in words."""

import contextlib
import csv
import errno
import functools
import io
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from scaletrace.errors import BadInput

# Records, roots, locks, tables and figures are read whole; the largest known has 5 MB (bytes).
LARGEST_TEXT = 1 << 26
DEEPEST = 20
# Digits that no count, time or seed has.
LONGEST_INTEGER = 30
# What the kernel shows there as files has no end, no size, or waits for somebody.
KERNEL_FOLDERS = ("/proc", "/sys", "/dev")


@functools.cache
def kernel_devices() -> frozenset[int]:
    """Return the devices of the file systems that the kernel makes up."""
    devices = set()
    for folder in KERNEL_FOLDERS:
        with contextlib.suppress(OSError):
            devices.add(Path(folder).stat().st_dev)
    return frozenset(devices)


def _require_ordinary(facts: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(facts.st_mode) or facts.st_dev in kernel_devices():
        raise OSError(errno.EINVAL, "no ordinary file", str(path))


@contextlib.contextmanager
def opened(path: Path, largest: int | None = None) -> Iterator[tuple[BinaryIO, int]]:
    """Open an ordinary file; yield it with its size in bytes.

    Raises:
        OSError: it cannot be opened, has more than `largest` bytes, or is a device, a pipe, a
            folder or the kernel's.
    """
    # Before it is opened, too: opening a device may wait, or do something.
    _require_ordinary(path.stat(), path)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        facts = os.fstat(stream.fileno())
        _require_ordinary(facts, path)
        if largest is not None and facts.st_size > largest:
            said = f"{facts.st_size} bytes; at most {largest} are read"
            raise OSError(errno.EFBIG, said, str(path))
        yield stream, facts.st_size


@contextlib.contextmanager
def refused_in_words(path: Path) -> Iterator[None]:
    """Raise BadInput where a file that is read in the block cannot be read."""
    try:
        yield
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def read_bytes(path: Path, largest: int = LARGEST_TEXT) -> bytes:
    """Return the content of an ordinary file of at most `largest` bytes.

    Raises:
        OSError: it cannot be read, is no ordinary file, or is larger.
    """
    with opened(path, largest) as (stream, size):
        return stream.read(size)


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Return the content of an ordinary file in UTF-8, with its line ends as they are.

    Raises:
        OSError: as for `read_bytes`.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_bytes(path, largest).decode("utf-8")


def printable(lines: Iterable[str]) -> str:
    """Return lines as a text in which no letter of anybody's making steers a terminal."""
    return "\n".join(
        "".join(letter if letter.isprintable() else "?" for letter in line) for line in lines
    )


def from_json(content: bytes) -> Any:
    """Return the data of a JSON file.

    Raises:
        ValueError: it is no JSON in UTF-8, or is nested too deep.
    """
    text = content.decode("utf-8")
    try:
        value = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise ValueError(f"nested deeper than {DEEPEST} levels") from None
    require_shallow(value)
    if "\\u" in text:
        # Half of a letter can be read, and neither printed nor written.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def read_json(path: Path) -> Any:
    """Return the data of a JSON file.

    Raises:
        OSError: as for `read_bytes`.
        ValueError: as for `from_json`.
    """
    return from_json(read_bytes(path))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by the names in its first line.

    Raises:
        OSError: as for `read_bytes`.
        ValueError: it is no CSV in UTF-8.
    """
    return rows_of(read_text(path))


def rows_of(text: str) -> list[dict[str, str]]:
    """Return the rows of CSV by the names in its first line.

    Raises:
        ValueError: it is no CSV, or a row has another number of cells than the first line.
    """
    rows = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(reader, [])
        for cells in filter(None, reader):
            # A short row made as long as the first line, for each of many, would fill the memory.
            rows.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return rows


def require_shallow(value: Any) -> None:
    """Raise ValueError for data nested so deep that a function calling itself would fail on it."""
    waiting = [([value], -1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} levels")
        below = value.values() if isinstance(value, dict) else value
        waiting += [(item, depth + 1) for item in below if isinstance(item, dict | list)]
