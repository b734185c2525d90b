"""Documents: deduplicated, and dealt to splits."""

import hashlib
from typing import NamedTuple

from scaletrace.errors import BadInput

SPLITS = ("train", "valid", "test")


class Document(NamedTuple):
    """A text and the place that it comes from."""

    source: str
    text: str


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


def deal_to_all(documents: list[Document], valid: float, test: float) -> dict[str, list[Document]]:
    """Deal `documents` as `deal` does.

    Raises:
        BadInput: a split has none.
    """
    splits = deal(documents, valid, test)
    for split, dealt in splits.items():
        if not dealt:
            raise BadInput(
                f"corpus: no document falls to the {split} split of {len(documents)} with "
                f"valid: {valid}, test: {test}; every split needs one, so give more documents "
                "or other fractions"
            )
    return splits
