"""Files that a pattern of a study names, as a shell names them, found within bounds."""

import fnmatch
import glob
import os
from collections.abc import Iterator
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

ANY_DEPTH = "**"
# Names that are looked at for one pattern.
MOST = 300_000


def matching(pattern: str) -> list[str]:
    """Return the ordinary files that a pattern matches, with `**` for folders at any depth.

    Links are followed, but `**` enters no folder twice and none of the kernel's: some have no end.
    As in a shell, only a pattern that begins with a dot matches a name that does. A name with
    brackets that exists as it is written is meant so: `a[1].txt` is that file, and not `a1.txt`.

    Raises:
        BadInput: more names than `MOST` would have to be looked at.
    """
    if pattern.endswith(os.sep):
        return []
    parts = tuple(part for part in pattern.split("/") if part)
    start = os.sep if pattern.startswith(os.sep) else ""
    return list(_Search(pattern).below(start, parts))


class _Search:
    def __init__(self, pattern: str) -> None:
        self.pattern, self.looked = pattern, 0

    def below(self, folder: str, parts: tuple[str, ...]) -> Iterator[str]:
        """Yield the files in a folder whose names below it match the parts."""
        if not parts:
            return
        part, rest = parts[0], parts[1:]
        if part == ANY_DEPTH:
            for inner in self._folders(folder):
                yield from self.below(inner, rest or ("*",))
            return
        for name in self._names(folder, part):
            path = os.path.join(folder, name)  # noqa: PTH118, for a Path drops a leading ./
            if rest:
                yield from self.below(path, rest)
            elif Path(path).is_file():
                yield path

    def _names(self, folder: str, part: str) -> list[str]:
        if not glob.has_magic(part) or self._is_meant_literally(folder, part):
            return [part]
        hidden = part.startswith(".")
        names = (name for name in self._listed(folder) if hidden or not name.startswith("."))
        return fnmatch.filter(names, part)

    def _is_meant_literally(self, folder: str, part: str) -> bool:
        """Tell whether a name exists as it is written, and would not match itself as a pattern."""
        return not fnmatch.fnmatchcase(part, part) and Path(folder, part).exists()

    def _listed(self, folder: str) -> list[str]:
        try:
            names = [path.name for path in Path(folder or ".").iterdir()]
        except (OSError, ValueError):
            return []
        self.looked += len(names)
        if self.looked > MOST:
            raise BadInput(
                f"found {self.pattern[:200]!r}, for which more than {MOST:,} names would have to "
                "be looked at; name a folder that holds the text alone"
            )
        return names

    def _folders(self, folder: str) -> Iterator[str]:
        """Yield a folder and all below it, each once."""
        seen: set[tuple[int, int]] = set()
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                facts = Path(here or ".").stat()
            except OSError:
                continue
            place = facts.st_dev, facts.st_ino
            if place in seen or facts.st_dev in untrusted.kernel_devices():
                continue
            seen.add(place)
            yield here
            for name in sorted(self._listed(here), reverse=True):
                inner = os.path.join(here, name)  # noqa: PTH118
                if not name.startswith(".") and Path(inner).is_dir():
                    waiting.append(inner)
