"""A copy of a study outside the repository: a folder or a zip of repository-relative paths."""

import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.formats.record import inside

# What reading a file of a damaged zip may raise.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, IndexError),
)


class Archive:
    """Reads files by their repository-relative names; refuses names and links that lead elsewhere.

    Nothing is ever unpacked as a whole: only files that the caller names are read.

    Raises:
        BadInput: the path is no folder and no zip, or a name in the zip is not a plain file's.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.folder, self.entries = path, None, {}
        if path.is_dir():
            self.folder = path.resolve()
            return
        try:
            self.zip = zipfile.ZipFile(path)
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise BadInput(f"{path}: no folder and no readable zip ({error})") from None
        for entry in self.zip.infolist():
            self._require_plain(entry)
            if not entry.is_dir():
                self.entries[entry.filename] = entry

    def _require_plain(self, entry: zipfile.ZipInfo) -> None:
        name, kind = entry.filename.removesuffix("/"), stat.S_IFMT(entry.external_attr >> 16)
        if not inside(name):
            raise BadInput(f"{self.path}: {name[:200]!r} leads out of the repository; refused")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadInput(f"{self.path}: {name} is a link or no plain file; refused")
        if entry.filename in self.entries:
            raise BadInput(f"{self.path}: {name} stands in it twice; refused")
        if entry.flag_bits & 1:
            raise BadInput(f"{self.path}: {name} is encrypted; give an archive that is not")

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; None where the archive has it not."""
        if not inside(name):
            raise BadInput(f"{name[:200]!r} leads out of the repository; refused")
        if self.folder is None:
            return self.entries[name].file_size if name in self.entries else None
        file = self.folder / name
        if self._resolved(file) != file:
            raise BadInput(f"{file}: a link; only plain files are read")
        return file.stat().st_size if file.is_file() else None

    def _resolved(self, file: Path) -> Path | None:
        try:
            return file.resolve()
        except (OSError, RuntimeError):
            # A link that leads to itself.
            return None

    def copy(self, name: str, target: Path) -> None:
        """Copy a file of the archive.

        Raises:
            BadInput: the archive is damaged there, or swells to more than the disk has room for.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        size, free = self.size(name) or 0, shutil.disk_usage(target.parent).free
        if size > free:
            raise BadInput(f"{self.path}: {name}: {size} bytes; {free} are free here")
        if self.folder is not None:
            shutil.copyfile(self.folder / name, target)
            return
        try:
            with self.zip.open(self.entries[name]) as stream, target.open("wb") as written:
                shutil.copyfileobj(stream, written, 1 << 20)
        except DAMAGED as error:
            raise BadInput(f"{self.path}: {name}: damaged ({error})") from None

    def copy_text(self, name: str) -> Path | None:
        """Put a small file in its place in the repository; None where it is there or not here.

        Raises:
            BadInput: it is too large for what it should be.
        """
        size, target = self.size(name), Path(name)
        if size is None or target.exists():
            return None
        if size > (most := untrusted.LARGEST_TEXT):
            raise BadInput(f"{self.path}: {name}: {size} bytes; at most {most} are read")
        try:
            self.copy(name, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target
