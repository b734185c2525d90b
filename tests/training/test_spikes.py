import math

import pytest

from scaletrace.training.spikes import Spikes

WARMUP = 10


def after(norms: list[float], multiple: float = 3.0) -> Spikes:
    """Spikes that have seen the warm-up, in which norms are large, and these norms."""
    spikes = Spikes(multiple, WARMUP)
    for step, norm in enumerate([1000.0] * WARMUP + norms):
        assert not spikes.skips(step, norm)
    return spikes


@pytest.mark.parametrize(("norm", "skipped"), [(2.999, False), (3.0, False), (3.001, True)])
def test_more_than_the_multiple_of_the_mean_is_skipped(norm: float, skipped: bool):
    spikes = after([0.5, 1.5] * 25)
    assert spikes.skips(60, norm) is skipped
    assert spikes.skipped == skipped


def test_before_the_mean_is_known_nothing_finite_is_skipped():
    assert not after([1.0] * 49).skips(59, 1e6)


def test_the_mean_is_of_all_norms_and_then_forgets():
    assert after([1.0] * 30 + [2.0] * 30).numbers["mean"].item() == pytest.approx(1.5)
    slow = after([1.0] * 100 + [2.0] * 200)
    assert slow.numbers["mean"].item() == pytest.approx(2 - 0.99**200)


def test_a_spike_moves_the_mean_no_further_than_the_multiple_and_norms_that_stay_are_taken_up():
    spikes = after([1.0] * 100)
    skipped = 0
    while spikes.skips(110 + skipped, 20.0):
        skipped += 1
        assert spikes.numbers["mean"].item() == pytest.approx(1.02**skipped)
    # 3 times the mean has to reach 20.
    assert skipped == math.ceil(math.log(20 / 3) / math.log(1.02)) == spikes.skipped


@pytest.mark.parametrize("norm", [math.inf, math.nan])
def test_what_is_not_finite_is_skipped_always_and_a_hundred_in_a_row_are_the_end(norm: float):
    spikes = Spikes(3.0, WARMUP)
    for step in range(99):
        assert spikes.skips(step, norm)
    assert not spikes.diverged
    assert not spikes.skips(99, 1.0)
    for step in range(100, 200):
        assert not spikes.diverged
        assert spikes.skips(step, norm)
    assert spikes.diverged
    assert spikes.skipped == 199
    assert spikes.numbers["mean"].item() == 1.0


def test_every_skip_is_told_once():
    spikes = Spikes(3.0, WARMUP)
    assert spikes.tell() == 0
    for step in range(3):
        spikes.skips(step, math.nan)
    assert (spikes.tell(), spikes.tell(), spikes.skipped) == (3, 0, 3)
