"""Documents: normalised duplicates dropped, and the rest dealt to splits."""

import hashlib
import unicodedata
from typing import NamedTuple

from scaletrace.errors import BadInput

SPLITS = ("train", "valid", "test")


class Document(NamedTuple):
    """A text and the place that it comes from."""

    source: str
    text: str


def words(text: str) -> list[str]:
    """Return the words of a text between white space, in Unicode's compatible form, case folded.

    Near-copies of held-out text in the training text lower the loss that is reported (Lee et al.
    2022, arXiv 2107.06499), and spaces, case and typography are the least of what can differ.
    Wenzek et al. (2020, arXiv 1911.00359) drop punctuation as well; it stays here, because in code
    and formulas it is what tells two texts apart.
    """
    return unicodedata.normalize("NFKC", text).casefold().split()


def deal(documents: list[Document], valid: float, test: float) -> dict[str, list[Document]]:
    """Deal `documents` to train, valid and test by a hash of their normalised text.

    `valid` and `test` are the expected fractions. Of texts with the same words the first stays, so
    that none is in two splits. A document's split depends on its words alone; within a split the
    order is that of the hashes, so that every prefix is a fair sample.
    """
    splits: dict[str, dict[bytes, Document]] = {split: {} for split in SPLITS}
    for document in documents:
        digest = hashlib.sha256(" ".join(words(document.text)).encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        split = "valid" if position < valid else "test" if position < valid + test else "train"
        # The place within a split comes from other bits than the split itself.
        splits[split].setdefault(digest[8:], document)
    return {split: [dealt[key] for key in sorted(dealt)] for split, dealt in splits.items()}


def deal_to_all(
    documents: list[Document], valid: float, test: float, helps: str = "give more documents"
) -> tuple[dict[str, list[Document]], int]:
    """Deal `documents` as `deal` does; return the splits, and how many duplicates were dropped.

    Args:
        documents: in the order of preference among equals.
        valid: the fraction to expect in the validation split.
        test: and in the test split.
        helps: what gives more documents, for the message.

    Raises:
        BadInput: a split has none.
    """
    splits = deal(documents, valid, test)
    different = sum(map(len, splits.values()))
    for split, dealt in splits.items():
        if not dealt:
            raise BadInput(
                f"corpus: none of {different:,} different documents falls to the {split} split "
                f"with valid: {valid}, test: {test}, and every split needs one; {helps}, or give "
                "other fractions"
            )
    return splits, len(documents) - different
