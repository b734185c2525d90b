import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.formats.tokens import window_count
from scaletrace.training.batches import batch, unique_tokens, windows


def test_windows_share_one_token_with_their_neighbour():
    found = windows(np.arange(9, dtype=np.uint16), np.array([1, 0]), context=4)
    assert found.dtype == np.int64
    assert found.tolist() == [[4, 5, 6, 7, 8], [0, 1, 2, 3, 4]]


@pytest.mark.parametrize(("tokens", "expected"), [(0, 0), (4, 0), (5, 1), (8, 1), (9, 2)])
def test_window_count(tokens: int, expected: int):
    assert window_count(tokens, context=4) == expected


def test_a_batch_depends_on_seed_and_step_alone():
    tokens = np.arange(401, dtype=np.uint16)
    forwards = [batch(tokens, 3, step, 5, 4) for step in range(60)]
    backwards = [batch(tokens, 3, step, 5, 4) for step in reversed(range(60))]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))
    assert not np.array_equal(forwards[0], batch(tokens, 4, 0, 5, 4))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 3))
def test_every_epoch_sees_every_window_once(count: int, sequences: int, seed: int):
    context, epochs = 3, 3
    tokens = np.arange(count * context + 1, dtype=np.uint16)
    steps = -(-count * epochs // sequences)
    firsts = np.concatenate(
        [batch(tokens, seed, s, sequences, context)[:, 0] for s in range(steps)]
    )
    orders = firsts[: count * epochs].reshape(epochs, count) // context
    assert all(sorted(order) == list(range(count)) for order in orders.tolist())


def test_epochs_are_shuffled_differently():
    tokens = np.arange(301, dtype=np.uint16)
    epochs = [batch(tokens, 0, step, 100, 3)[:, 0].tolist() for step in range(2)]
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) == sorted(epochs[1]) != epochs[0]


@pytest.mark.parametrize(("steps", "expected"), [(1, 15), (2, 30), (20, 300), (21, 300)])
def test_unique_tokens_counts_no_token_twice(steps: int, expected: int):
    tokens = np.arange(301, dtype=np.uint16)
    seen = {t for s in range(steps) for t in batch(tokens, 0, s, 5, 3)[:, 1:].ravel().tolist()}
    assert unique_tokens(len(tokens), steps, sequences=5, context=3) == len(seen) == expected
