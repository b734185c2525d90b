"""A study as it lies in a folder, or in a commit of git: files by repository-relative names."""

import subprocess
from pathlib import Path, PurePosixPath

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.formats.record import inside
from scaletrace.jobs import git

SOURCES = PurePosixPath("src")


def module_paths(module: str) -> tuple[str, str]:
    """Return the two places where a module of the package may lie."""
    base = SOURCES.joinpath(*module.split("."))
    return str(base / "__init__.py"), f"{base}.py"


def _cat_file(batch: str, names: list[str], repository: Path) -> bytes:
    """Return what git says of objects; nothing where it cannot be asked."""
    try:
        asked = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
        return git.run("cat-file", batch, message=asked, folder=repository)
    except (OSError, subprocess.CalledProcessError):
        return b""


def objects(names: list[str], repository: Path = Path()) -> dict[str, bytes | None]:
    """Return the contents of small objects of a git repository by name; None for those it lacks."""
    sizes = _cat_file("--batch-check=%(objectsize)", names, repository).splitlines()
    contents: dict[str, bytes | None] = dict.fromkeys(names if sizes else ())
    small = [
        name
        for name, size in zip(names, sizes, strict=False)
        if size.isdigit() and int(size) <= untrusted.LARGEST_TEXT
    ]
    rest, at = _cat_file("--batch", small, repository), 0
    for name in small if rest else ():
        end = rest.index(b"\n", at)
        header, at = rest[at:end].split(b" "), end + 1
        if len(header) != 3:
            continue
        size = int(header[2])
        contents[name] = rest[at : at + size]
        at += size + 1
    return contents


class Snapshot:
    """What a person names: a folder that holds a copy of the repository, or a git revision.

    Raises:
        BadInput: it is neither.
    """

    def __init__(self, name: str) -> None:
        self.name, self.commit = name, ""
        self.folder = Path(name)
        if self.folder.is_dir():
            return
        self.folder = Path()
        options = ("--verify", "--quiet", "--end-of-options")
        try:
            self.commit = git.text("rev-parse", *options, f"{name}^{{commit}}").strip()
        except subprocess.CalledProcessError:
            raise BadInput(
                f"{name!r}: neither a folder nor a revision of this repository"
            ) from None
        except (OSError, ValueError) as error:
            raise BadInput(f"{name!r}: no folder, and git cannot be asked ({error})") from None

    @property
    def title(self) -> str:
        """What was named, with the commit that it is."""
        return f"{self.name} ({self.commit[:12]})" if self.commit else self.name

    def names(self, folder: str, suffix: str) -> list[str]:
        """Return the files with a suffix below a folder of the repository."""
        if not self.commit:
            paths = (self.folder / folder).rglob(f"*{suffix}")
            return sorted(path.relative_to(self.folder).as_posix() for path in paths)
        options = ("-r", "-z", "--name-only", "--full-tree")
        listed = git.text("ls-tree", *options, self.commit, "--", folder)
        return sorted(name for name in listed.split("\0") if name.endswith(suffix))

    def read(self, names: list[str]) -> dict[str, bytes | None]:
        """Return the contents of small files; None for those that are not there."""
        if not self.commit:
            return {name: self._content(name) for name in names}
        asked = {name: f"{self.commit}:{name}" for name in names if inside(name)}
        contents = objects(list(asked.values()))
        return {name: contents.get(asked.get(name, "")) for name in names}

    def _content(self, name: str) -> bytes | None:
        path = self.folder / name
        try:
            return untrusted.read_bytes(path) if inside(name) and path.is_file() else None
        except OSError:
            return None

    def module(self, module: str, commit: str) -> list[bytes]:
        """Return the texts that a module may have had: of the snapshot, and at a commit."""
        places = module_paths(module)
        texts = list(self.read(list(places)).values())
        if commit.isalnum():
            names = [f"{commit}:{path}" for path in places if inside(path)]
            for repository in {self.folder, Path()}:
                texts += objects(names, repository).values()
        return [text for text in texts if text is not None]
