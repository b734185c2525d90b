"""Batches as a pure function of the tokens, the seed and the step: nothing to save or restore."""

from functools import lru_cache

import numpy as np

from scaletrace.formats.tokens import window_count


def windows(tokens: np.ndarray, indices: np.ndarray, context: int) -> np.ndarray:
    """Return the windows `indices` as int64 of shape (len(indices), context + 1).

    Window i holds the ids i*context to (i+1)*context inclusive: neighbours share one id, so that
    every id but the first is predicted in exactly one window.
    """
    positions = indices[:, None] * context + np.arange(context + 1)
    return tokens[positions].astype(np.int64)


def batch(
    tokens: np.ndarray,
    seed: int,
    step: int,
    sequences: int,
    context: int,
    part: slice = slice(None),
) -> np.ndarray:
    """Return the batch of `step` (0-based), int64 of shape (sequences, context + 1), or a part.

    Windows come in a fresh permutation in every epoch, none twice within one; a batch may span
    the end of an epoch.
    """
    available = window_count(len(tokens), context)
    drawn = np.arange(step * sequences, (step + 1) * sequences)[part]
    epochs, places = np.divmod(drawn, available)
    indices = np.empty(len(drawn), dtype=np.int64)
    for epoch in np.unique(epochs):
        chosen = epochs == epoch
        indices[chosen] = _permutation(seed, int(epoch), available)[places[chosen]]
    return windows(tokens, indices, context)


def unique_tokens(tokens: int, steps: int, sequences: int, context: int) -> int:
    """Return how many distinct tokens of `tokens` are predicted in the first `steps` batches."""
    return min(steps * sequences, window_count(tokens, context)) * context


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, available: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(available)
