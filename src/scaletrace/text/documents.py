"""Documents: cut from longer texts, deduplicated, and dealt to splits."""

import hashlib
import itertools
import re
from typing import NamedTuple

SPLITS = ("train", "valid", "test")

# WikiText sets an article's title between single equals signs on a line of its own, a section's
# between more. The blank lines around it tell a title from a formula.
_TITLE = re.compile(r"(?:(?<=\n \n)|\A(?: \n)?) = (?!= )[^\n]*[^=\n] = \n(?= \n)")


class Document(NamedTuple):
    """A text and the place that it comes from."""

    source: str
    text: str


def paragraphs(text: str) -> list[tuple[int, str]]:
    """Return (number of its first line, paragraph) of the parts between blank lines."""
    numbered = enumerate(text.split("\n"), start=1)
    found = []
    for filled, group in itertools.groupby(numbered, key=lambda line: bool(line[1].strip())):
        if filled:
            numbers, lines = zip(*group, strict=True)
            found.append((numbers[0], "\n".join(lines)))
    return found


def articles(text: str) -> list[tuple[str, str]]:
    """Return (title, article) of a WikiText split; the articles joined are the whole text."""
    titles = list(_TITLE.finditer(text))
    starts = [0, *(title.start() for title in titles[1:]), len(text)]
    return [
        (title.group().strip(" =\n"), text[start:end])
        for title, start, end in zip(titles, starts, starts[1:], strict=False)
    ]


def deal(documents: list[Document], valid: float, test: float) -> dict[str, list[Document]]:
    """Deal `documents` to train, valid and test by a hash of their text.

    `valid` and `test` are the expected fractions. Of equal texts the first stays, so that no text
    is in two splits. A document's split depends on its text alone; within a split the order is
    that of the hashes, so that every prefix is a fair sample.
    """
    splits: dict[str, dict[bytes, Document]] = {split: {} for split in SPLITS}
    for document in documents:
        digest = hashlib.sha256(document.text.encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        split = "valid" if position < valid else "test" if position < valid + test else "train"
        # The place within a split comes from other bits than the split itself.
        splits[split].setdefault(digest[8:], document)
    return {split: [dealt[key] for key in sorted(dealt)] for split, dealt in splits.items()}
