"""The law of the best rate, on losses whose law is known."""

import numpy as np
import pytest
from scipy.stats import t as student

from scaletrace.fitting import best_rate

RATES = 0.003 * 2.0 ** np.arange(6)
N = np.array([1e4, 3e4, 9e4])


def losses(n, noise=0.0, seed=0, exponent=-0.4):
    """Parabolas in ln rate whose centre is at 0.012 (N / 3e4)^exponent."""
    centre = np.log(0.012) + exponent * np.log(n / 3e4)
    random = np.random.default_rng([seed, int(n)])
    exact = 3.0 - 0.1 * np.log(n / 1e4) + 0.04 * (np.log(RATES) - centre) ** 2
    return exact + noise * random.standard_normal(len(RATES))


def found_law(noise=0.0, seed=0):
    return best_rate.law(N, [best_rate.parabola(RATES, losses(n, noise, seed)) for n in N])


def test_exact_losses_give_the_law_exactly():
    law = found_law()
    assert law.exponent == pytest.approx(-0.4, abs=1e-9)
    assert np.exp(law.centre) == pytest.approx(0.012 * (law.at_n / 3e4) ** -0.4, rel=1e-9)


def test_a_parabola_gives_its_own_numbers_back():
    found = best_rate.parabola(RATES, losses(3e4))
    assert found.centre == pytest.approx(np.log(0.012))
    assert found.lowest == pytest.approx(3.0 - 0.1 * np.log(3))
    assert found.curvature == pytest.approx(0.08)
    assert found.used.sum() == 5
    assert found.loss(np.log(RATES)) == pytest.approx(losses(3e4))


def test_intervals_cover_the_exponent_as_often_as_they_say():
    covered = 0
    for seed in range(300):
        law = found_law(noise=0.004, seed=seed)
        assert law.covariance is not None
        errors = student.ppf(0.975, law.dof)
        covered += abs(law.exponent + 0.4) < errors * np.sqrt(law.covariance[1, 1])
    assert 0.92 < covered / 300 < 0.99


def test_two_sizes_and_three_rates_give_a_law_without_an_interval():
    rates = RATES[1:4]
    parabolas = [best_rate.parabola(rates, losses(n, exponent=-0.1)[1:4]) for n in N[:2]]
    law = best_rate.law(N[:2], parabolas)
    assert law.exponent == pytest.approx(-0.1, abs=1e-9)
    assert law.covariance is None


def test_seeds_are_points_of_their_own():
    rates = np.concatenate([RATES, RATES])
    both = np.concatenate([losses(3e4, 0.01, 1), losses(3e4, 0.01, 2)])
    found = best_rate.parabola(rates, both)
    assert found.used.sum() == found.dof + 3 == 10


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (slice(2, 6), "lowest at the lowest candidate, 0.012"),
        (slice(0, 3), "lowest at the highest candidate, 0.012"),
    ],
)
def test_a_minimum_at_an_end_is_refused(keep, said):
    with pytest.raises(best_rate.NoMinimumError, match=said):
        best_rate.parabola(RATES[keep], losses(3e4)[keep])


def test_a_minimum_beside_what_diverged_is_refused():
    some = losses(3e4)
    some[3] = np.nan
    with pytest.raises(best_rate.NoMinimumError, match=r"next candidate, 0\.024, diverged"):
        best_rate.parabola(RATES, some)
    some[:] = np.nan
    with pytest.raises(best_rate.NoMinimumError, match="every candidate diverged"):
        best_rate.parabola(RATES, some)


def test_a_cliff_beyond_the_neighbours_moves_nothing():
    some = losses(3e4)
    some[4] = 4.5
    found = best_rate.parabola(RATES, some)
    assert found.centre == pytest.approx(np.log(0.012))
    assert list(RATES[found.used]) == pytest.approx([0.003, 0.006, 0.012, 0.024])


def test_what_diverged_further_out_is_left_out():
    some = losses(3e4)
    some[5] = np.nan
    found = best_rate.parabola(RATES, some)
    assert found.centre == pytest.approx(np.log(0.012))
    assert not found.used[5]
