"""A file that others rest on: its path from the repository's root, and its content hash."""

from dataclasses import dataclass
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.files import hashes


@dataclass(frozen=True)
class SourceFile:
    """A file that rows come from: its path from the repository's root, and its sha256."""

    path: str
    sha256: str


def source_of(path: Path) -> SourceFile:
    """Hash an input. Its path is given from the working folder, which is the repository's root.

    Raises:
        BadInput: the file lies outside the repository, so that no other checkout could name it.
    """
    try:
        inside = path.relative_to(Path.cwd()) if path.is_absolute() else path
    except ValueError as error:
        raise BadInput(f"{path}: inputs of a figure must lie in the repository") from error
    return SourceFile(inside.as_posix(), str(hashes(path)["sha256"]))
