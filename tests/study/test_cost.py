import pytest

from scaletrace.study import cost
from scaletrace.study.cost import Pace, Speed

ASSUMED = Pace("assumed", 2.0, 1e9, 1e4, 1e-3)


def speed(pace, flops_per_token, batch):
    """What a machine of exactly this pace would be measured at."""
    seconds = pace.seconds(flops_per_token * batch, batch, 1) - pace.start_seconds
    return Speed(flops_per_token, batch, batch / seconds)


def test_seconds_are_the_sum_of_their_parts():
    assert ASSUMED.seconds(flops=3e9, tokens=5e4, steps=100) == pytest.approx(2 + 3 + 5 + 0.1)


def test_a_machine_of_the_assumed_form_is_found_exactly():
    true = Pace("true", 2.0, 4e9, 5e3, 2e-3)
    speeds = [speed(true, flops, batch=256) for flops in (1e4, 1e5, 1e6)]
    found = cost.fitted_pace("observed", ASSUMED, speeds)
    assert found.flops_per_s == pytest.approx(4e9)
    assert found.tokens_per_s == pytest.approx(5e3)
    assert found.step_seconds == pytest.approx(2e-3)
    assert found.source == "observed"
    assert found.start_seconds == 2.0


def test_one_measured_size_scales_the_assumed_pace():
    true = Pace("true", 2.0, 3e9, 3e4, 1e-3 / 3)
    found = cost.fitted_pace("observed", ASSUMED, [speed(true, 1e5, batch=256)])
    assert found.flops_per_s == pytest.approx(3e9)
    assert found.tokens_per_s == pytest.approx(3e4)


def test_speeds_against_the_form_still_give_a_positive_pace():
    # The larger model is measured faster than the smaller one: no such machine exists.
    speeds = [Speed(1e4, 256, 1e3), Speed(1e6, 256, 2e3)]
    found = cost.fitted_pace("observed", ASSUMED, speeds)
    assert found.flops_per_s > 0
    assert found.tokens_per_s > 0
    assert found.step_seconds > 0


def test_a_later_attempt_asks_for_more():
    first, second = cost.minutes_to_ask(600), cost.minutes_to_ask(600, attempt=2)
    assert first == cost.TIME_FLOOR_MINUTES + 30
    assert second == 2 * first
    assert cost.mb_to_ask(600) == 1300
    assert cost.mb_to_ask(600, attempt=2) == 2600


def test_memory_grows_with_parameters_rows_and_vocabulary():
    def mb(parameters=10**6, vocabulary=4096, rows=4096, device="cpu"):
        return cost.training_mb(parameters, 512, vocabulary, rows, device)

    assert mb(parameters=11 * 10**6) - mb() == pytest.approx(
        10**7 * cost.STATE_BYTES / 2**20, abs=1
    )
    assert mb(rows=8192) - mb() == pytest.approx(4096 * 512 * cost.ACTIVATIONS * 4 / 2**20, abs=1)
    assert mb(vocabulary=8192) > mb()
    assert mb(device="cuda", rows=8192) == mb(device="cuda")


def test_text_takes_time_and_memory_by_its_size():
    assert cost.text_seconds(2 * 10**9) == 2 * cost.text_seconds(10**9)
    assert cost.text_mb(10**9) - cost.text_mb(0) == pytest.approx(cost.TEXT_MEMORY * 1e9 / 2**20)
