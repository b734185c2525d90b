import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.training.schedules import cosine, stepped, wsd


def test_wsd_by_hand():
    factors = [wsd(step, 2, 4, 8) for step in range(8)]
    cooldown = [1 - math.sqrt(k / 4) for k in range(4)]
    assert factors == [0.5, 1.0, 1.0, 1.0, *cooldown]
    assert wsd(8, 2, 4, 8) == 0.0


def test_a_trunk_keeps_its_rate_to_the_end():
    assert [wsd(step, 0, 5, 5) for step in range(5)] == [1.0] * 5


def test_steps_down_by_hand():
    drops = ((4, 0.5), (8, 0.25))
    assert [stepped(step, drops) for step in (0, 3, 4, 7, 8, 100)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert stepped(100, ()) == 1


def test_cosine_by_hand():
    assert cosine(0, 4, 104) == 0.25
    assert cosine(4, 4, 104) == 1.0
    assert cosine(54, 4, 104) == pytest.approx(0.55)
    assert cosine(104, 4, 104) == pytest.approx(0.1)


@given(st.integers(0, 50), st.integers(51, 200), st.integers(1, 200))
def test_rates_rise_then_never_rise_again(warmup, cooldown_from, cooldown_steps):
    total = cooldown_from + cooldown_steps
    for factors in (
        [wsd(step, warmup, cooldown_from, total) for step in range(total)],
        [cosine(step, warmup, total) for step in range(total)],
    ):
        assert all(0 < factor <= 1 for factor in factors)
        assert factors[:warmup] == sorted(factors[:warmup])
        assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
