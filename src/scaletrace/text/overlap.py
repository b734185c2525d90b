"""How much of held-out text is in the training text: documents most of whose 13-grams it has.

Brown et al. (2020, arXiv 2005.14165, appendix C) look for a benchmark's 13-grams of words in the
training data. Memory grows with the held-out text alone: its words are numbered, its 13-grams are
hashed, and the training text passes by.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from scaletrace.text.documents import Document, words

N = 13
# Share of a document's 13-grams beyond which it is counted.
MOST = 0.5
# Words of training text that are compared at a time.
BATCH = 1 << 20
# What no held-out document has as a word, and what stands between two training documents.
OTHER = 0
# Odd, with its bits well spread: the golden ratio times 2^64.
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def overlap(
    train: Iterable[Document], held_out: dict[str, list[Document]]
) -> dict[str, dict[str, Any]]:
    """Return of each held-out split what training text shares with it, as the manifest has it.

    documents, bytes: of the documents most of whose 13-grams are in `train`; too_short: how many
    documents have no 13-gram, of which nothing is known.
    """
    numbers: dict[str, int] = {}
    hashed = {
        split: [_hashes([numbers.setdefault(word, len(numbers) + 1) for word in words(d.text)])
                for d in documents]
        for split, documents in held_out.items()
    }  # fmt: skip
    known = np.unique(np.concatenate([_hashes([]), *(h for hs in hashed.values() for h in hs)]))
    seen = np.zeros(len(known), dtype=bool)
    if len(known):
        for batch in _batches(train, numbers):
            grams = _hashes(batch)
            places = np.searchsorted(known, grams).clip(max=len(known) - 1)
            seen[places[known[places] == grams]] = True
    result = {}
    for split, documents in held_out.items():
        shares = [
            seen[np.searchsorted(known, grams)].mean() if len(grams) else None
            for grams in hashed[split]
        ]
        shared = [
            document
            for document, share in zip(documents, shares, strict=True)
            if share is not None and share > MOST
        ]
        result[split] = {
            "documents": len(shared),
            "bytes": sum(len(document.text.encode()) for document in shared),
            "too_short": shares.count(None),
        }
    return result


def _batches(documents: Iterable[Document], numbers: dict[str, int]) -> Iterator[list[int]]:
    """Yield the numbers of words, of many documents at a time."""
    batch: list[int] = []
    for document in documents:
        batch += [numbers.get(word, OTHER) for word in words(document.text)]
        batch.append(OTHER)
        if len(batch) > BATCH:
            yield batch
            batch = []
    yield batch


def _hashes(numbered: list[int]) -> np.ndarray:
    """Return a 64-bit hash of each 13-gram: a polynomial of its words' numbers."""
    row = np.array(numbered, dtype=np.uint64)
    count = max(0, len(row) - N + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(N):
        hashes = hashes * FACTOR + row[place : place + count]
    return hashes
