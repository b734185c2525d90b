"""WikiText-2 with its official splits (Merity et al. 2016, arXiv 1609.07843).

Two files of articles hold out what the third trains on: the splits are the data set's own. What
lies on this machine is never replaced by what the network has.
"""

import dataclasses
import hashlib
import http.client
import io
import re
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from scaletrace.corpora import Source
from scaletrace.errors import BadInput
from scaletrace.text.documents import SPLITS, Document
from scaletrace.text.raw import decode, read_bytes

MD5 = "542ccefacc6c27f945fb54453812b3cd"
LINES = {"train": 36718, "valid": 3760, "test": 4358}
MIRRORS = (
    "https://wikitext.smerity.com/wikitext-2-v1.zip",
    "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
    "https://web.archive.org/web/2022id_/https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
)
# Of all three splits, which their zip holds in a third of that.
TEXT_BYTES = 13_000_000
# With rare words as <unk>, and as they were written; of a folder that has both the first is read.
VARIANTS = ("tokens", "raw")
# A mirror that sends nothing for this long is given up.
TIMEOUT_SECONDS = 30
PROGRESS_SECONDS = 5
# WikiText sets an article's title between single equals signs on a line of its own, a section's
# between more. The blank lines around it tell a title from a formula.
_TITLE = re.compile(r"(?:(?<=\n \n)|\A(?: \n)?) = (?!= )[^\n]*[^=\n] = \n(?= \n)")


class Keys(Source):
    """Where it lies, if it is not to be downloaded."""

    source: Literal["wikitext-2"]
    path: str | None = Field(
        None,
        description="a local wikitext-2-v1.zip, or a folder with wiki.train, wiki.valid and "
        "wiki.test, all three as .tokens or (the raw variant) as .raw; downloaded where left out",
    )

    def settings(self, versions: dict[str, str]) -> "Settings":
        """Return the settings of the job that reads it."""
        del versions
        return Settings(self.source, self.path)

    def raw_files(self) -> list[str]:
        """Return the zip itself, or the three files of one variant that a folder holds, sorted.

        Raises:
            BadInput: they are not there, or not whole.
        """
        if self.path is None:
            return []
        path = Path(self.path)
        if not path.exists():
            raise BadInput(
                f"corpus.path: found {self.path!r}, which does not exist; name a "
                "wikitext-2-v1.zip, a folder with its splits, or leave it out to download"
            )
        if not path.is_dir():
            if not (path.is_file() and zipfile.is_zipfile(path)):
                raise BadInput(
                    f"corpus.path: found {self.path!r}, which is not a whole zip; name a "
                    "wikitext-2-v1.zip, or the folder that its splits lie in"
                )
            return [str(path)]
        variants = [[path / f"wiki.{split}.{end}" for split in SPLITS] for end in VARIANTS]
        files = max(variants, key=lambda files: sum(file.is_file() for file in files))
        if lacking := [file.name for file in files if not file.is_file()]:
            raise BadInput(
                f"corpus.path: found {self.path!r}, a folder without {', '.join(lacking)}; needed "
                "are wiki.train, wiki.valid and wiki.test, all three as .tokens or all three as "
                ".raw"
            )
        return sorted(map(str, files))

    def named_paths(self) -> list[str]:
        """Return the path, if there is one."""
        return [] if self.path is None else [self.path]

    def text_bytes(self, raw_files: list[str]) -> int:
        """Return the bytes of all splits, zipped or not."""
        del raw_files
        return TEXT_BYTES


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where WikiText-2 lies; downloaded where that is None."""

    source: str
    path: str | None


def read(
    files: Sequence[Path], settings: Settings
) -> tuple[dict[str, list[Document]], dict[str, Any]]:
    """Return the official splits, one document per article, and the files' hashes."""
    contents = _local(files) if settings.path is not None else _unzipped(_download(MIRRORS))
    splits, sums = _official(contents)
    return splits, {"files": sums}


def articles(text: str) -> list[tuple[str, str]]:
    """Return (title, article) of a split; the articles joined are the whole text."""
    titles = list(_TITLE.finditer(text))
    starts = [0, *(title.start() for title in titles[1:]), len(text)]
    return [
        (title.group().strip(" =\n"), text[start:end])
        for title, start, end in zip(titles, starts, starts[1:], strict=False)
    ]


def _official(contents: dict[Path, bytes]) -> tuple[dict[str, list[Document]], dict[str, str]]:
    """Return the documents of each split, and the hashes of its files."""
    paths = {path.stem: path for path in contents}
    splits, sums = {}, {}
    for split, expected in LINES.items():
        path = paths[f"wiki.{split}"]
        text = decode(contents[path], path)
        lines = text.count("\n")
        if lines != expected:
            raise BadInput(f"{path}: {lines} lines; WikiText-2 has {expected} there")
        splits[split] = [Document(f"{path.name}:{title}", part) for title, part in articles(text)]
        sums[path.name] = hashlib.sha256(contents[path]).hexdigest()
    return splits, sums


def _local(paths: Sequence[Path]) -> dict[Path, bytes]:
    """Return the files of the splits, given as they are or as the one zip that holds them."""
    if not paths:
        raise BadInput("corpus.path: WikiText-2 is said to lie here, and no file of it is here")
    contents = {path: read_bytes(path) for path in paths}
    if len(contents) > 1:
        return contents
    ((path, content),) = contents.items()
    if fault := _fault(content):
        raise BadInput(f"{path}: {fault}")
    return _unzipped(content)


def _unzipped(content: bytes) -> dict[Path, bytes]:
    names = [f"wikitext-2/wiki.{split}.tokens" for split in SPLITS]
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        return {Path(name): files.read(name) for name in names}


def _fault(content: bytes) -> str | None:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 == MD5:
        return None
    return f"{len(content):,} bytes with md5 {md5}; wikitext-2-v1.zip has {MD5}"


def _download(mirrors: tuple[str, ...]) -> bytes:
    """Return the archive from the first mirror that has it; it is kept in memory (4.5 MB)."""
    faults = []
    for mirror in mirrors:
        print(f"corpus: {mirror}", flush=True)
        try:
            content = b"".join(_blocks(mirror))
        except (OSError, http.client.HTTPException) as error:
            fault = str(error)
        else:
            fault = _fault(content)
            if fault is None:
                return content
        print(f"corpus: {fault}", flush=True)
        faults.append(f"  {mirror}: {fault}")
    raise BadInput(
        "corpus: no mirror has wikitext-2-v1.zip, and nothing was kept:\n"
        + "\n".join(faults)
        + "\nGive `path:`, a local copy of the zip or a folder with its three files"
    )


def _blocks(address: str) -> Iterator[bytes]:
    # Some hosts refuse urllib's own name.
    request = urllib.request.Request(address, headers={"User-Agent": "scaletrace"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        total = int(response.headers.get("Content-Length", 0))
        received, shown = 0, time.monotonic()
        while block := response.read(1 << 16):
            received += len(block)
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                print(f"corpus: {received:,} of {total:,} bytes", flush=True)
            yield block
    if received < total:
        raise OSError(f"the connection ended after {received:,} of {total:,} bytes")
