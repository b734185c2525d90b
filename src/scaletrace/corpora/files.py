"""The user's own UTF-8 text."""

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from scaletrace.corpora import DealtSource
from scaletrace.errors import BadInput
from scaletrace.text import globs
from scaletrace.text.documents import Document, deal_to_all
from scaletrace.text.raw import decode, read_bytes
from scaletrace.tokenizers import Vocabulary


class Keys(DealtSource):
    """Which files, and what in them is a document."""

    source: Literal["files"]
    paths: list[str] = Field(
        min_length=1, description="files and globs, relative to where snakemake is started"
    )
    document: Literal["file", "paragraph"] = Field(
        "file", description="what counts as one document: a file, or text between blank lines"
    )

    def settings(self, versions: dict[str, str]) -> "Settings":
        """Return the settings of the job that reads them."""
        del versions
        return Settings(self.source, self.valid, self.test, self.document)

    def raw_files(self) -> list[str]:
        """Return the files that the paths name, sorted.

        Raises:
            BadInput: a path or glob matches nothing.
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
            named.update(matches)
        return sorted(named)

    def check(self, vocabulary: Vocabulary, raw_files: list[str]) -> None:
        """Raise BadInput where the files are too short for the vocabulary."""
        vocabulary.require_text(self.text_bytes(raw_files))

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
    sums = {}
    for path in sorted(files):
        name = Path(os.path.relpath(path, base)).as_posix()
        content = read_bytes(path)
        sums[name] = hashlib.sha256(content).hexdigest()
        text = decode(content, path)
        if settings.document == "file":
            documents.append(Document(name, text))
        else:
            documents += [Document(f"{name}:{line}", part) for line, part in paragraphs(text)]
    print(f"corpus: {len(files):,} files, {len(documents):,} documents", flush=True)
    return deal_to_all(documents, settings.valid, settings.test), {"files": sums}


def paragraphs(text: str) -> list[tuple[int, str]]:
    """Return (number of its first line, paragraph) of the parts between blank lines."""
    numbered = enumerate(text.split("\n"), start=1)
    parts = []
    for filled, group in itertools.groupby(numbered, key=lambda line: bool(line[1].strip())):
        if filled:
            numbers, lines = zip(*group, strict=True)
            parts.append((numbers[0], "\n".join(lines)))
    return parts
