import pytest

from scaletrace.study import cost
from scaletrace.study.cost import Pace, Speed

ASSUMED = Pace("assumed", 2.0, 1e9, 1e4, 1e-3)


def speed(pace, flops_per_token, layers, batch=256):
    """What a machine of exactly this pace would be measured at."""
    seconds = pace.seconds(flops_per_token * batch, layers, batch, 1) - pace.start_seconds
    return Speed(flops_per_token, layers, batch, batch / seconds)


def test_seconds_are_the_sum_of_their_parts():
    found = ASSUMED.seconds(flops=3e9, layers=4, tokens=5e4, steps=100)
    assert found == pytest.approx(2 + 3 + 5 * (5 + 0.1))


def test_a_machine_of_the_assumed_form_is_found_exactly():
    true = Pace("true", 2.0, 4e9, 5e3, 2e-3)
    speeds = [speed(true, *model) for model in ((1e4, 1), (1e5, 3), (1e6, 3))]
    found = cost.fitted_pace("observed", ASSUMED, speeds)
    assert found.flops_per_s == pytest.approx(4e9)
    assert found.layer_tokens_per_s == pytest.approx(5e3)
    assert found.layer_step_seconds == pytest.approx(2e-3)
    assert found.source == "observed"
    assert found.start_seconds == 2.0


def test_one_measured_size_scales_the_assumed_pace():
    true = cost.scaled_pace("true", ASSUMED, 3)
    found = cost.fitted_pace("observed", ASSUMED, [speed(true, 1e5, 2)])
    assert found.flops_per_s == pytest.approx(3e9)
    assert found.layer_tokens_per_s == pytest.approx(3e4)
    assert found.layer_step_seconds == pytest.approx(1e-3 / 3)


def test_speeds_against_the_form_still_give_a_positive_pace():
    # The larger model is measured faster than the smaller one: no such machine exists.
    speeds = [Speed(1e4, 2, 256, 1e3), Speed(1e6, 2, 256, 2e3)]
    found = cost.fitted_pace("observed", ASSUMED, speeds)
    assert found.flops_per_s > 0
    assert found.layer_tokens_per_s > 0
    assert found.layer_step_seconds > 0


@pytest.mark.parametrize(
    ("flops_per_token", "layers", "batch", "milliseconds"),
    [
        # Median steps of one thread of a server core, widths 8 to 256.
        (23_040, 1, 64, 2.12),
        (147_456, 2, 64, 3.38),
        (460_800, 2, 64, 3.93),
        (184_320, 2, 1024, 9.67),
        (565_248, 3, 1024, 18.11),
        (1_966_080, 4, 1024, 43.10),
        (6_291_456, 4, 1024, 105.93),
        (26_738_688, 4, 4096, 1386.45),
    ],
)
def test_the_assumed_pace_of_a_core_is_a_real_ones(flops_per_token, layers, batch, milliseconds):
    pace = cost.ASSUMED["cpu"]
    found = pace.seconds(flops_per_token * batch, layers, batch, 1) - pace.start_seconds
    assert found == pytest.approx(milliseconds / 1e3, rel=0.25)


def test_a_later_attempt_asks_for_more():
    first, second = cost.minutes_to_ask(600), cost.minutes_to_ask(600, times=2)
    assert first == cost.TIME_FLOOR_MINUTES + 30
    assert second == 2 * first
    # As far as a limit of 15 minutes allows.
    assert cost.minutes_to_ask(20, times=15 / 11) == 15
    assert cost.mb_to_ask(600) == 1300
    assert cost.mb_to_ask(600, times=2) == 2600


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
