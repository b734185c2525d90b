"""The user's own UTF-8 text."""

import dataclasses
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from scaletrace.corpora import DealtSource
from scaletrace.errors import BadInput
from scaletrace.text import globs, raw
from scaletrace.text.documents import Document, deal_to_all
from scaletrace.tokenizers import Vocabulary

# What Snakemake takes in a file's name for a wildcard or for the name of a folder of its own.
_READ_BY_SNAKEMAKE = re.compile(r"\{\s*\w+\s*(,[^{}]*)?\}|<[a-z][a-z0-9_]*>")
# What gives more documents of the same files, by what a document is.
_FINER = {
    "file": "`document: paragraph` or `document: line` makes more of the same files",
    "paragraph": "`document: line` makes more of the same files",
    "line": "give more text",
}


class Keys(DealtSource):
    """Which files, and what in them is a document."""

    source: Literal["files"]
    paths: list[str] = Field(
        min_length=1, description="files and globs, relative to where snakemake is started"
    )
    document: Literal["file", "paragraph", "line"] = Field(
        "file",
        description="what counts as one document: a file, text between blank lines, or a line",
    )

    def settings(self, versions: dict[str, str]) -> "Settings":
        """Return the settings of the job that reads them."""
        del versions
        return Settings(self.source, self.valid, self.test, self.document)

    def raw_files(self) -> list[str]:
        """Return the files that the paths name, sorted.

        Raises:
            BadInput: a path or glob matches nothing, or a file whose name shows that it is no plain
                text, or that Snakemake cannot be given.
        """
        named: set[str] = set()
        for place, pattern in enumerate(self.paths):
            try:
                matches = globs.matching(pattern)
            except BadInput as problem:
                raise BadInput(f"corpus.paths[{place}]: {problem}") from None
            if not matches:
                raise BadInput(
                    f"corpus.paths[{place}]: found {pattern!r}, which matches no file; "
                    "name text files or globs, relative to the folder snakemake is started in"
                )
            named.update(str(Path(match)) for match in matches)
        files = sorted(named)
        _require_usable_names(files)
        raw.require_plain_names(files)
        return files

    def check(self, vocabulary: Vocabulary, raw_files: list[str]) -> None:
        """Raise BadInput where the files are too short for the vocabulary."""
        vocabulary.require_text(self.text_bytes(raw_files))

    def examine(self, raw_files: list[str]) -> str:
        """Return how many of the files are empty, after reading all of them.

        A study's text is read whole here and in its job, and not whenever the workflow is read.

        Raises:
            BadInput: files cannot be read as plain text in UTF-8, a line each.
        """
        empty = sum(blank for _, blank in raw.for_each(map(Path, raw_files), raw.is_blank))
        return f", {empty:,} of them empty and passed over" if empty else ""

    def named_paths(self) -> list[str]:
        """Return the files and globs."""
        return self.paths


@dataclasses.dataclass(frozen=True)
class Settings:
    """What counts as one document, and the fractions held out."""

    source: str
    valid: float
    test: float
    document: str


def read(
    files: Sequence[Path], settings: Settings
) -> tuple[dict[str, list[Document]], dict[str, Any]]:
    """Return the documents of the files, dealt to the splits, and the files' hashes."""
    base = os.path.commonpath([path.parent for path in files])
    documents: list[Document] = []
    sums, empty = {}, []
    for path, (text, sha256) in raw.for_each(sorted(files), raw.read):
        name = Path(os.path.relpath(path, base)).as_posix()
        sums[name] = sha256
        if not text.strip():
            empty.append(name)
        elif settings.document == "file":
            documents.append(Document(name, text))
        else:
            parts = paragraphs(text) if settings.document == "paragraph" else lines(text)
            documents += [Document(f"{name}:{line}", part) for line, part in parts]
    print(
        f"corpus: {len(files):,} files, {len(empty):,} of them empty, {len(documents):,} documents",
        flush=True,
    )
    splits, duplicates = deal_to_all(
        documents, settings.valid, settings.test, _FINER[settings.document]
    )
    return splits, {
        "files": sums,
        "empty": {"files": len(empty), "first": empty[: raw.MOST_NAMED]},
        "duplicates": duplicates,
    }


def lines(text: str) -> list[tuple[int, str]]:
    """Return (number, line) of the lines that are not blank."""
    numbered = enumerate(text.split("\n"), start=1)
    return [(number, line) for number, line in numbered if line.strip()]


def paragraphs(text: str) -> list[tuple[int, str]]:
    """Return (number of its first line, paragraph) of the parts between blank lines."""
    numbered = enumerate(text.split("\n"), start=1)
    parts = []
    for filled, group in itertools.groupby(numbered, key=lambda line: bool(line[1].strip())):
        if filled:
            numbers, lines = zip(*group, strict=True)
            parts.append((numbers[0], "\n".join(lines)))
    return parts


def _require_usable_names(files: list[str]) -> None:
    if named := [raw.shown(path) for path in files if _READ_BY_SNAKEMAKE.search(path)]:
        raise BadInput(
            f"corpus.paths: {len(named):,} files have {{WORD}} or <word> in their path, which "
            f"Snakemake would replace: {raw.listed(named)}; rename them or their folder"
        )
    if named := [ascii(path) for path in files if not _is_unicode(path)]:
        raise BadInput(
            f"corpus.paths: {len(named):,} files have a name that is not UTF-8, which no record "
            f"can hold: {raw.listed(named)}; rename them"
        )


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
